"""
What orders may ask of inventory and pricing, one thing after the other, and what comes of it.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final

from tests.contract.order_side import Side, Told

Step = Callable[[Side], Awaitable[Told]]

CONFLICT: Final = "409 CONFLICT"
INVALID: Final = "422 INVALID_REQUEST"
MANY: Final = " ".join(f"1P-{number}" for number in range(101))


@dataclass(frozen=True, slots=True)
class Case:
    """
    Questions in their order, each with the words that its answer comes to.
    """

    name: str
    steps: tuple[tuple[Step, str], ...]


def case(name: str, *steps: tuple[Step, str]) -> Case:
    """
    One of them.
    """
    return Case(name, steps)


CASES: Final = [
    # The whole of an order
    case(
        "bought and brought back",
        (lambda s: s.reserve("2A 3B"), "done"),
        (lambda s: s.levels(), "5-2-3 3-3-0"),
        (lambda s: s.quote("2A 3B", "TEN"), "done"),
        (lambda s: s.commit(), "done"),
        (lambda s: s.levels(), "3-0-3 0-0-0"),
        (lambda s: s.give_back(), "done"),
        (lambda s: s.unquote(), "done"),
        (lambda s: s.levels(), "5-0-5 3-0-3"),
    ),
    case(
        "everything twice",
        (lambda s: s.reserve("1B 2A"), "done"),
        (lambda s: s.reserve("1B 2A"), "done"),
        (lambda s: s.reserve("2A 1B"), "done"),
        (lambda s: s.commit(), "done"),
        (lambda s: s.commit(), "done"),
        (lambda s: s.reserve("1B 2A"), "done"),
        (lambda s: s.give_back(), "done"),
        (lambda s: s.give_back(), "done"),
        (lambda s: s.levels(), "5-0-5 3-0-3"),
    ),
    # What cannot be reserved
    case(
        "too many of one",
        (lambda s: s.reserve("5A 4B"), "409 OUT_OF_STOCK"),
        (lambda s: s.levels(), "5-0-5 3-0-3"),
        (lambda s: s.commit(), "404 NOT_FOUND order"),
        (lambda s: s.reserve("5A 3B"), "done"),
    ),
    case(
        "too many of both, after another",
        (lambda s: s.reserve("1A 1B", order="2"), "done"),
        (lambda s: s.reserve("5A 3B"), "409 OUT_OF_STOCK"),
    ),
    case(
        "a product that is not there",
        (lambda s: s.reserve("6A 1X 1Y"), "404 NOT_FOUND product"),
        (lambda s: s.levels(), "5-0-5 3-0-3"),
    ),
    case(
        "other items than before",
        (lambda s: s.reserve("2A"), "done"),
        (lambda s: s.reserve("1A"), f"{CONFLICT} OTHER_ITEMS"),
        (lambda s: s.reserve("1B"), f"{CONFLICT} OTHER_ITEMS"),
        (lambda s: s.reserve("2A 1B"), f"{CONFLICT} OTHER_ITEMS"),
        (lambda s: s.levels(), "5-2-3 3-0-3"),
    ),
    case("a form without items", (lambda s: s.reserve(""), INVALID)),
    case("a form with too many items", (lambda s: s.reserve(MANY), INVALID)),
    case("none of something", (lambda s: s.reserve("0A"), INVALID)),
    case("more than can be counted", (lambda s: s.reserve("1000001A"), INVALID)),
    # The barrier
    case(
        "released before anything",
        (lambda s: s.release(), "done"),
        (lambda s: s.reserve("1A"), f"{CONFLICT} RELEASED"),
        (lambda s: s.release(), "done"),
        (lambda s: s.commit(), f"{CONFLICT} RELEASED"),
        (lambda s: s.give_back(), f"{CONFLICT} NOT_COMMITTED"),
        (lambda s: s.levels(), "5-0-5 3-0-3"),
    ),
    case(
        "released, and asked for again",
        (lambda s: s.reserve("1A 1B"), "done"),
        (lambda s: s.release(), "done"),
        (lambda s: s.release(), "done"),
        (lambda s: s.reserve("1A 1B"), f"{CONFLICT} RELEASED"),
        (lambda s: s.reserve("2B"), f"{CONFLICT} RELEASED"),
        (lambda s: s.commit(), f"{CONFLICT} RELEASED"),
        (lambda s: s.give_back(), f"{CONFLICT} NOT_COMMITTED"),
        (lambda s: s.levels(), "5-0-5 3-0-3"),
    ),
    # What comes in another order
    case(
        "sold, and released",
        (lambda s: s.reserve("1A 1B"), "done"),
        (lambda s: s.commit(), "done"),
        (lambda s: s.release(), f"{CONFLICT} COMMITTED"),
        (lambda s: s.levels(), "4-0-4 2-0-2"),
        (lambda s: s.commit(), "done"),
    ),
    case(
        "given back, and everything again",
        (lambda s: s.reserve("1A 1B"), "done"),
        (lambda s: s.commit(), "done"),
        (lambda s: s.give_back(), "done"),
        (lambda s: s.commit(), f"{CONFLICT} RETURNED"),
        (lambda s: s.reserve("1A 1B"), f"{CONFLICT} RETURNED"),
        (lambda s: s.release(), "done"),
        (lambda s: s.reserve("1A 1B"), f"{CONFLICT} RELEASED"),
        (lambda s: s.levels(), "5-0-5 3-0-3"),
    ),
    case(
        "given back before it was sold",
        (lambda s: s.give_back(), "404 NOT_FOUND order"),
        (lambda s: s.reserve("1A"), "done"),
        (lambda s: s.give_back(), f"{CONFLICT} NOT_COMMITTED"),
        (lambda s: s.commit(), "done"),
    ),
    # Time
    case(
        "sold at the last moment",
        (lambda s: s.reserve("1A"), "done"),
        (lambda s: s.wait(899), "later"),
        (lambda s: s.commit(), "done"),
        (lambda s: s.wait(10), "later"),
        (lambda s: s.give_back(), "done"),
    ),
    case(
        "sold too late",
        (lambda s: s.reserve("1A 1B"), "done"),
        (lambda s: s.wait(900), "later"),
        (lambda s: s.commit(), f"{CONFLICT} EXPIRED"),
        (lambda s: s.reserve("1A 1B"), f"{CONFLICT} EXPIRED"),
        (lambda s: s.levels(), "5-0-5 3-0-3"),
        (lambda s: s.release(), "done"),
        (lambda s: s.reserve("1A 1B"), f"{CONFLICT} RELEASED"),
        (lambda s: s.commit(), f"{CONFLICT} EXPIRED"),
    ),
    case(
        "released too late",
        (lambda s: s.reserve("1A"), "done"),
        (lambda s: s.wait(901), "later"),
        (lambda s: s.release(), "done"),
        (lambda s: s.give_back(), f"{CONFLICT} NOT_COMMITTED"),
        (lambda s: s.levels(), "5-0-5 3-0-3"),
    ),
    # Quotes
    case(
        "quoted twice",
        (lambda s: s.quote("3A 2B", "THIRD TEN"), "done"),
        (lambda s: s.quote("2B 3A", "ten third"), "done"),
        (lambda s: s.quote("3A 2B", "TEN"), f"{CONFLICT} OTHER_ITEMS"),
        (lambda s: s.quote("2A 2B", "THIRD TEN"), f"{CONFLICT} OTHER_ITEMS"),
        (lambda s: s.quote("3A", "THIRD TEN"), f"{CONFLICT} OTHER_ITEMS"),
        (lambda s: s.quote("3A 2B", "THIRD TEN", currency="EUR"), f"{CONFLICT} OTHER_ITEMS"),
        (lambda s: s.quote("3A 2B", "THIRD TEN", currency="USD"), "done"),
    ),
    case("quoted without codes", (lambda s: s.quote("1A 1B"), "done")),
    case("half a cent off", (lambda s: s.quote("1B", "TEN"), "done")),
    case("quoted in euros", (lambda s: s.quote("7A", "THIRD", currency="EUR"), "done")),
    case("quoted, though never in stock", (lambda s: s.quote("1000000A", "TEN"), "done")),
    case(
        "given up before it was quoted",
        (lambda s: s.unquote(), "done"),
        (lambda s: s.unquote(), "done"),
        (lambda s: s.quote("1A"), f"{CONFLICT} RELEASED"),
    ),
    case(
        "given up after it was quoted",
        (lambda s: s.quote("1A"), "done"),
        (lambda s: s.unquote(), "done"),
        (lambda s: s.quote("1A"), f"{CONFLICT} RELEASED"),
        (lambda s: s.quote("1B"), f"{CONFLICT} RELEASED"),
    ),
    case("a quote of nothing", (lambda s: s.quote(""), INVALID)),
    case("a quote of too many items", (lambda s: s.quote(MANY), INVALID)),
    case("a quote of none of something", (lambda s: s.quote("0A"), INVALID)),
    case(
        "no price",
        (lambda s: s.quote("1A 1X 1Y"), "404 NOT_FOUND price"),
        (lambda s: s.quote("1A 1B", currency="EUR"), "404 NOT_FOUND price"),
        (lambda s: s.quote("1A 1B", currency="JPY"), "404 NOT_FOUND price"),
        (lambda s: s.quote("1X", "TYPO"), "404 NOT_FOUND price"),
        (lambda s: s.quote("1A"), "done"),
    ),
    case("a currency that is none", (lambda s: s.quote("1A", currency="XXX"), INVALID)),
    case("a quote long after", (lambda s: s.quote("1A"), "done"), (lambda s: s.wait(1000), "later"),
         (lambda s: s.quote("1A"), "done")),
    # Codes
    case("a code that nobody knows", (lambda s: s.quote("1A", "TYPO"), "422 INVALID_DISCOUNT")),
    case("a code twice", (lambda s: s.quote("1A", "TEN ten"), "422 INVALID_DISCOUNT")),
    case("a code that is over", (lambda s: s.quote("1A", "GONE"), "422 INVALID_DISCOUNT")),
    case("a code that stands alone", (lambda s: s.quote("1A", "LONE"), "done")),
    case(
        "several that cannot be used",
        (lambda s: s.quote("1A", "TYPO GONE LONE TEN"), "422 INVALID_DISCOUNT"),
        (lambda s: s.quote("1A", "TEN THIRD"), "done"),
    ),
    case("a code beside one that stands alone, which is over",
         (lambda s: s.quote("1A", "GONE LONE"), "422 INVALID_DISCOUNT")),
    case("more codes than are taken", (lambda s: s.quote("1A", "A B C D E F"), INVALID)),
    case("a code that none can be", (lambda s: s.quote("1A", "10%"), INVALID)),
    case(
        "a code that is good for one order",
        (lambda s: s.quote("1A", "ONCE"), "done"),
        (lambda s: s.quote("1A", "ONCE", order="2"), "422 INVALID_DISCOUNT"),
        (lambda s: s.quote("1A", "ONCE"), "done"),
        (lambda s: s.unquote(), "done"),
        (lambda s: s.quote("1A", "ONCE", order="2"), "done"),
        (lambda s: s.quote("1A", "ONCE"), f"{CONFLICT} RELEASED"),
        (lambda s: s.quote("1A", "ONCE", order="3"), "422 INVALID_DISCOUNT"),
    ),
    case(
        "a code that a refused quote does not use up",
        (lambda s: s.quote("1A", "ONCE TYPO"), "422 INVALID_DISCOUNT"),
        (lambda s: s.quote("1A 1X", "ONCE"), "404 NOT_FOUND price"),
        (lambda s: s.quote("1A", "ONCE", order="2"), "done"),
    ),
]  # fmt: skip
