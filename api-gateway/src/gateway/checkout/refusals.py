"""
What it means for an order when inventory or pricing says no.

A *business* no rejects the order, and its shopper can mend it. A *definite* no of ours means that the
step has not happened and will not: the order fails. Every other no is one that we have caused, or that
cannot be (our token was refused, a proxy spoke): the outcome is unknown, and is asked for again.

===========  =========================================  =======================================
asked        refused                                    means
===========  =========================================  =======================================
reserve      OUT_OF_STOCK, NOT_FOUND of a product,      business
             INVALID_REQUEST
quote        INVALID_DISCOUNT, NOT_FOUND of a price,    business
             INVALID_REQUEST, such as of the currency
commit       CONFLICT: EXPIRED, RELEASED, RETURNED;     definite: RESERVATION_EXPIRED
             NOT_FOUND of the order
release,     none is a no: what cannot be released or   unknown
return       returned is for people to look at
===========  =========================================  =======================================
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final, Literal

import structlog
from pydantic import JsonValue

from servicekit.errors import StorefrontError, UpstreamRefused
from servicekit.sagas import Outcome, Refused, Unknown

log = structlog.get_logger()

Call = Literal["reserve", "release", "commit", "return", "quote", "release-quote"]
Facts = Mapping[str, JsonValue]

RESERVATION_EXPIRED: Final = "RESERVATION_EXPIRED"


@dataclass(frozen=True, slots=True)
class No:
    """
    A refusal that is known: by its status and code, and by what its facts say. ``tells`` is the code
    of the order's reason, ``shows`` the facts that its shopper may see.
    """

    status: int
    code: str
    is_it: Callable[[Facts], bool]
    tells: str
    shows: tuple[str, ...] = ()


def _says(name: str, *values: str) -> Callable[[Facts], bool]:
    return lambda facts: facts.get(name) in values


def _lists(name: str) -> Callable[[Facts], bool]:
    return lambda facts: isinstance(facts.get(name), list)


_GONE: Final = _says("reason", "EXPIRED", "RELEASED", "RETURNED")
#: What we take and they do not: a currency that is not sold in, an id that is an address there.
_NOT_TAKEN: Final = No(
    422, "INVALID_REQUEST", _lists("problems"), tells="INVALID_REQUEST", shows=("problems",)
)
KNOWN: Final[Mapping[Call, tuple[No, ...]]] = {
    "reserve": (
        No(409, "OUT_OF_STOCK", _lists("items"), tells="OUT_OF_STOCK", shows=("items",)),
        No(404, "NOT_FOUND", _says("what", "product"), tells="NOT_FOUND", shows=("what", "id")),
        _NOT_TAKEN,
    ),
    "quote": (
        No(422, "INVALID_DISCOUNT", _lists("codes"), tells="INVALID_DISCOUNT", shows=("codes",)),
        No(
            404,
            "NOT_FOUND",
            _says("what", "price"),
            tells="NOT_FOUND",
            shows=("what", "id", "ids", "currency"),
        ),
        _NOT_TAKEN,
    ),
    "commit": (
        No(409, "CONFLICT", _GONE, tells=RESERVATION_EXPIRED),
        No(404, "NOT_FOUND", _says("what", "order"), tells=RESERVATION_EXPIRED),
    ),
}


def outcome_of(call: Call, error: StorefrontError) -> Outcome:
    """
    What a call that has raised ``error`` came to.
    """
    if not isinstance(error, UpstreamRefused):
        return Unknown(error.code)
    for no in KNOWN.get(call, ()):
        if (no.status, no.code) == _said(error) and no.is_it(error.facts):
            return Refused(no.tells, _told(no, error))
    log.error(
        "order.refused_strangely",
        call=call,
        status=error.upstream_status,
        code=error.upstream_code,
        reason=error.facts.get("reason"),
    )
    return Unknown(error.upstream_code or error.code)


def _said(error: UpstreamRefused) -> tuple[int, str | None]:
    return error.upstream_status, error.upstream_code


def _told(no: No, error: UpstreamRefused) -> Facts:
    shown = {name: error.facts[name] for name in no.shows if name in error.facts}
    return {"message": error.reason or "The order cannot be placed so.", "details": shown}
