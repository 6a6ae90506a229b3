"""
What may become of an order: stories whose answers make the tables in docs/operations.md under "What a
shopper sees". Each is told at a gateway of its kind, over the real inventory and pricing.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, TypedDict

import httpx
from checkout_app import GUEST
from fake_backends import lost
from gateway_app import bearer
from real_goods import OVER
from shopper_happenings import (
    LAMP,
    Happening,
    cancelled,
    cancelled_by_another,
    cancelled_too_early,
    cancelled_twice,
    cancelled_when_failed,
    cancelled_when_rejected,
    cancelling_for_long,
    failed_before,
    for_long,
    order,
    order_after,
    order_held,
    order_while,
    read_by_another,
    too_many,
    twice,
    used_up,
    waiting,
)

READER: Final = bearer(sub="reader-1", scope="read")
#: Longer than an order is tried, and longer than stock is held for it; s.
PAST_DEADLINE_S, PAST_RESERVATION_S = 11, 901
#: More than one request of a busy machine needs, and less than an order that is held up; ms.
SHORT_MS: Final = 1_500


@dataclass(frozen=True, slots=True)
class Story:
    """
    What happened, and how that comes about; ``where``: at which of the gateways.
    """

    what: str
    happens: Happening
    where: str = "patient"


class Told(TypedDict, total=False):
    """
    What a gateway is told that is not as others.
    """

    order_wait_seconds: float
    max_running_orders: int
    takes_orders: bool


#: The gateways, by names for them.
GATEWAYS: Final[Mapping[str, Told]] = {
    "patient": {},
    "impatient": {"order_wait_seconds": 0.05},
    "crowded": {"max_running_orders": 1},
    "closed": {"takes_orders": False},
}


NONSENSE: Final = b"<html>"
GONE: Final = httpx.ConnectError("nobody listens")

STORIES: Final[Mapping[str, tuple[Story, ...]]] = {
    "An order that cannot be had like this": (
        Story("more is wanted of two products than is left", order({"TEST-002": 3, "TEST-003": 2})),
        Story("a product that there is not", order({"TEST-001": 1, "TEST-999": 1})),
        Story("codes that do not count, of two kinds", order(LAMP, OVER, "TYPO")),
        Story("a code whose uses are all taken", used_up),
        Story("no price in the currency", order(currency="EUR")),
        Story("a currency that the shop lacks", order(currency="XXX")),
        Story("a quantity of 0", order({"TEST-001": 0})),
        Story("not signed in, where guests may not order", order(caller=GUEST)),
        Story("signed in without the scope `write`", order(caller=READER)),
    ),
    "Sent again": (
        Story("the same order under its key", twice(LAMP, LAMP, key="same")),
        Story("the same, rejected the first time", twice(LAMP, LAMP, "TYPO", key="rejected")),
        Story("the same, failed the first time", failed_before),
        Story("another order under the key", twice(LAMP, {"TEST-001": 2}, key="other")),
        Story("a key with a blank in it", order(key="a b")),
    ),
    "Something of ours is ill, and the caller waits for the end": (
        Story("inventory is away for a moment", order_after("reserve", *[503] * 4)),
        Story("the reserve's answer is lost", order_after("reserve", lost(), lost())),
        Story("the commit's answer is lost", order_after("commit", lost(), lost())),
        Story("inventory reserves nothing until the deadline", order_while("reserve")),
        Story("pricing quotes nothing until then", order_while("quote")),
        Story("both at once", order_while("reserve", "quote")),
        Story("inventory answers nonsense until then", order_while("reserve", fault=NONSENSE)),
        Story("the quote comes after the deadline", order_held("quote", PAST_DEADLINE_S)),
        Story(
            "the reservation expires before the commit", order_held("commit", PAST_RESERVATION_S)
        ),
        Story("more orders at once than this replica carries", too_many, "crowded"),
        Story("no orders are taken here (`TAKES_ORDERS`)", order(), "closed"),
    ),
    "The caller stops waiting": (
        Story("`Prefer: respond-async`", waiting(prefer="respond-async")),
        Story("the caller's deadline is shorter than the order takes", waiting(within_ms=SHORT_MS)),
        Story("the order takes longer than `ORDER_WAIT_SECONDS`", waiting(), "impatient"),
        Story(
            "inventory is away altogether, for long",
            for_long("reserve", "release", fault=GONE, then="FAILED"),
            "impatient",
        ),
        Story(
            "pricing is",
            for_long("quote", "release-quote", fault=GONE, then="FAILED"),
            "impatient",
        ),
        Story(
            "the commit stays without an answer for long",
            for_long("commit", fault=lost(), then="CONFIRMED"),
            "impatient",
        ),
        Story(
            "a wrong code, and the stock cannot be given back for long",
            for_long("release", fault=503, then="REJECTED", codes=("TYPO",)),
            "impatient",
        ),
    ),
    "Reading and cancelling": (
        Story("somebody else's order is read", read_by_another),
        Story("somebody else's order is cancelled", cancelled_by_another),
        Story("a confirmed order is cancelled", cancelled),
        Story("it is cancelled again", cancelled_twice),
        Story("an order is cancelled that is on its way", cancelled_too_early),
        Story("one that was rejected", cancelled_when_rejected),
        Story("one that has failed", cancelled_when_failed),
        Story("the stock cannot be taken back for long", cancelling_for_long, "impatient"),
    ),
}
