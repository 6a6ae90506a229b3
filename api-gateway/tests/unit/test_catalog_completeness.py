"""
The rules of complete and incomplete answers, all of them, without a service in sight.
"""

from datetime import UTC, datetime

import pytest

from gateway.catalog.completeness import PriceFound, ProductFound, checked, view_of
from gateway.catalog.errors import NothingKnown
from gateway.catalog.models import Lack, Reason, Recalled, Unavailable, View
from gateway.upstreams.models import Price, Product
from servicekit.errors import (
    CircuitOpen,
    DeadlineExceeded,
    NotFound,
    Overloaded,
    ServiceUnavailable,
    StorefrontError,
    UpstreamFailed,
    UpstreamRefused,
)

PRODUCT = Product(
    "A-1", "A-1", "A", "", "home", "/a.svg", 3, 1, 2, datetime(2026, 1, 1, 12, tzinfo=UTC)
)
PRICE = Price("A-1", "5.00", "USD")


def product_of(state: str) -> ProductFound:
    """
    What was found of inventory's part.
    """
    lost: Unavailable[Product] = Unavailable("CIRCUIT_OPEN", retry_after_s=30)
    last = Unavailable("CIRCUIT_OPEN", retry_after_s=30, last=Recalled(PRODUCT, 7.9))
    return {"value": PRODUCT, "none": None, "lost": lost, "last": last}[state]


def price_of(state: str) -> PriceFound:
    """
    What was found of pricing's part.
    """
    lost: Unavailable[Price] = Unavailable("UPSTREAM_ERROR")
    last = Unavailable("UPSTREAM_ERROR", last=Recalled(PRICE, 12.0))
    return {"value": PRICE, "none": None, "lost": lost, "last": last}[state]


NO_PRICE = Lack("pricing", "NOT_FOUND")
LOST_PRICE = Lack("pricing", "UPSTREAM_ERROR")
OLD_PRICE = Lack("pricing", "UPSTREAM_ERROR", 12.0)
LOST_PRODUCT = Lack("inventory", "CIRCUIT_OPEN")
OLD_PRODUCT = Lack("inventory", "CIRCUIT_OPEN", 7.9)

TABLE: list[tuple[str, str, View | type[StorefrontError]]] = [
    ("value", "value", View("A-1", PRODUCT, PRICE, ())),
    ("value", "none", View("A-1", PRODUCT, None, (NO_PRICE,))),
    ("value", "lost", View("A-1", PRODUCT, None, (LOST_PRICE,))),
    ("value", "last", View("A-1", PRODUCT, PRICE, (OLD_PRICE,))),
    ("none", "value", NotFound),
    ("none", "none", NotFound),
    ("none", "lost", NotFound),
    ("none", "last", NotFound),
    ("lost", "value", View("A-1", None, PRICE, (LOST_PRODUCT,))),
    ("lost", "none", NothingKnown),
    ("lost", "lost", NothingKnown),
    ("lost", "last", View("A-1", None, PRICE, (LOST_PRODUCT, OLD_PRICE))),
    ("last", "value", View("A-1", PRODUCT, PRICE, (OLD_PRODUCT,))),
    ("last", "none", View("A-1", PRODUCT, None, (OLD_PRODUCT, NO_PRICE))),
    ("last", "lost", View("A-1", PRODUCT, None, (OLD_PRODUCT, LOST_PRICE))),
    ("last", "last", View("A-1", PRODUCT, PRICE, (OLD_PRODUCT, OLD_PRICE))),
]


@pytest.mark.parametrize(("inventory", "pricing", "expected"), TABLE)
def test_both_parts_make_one_answer(
    inventory: str, pricing: str, expected: View | type[StorefrontError]
) -> None:
    """
    Each of the sixteen combinations is answered as the table says.
    """
    product, price = product_of(inventory), price_of(pricing)

    if isinstance(expected, View):
        assert view_of("A-1", product, price) == expected
    else:
        with pytest.raises(expected):
            view_of("A-1", product, price)


@pytest.mark.parametrize(("inventory", "pricing", "expected"), TABLE)
def test_a_line_of_many_raises_nothing(
    inventory: str, pricing: str, expected: View | type[StorefrontError]
) -> None:
    """
    In a bulk check the same is found, missing or failed.
    """
    line = checked("A-1", product_of(inventory), price_of(pricing))

    if isinstance(expected, View):
        assert (line.status, line.view, line.failed_for) == ("found", expected, ())
    else:
        status = "missing" if expected is NotFound else "failed"
        assert (line.status, line.view) == (status, None)
        assert [lack.part for lack in line.failed_for] == (
            ["inventory", "pricing"] if status == "failed" else []
        )


def test_an_answer_without_anything_says_which_part_and_how_long_to_wait() -> None:
    """
    The 503 names both parts with their reasons, and the longest wait that is known.
    """
    with pytest.raises(NothingKnown) as caught:
        view_of("A-1", product_of("lost"), price_of("lost"))

    assert caught.value.headers == {"Retry-After": "30"}
    assert caught.value.details["parts"] == [
        {"part": "inventory", "reason": "CIRCUIT_OPEN"},
        {"part": "pricing", "reason": "UPSTREAM_ERROR"},
    ]


@pytest.mark.parametrize(
    ("inventory", "pricing", "status"),
    [
        ("DEADLINE_EXCEEDED", "DEADLINE_EXCEEDED", 504),
        ("DEADLINE_EXCEEDED", "NOT_FOUND", 504),
        ("CIRCUIT_OPEN", "NOT_FOUND", 503),
        ("DEADLINE_EXCEEDED", "CIRCUIT_OPEN", 503),
        ("OVERLOADED", "DEADLINE_EXCEEDED", 503),
    ],
)
def test_only_time_that_was_too_short_everywhere_is_504(
    inventory: Reason, pricing: Reason, status: int
) -> None:
    """
    A caller is told so where more time might have helped, whatever part could be read.
    """
    product: ProductFound = Unavailable(inventory, waited_s=0.18)
    price: PriceFound = None if pricing == "NOT_FOUND" else Unavailable(pricing, waited_s=0.18)

    with pytest.raises(StorefrontError) as caught:
        view_of("A-1", product, price)

    assert caught.value.status == status


@pytest.mark.parametrize(
    ("error", "reason", "retry_after_s"),
    [
        (CircuitOpen("inventory", retry_after_s=42.5), "CIRCUIT_OPEN", 42.5),
        (Overloaded("it"), "OVERLOADED", 1),
        (ServiceUnavailable("it", retry_after_s=3), "SERVICE_UNAVAILABLE", 3),
        (DeadlineExceeded(after_s=0.9), "DEADLINE_EXCEEDED", 1),
        (UpstreamFailed("inventory"), "UPSTREAM_ERROR", 1),
        (UpstreamRefused("inventory", status=422, code="INVALID_REQUEST"), "UPSTREAM_ERROR", 1),
        (NotFound("address"), "UPSTREAM_ERROR", 1),
    ],
)
def test_a_reason_is_a_code(error: StorefrontError, reason: str, retry_after_s: float) -> None:
    """
    What an error means for a part is one of the codes that the documentation lists.
    """
    found: Unavailable[Product] = Unavailable.because_of(error)

    assert (found.reason, found.retry_after_s, found.value) == (reason, retry_after_s, None)
