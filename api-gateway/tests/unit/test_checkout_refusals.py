"""
What a no of inventory or pricing means for an order.
"""

from collections.abc import Mapping

import pytest
from pydantic import JsonValue

from gateway.checkout.refusals import Call, outcome_of
from servicekit.errors import (
    CircuitOpen,
    DeadlineExceeded,
    OutcomeUnknown,
    Overloaded,
    StorefrontError,
    UpstreamFailed,
    UpstreamRefused,
)
from servicekit.sagas import Refused, Unknown

ITEMS: list[JsonValue] = [{"productId": "A-1", "wanted": 2, "left": 1}]
CODES: list[JsonValue] = [{"code": "TYPO", "reason": "UNKNOWN"}]
CURRENCY: list[JsonValue] = [{"field": "body.currency", "problem": "must be one of EUR"}]


def _refusal(status: int, code: str | None, facts: Mapping[str, JsonValue]) -> UpstreamRefused:
    return UpstreamRefused("inventory", status=status, code=code, reason="So it is.", facts=facts)


@pytest.mark.parametrize(
    ("call", "refusal", "code", "shown"),
    [
        ("reserve", (409, "OUT_OF_STOCK", {"items": ITEMS}), "OUT_OF_STOCK", {"items": ITEMS}),
        (
            "reserve",
            (404, "NOT_FOUND", {"what": "product", "id": "A-1", "host": "10.0.0.1"}),
            "NOT_FOUND",
            {"what": "product", "id": "A-1"},
        ),
        (
            "quote",
            (422, "INVALID_DISCOUNT", {"codes": CODES}),
            "INVALID_DISCOUNT",
            {"codes": CODES},
        ),
        (
            "quote",
            (404, "NOT_FOUND", {"what": "price", "id": "A-1", "ids": ["A-1"], "currency": "EUR"}),
            "NOT_FOUND",
            {"what": "price", "id": "A-1", "ids": ["A-1"], "currency": "EUR"},
        ),
        (
            "quote",
            (422, "INVALID_REQUEST", {"problems": CURRENCY}),
            "INVALID_REQUEST",
            {"problems": CURRENCY},
        ),
        ("commit", (409, "CONFLICT", {"reason": "EXPIRED"}), "RESERVATION_EXPIRED", {}),
        ("commit", (409, "CONFLICT", {"reason": "RELEASED"}), "RESERVATION_EXPIRED", {}),
        ("commit", (409, "CONFLICT", {"reason": "RETURNED"}), "RESERVATION_EXPIRED", {}),
        ("commit", (404, "NOT_FOUND", {"what": "order"}), "RESERVATION_EXPIRED", {}),
    ],
)
def test_a_no_that_is_known_ends_the_order(
    call: Call,
    refusal: tuple[int, str, Mapping[str, JsonValue]],
    code: str,
    shown: dict[str, JsonValue],
) -> None:
    """
    It has its reason and the facts that a shopper may see, and no others.
    """
    outcome = outcome_of(call, _refusal(*refusal))

    assert outcome == Refused(code, {"message": "So it is.", "details": shown})


@pytest.mark.parametrize(
    ("call", "error"),
    [
        ("reserve", _refusal(401, "AUTH_ERROR", {})),
        ("reserve", _refusal(403, "FORBIDDEN", {})),
        ("reserve", _refusal(404, None, {})),
        ("reserve", _refusal(404, "NOT_FOUND", {"what": "address"})),
        ("reserve", _refusal(409, "OUT_OF_STOCK", {})),
        ("reserve", _refusal(409, "CONFLICT", {"reason": "RELEASED"})),
        ("quote", _refusal(422, "INVALID_REQUEST", {})),
        ("quote", _refusal(409, "OUT_OF_STOCK", {"items": ITEMS})),
        ("commit", _refusal(409, "CONFLICT", {"reason": "OTHER_ITEMS"})),
        ("release", _refusal(409, "CONFLICT", {"reason": "COMMITTED"})),
        ("return", _refusal(409, "CONFLICT", {"reason": "NOT_COMMITTED"})),
        ("return", _refusal(404, "NOT_FOUND", {"what": "order"})),
        ("release-quote", _refusal(429, "RATE_LIMIT", {})),
        ("commit", OutcomeUnknown("inventory")),
        ("commit", UpstreamFailed("inventory")),
        ("reserve", CircuitOpen("inventory", retry_after_s=1)),
        ("reserve", Overloaded("inventory")),
        ("quote", DeadlineExceeded(after_s=1)),
    ],
)
def test_every_other_answer_leaves_open_what_has_happened(
    call: Call, error: StorefrontError
) -> None:
    """
    What we have caused, what cannot be, and what failed on the way is asked for again.
    """
    assert isinstance(outcome_of(call, error), Unknown)
