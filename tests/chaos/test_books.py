"""
The books find what was planted in them, and nothing where nothing is wrong.
"""

from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal

import pytest

from tests.chaos.books import discrepancies
from tests.chaos.shopping import Answer, Told, Wish
from tests.chaos.statement import Movement, Order, Shelf, Statement

START = {"P": Shelf(10, 0)}


def order(status: str = "CONFIRMED", id_: str = "o1", **facts: object) -> Order:
    """
    An order of two pieces that has ended so.
    """
    is_sold = status in ("CONFIRMED", "CANCELLED")
    base = Order(
        id=id_,
        status=status,
        items={"P": 2},
        codes=("C",),
        total=Decimal("9.00") if is_sold else None,
        currency="USD" if is_sold else None,
        reason_code=None if is_sold else "OUT_OF_STOCK",
        lines={"P": 2} if is_sold else {},
        events=("accepted", status.lower()),
    )
    return replace(base, **facts)  # type: ignore[arg-type]  # a test's own words


def moved(*kinds: str, id_: str = "o1") -> list[Movement]:
    """
    What the ledger says of two pieces.
    """
    return [Movement(id_, "P", kind, 2) for kind in kinds]


SOUND = Statement(
    shelves={"P": Shelf(8, 0)},
    orders={"o1": order()},
    keys=["o1"],
    movements=moved("RESERVED", "COMMITTED"),
    quoted={"o1": (Decimal("9.00"), "USD")},
    claims=frozenset({("o1", "C")}),
    uses={"C": 1},
)
CONFIRMED = Answer(201, {"orderId": "o1", "status": "CONFIRMED", "totalPrice": "9.00"})
WISH = Wish(key="k", items={"P": 2}, codes=("C",))


def refusal(status: int, code: str, order_id: str | None = "o1") -> Answer:
    """
    An error, about an order or about none.
    """
    return Answer(status, {"error": {"code": code, "details": {"orderId": order_id}}})


def told(*placed: Answer, cancelled: tuple[Answer, ...] = ()) -> Told:
    """
    What a shopper who came back was told.
    """
    return Told(WISH, [*placed], cancelled=[*cancelled], asked_to_cancel=bool(cancelled))


def ended(status: str, *kinds: str) -> Statement:
    """
    Sound books of an order that took nothing in the end.
    """
    return replace(
        SOUND,
        shelves=START,
        orders={"o1": order(status)},
        movements=moved(*kinds),
        claims=frozenset(),
        uses={"C": 0},
    )


SOUND_BOOKS = [
    (SOUND, told(CONFIRMED)),
    (SOUND, told(CONFIRMED, CONFIRMED)),
    (SOUND, told(refusal(503, "OVERLOADED", None), CONFIRMED)),
    (ended("REJECTED"), told(refusal(409, "OUT_OF_STOCK"))),
    (ended("REJECTED", "RESERVED", "RELEASED"), told(refusal(409, "OUT_OF_STOCK"))),
    (ended("FAILED", "RESERVED", "EXPIRED"), told(refusal(503, "SERVICE_UNAVAILABLE"))),
    (
        ended("CANCELLED", "RESERVED", "COMMITTED", "RETURNED"),
        told(CONFIRMED, cancelled=(Answer(200, {"orderId": "o1", "status": "CANCELLED"}),)),
    ),
]


@pytest.mark.parametrize(("books", "shopper"), SOUND_BOOKS)
def test_sound_books_have_no_discrepancy(books: Statement, shopper: Told) -> None:
    """
    However an order may end, its books add up.
    """
    assert discrepancies(START, books, [shopper]) == []


def with_order(**facts: object) -> Statement:
    """
    Sound books with another order in the place of theirs.
    """
    return replace(SOUND, orders={"o1": order(**facts)})  # type: ignore[arg-type]  # as above


PLANTED: dict[str, tuple[str, Statement]] = {
    "a unit is missing": ("stock", replace(SOUND, shelves={"P": Shelf(7, 0)})),
    "a unit is back": ("stock", replace(SOUND, shelves={"P": Shelf(9, 0)})),
    "a reservation leaked": ("stock", replace(SOUND, shelves={"P": Shelf(8, 2)})),
    "committed twice": ("ledger", replace(SOUND, movements=moved("RESERVED", *["COMMITTED"] * 2))),
    "never committed": ("ledger", replace(SOUND, movements=moved("RESERVED", "RELEASED"))),
    "another quantity": (
        "ledger",
        replace(
            SOUND,
            movements=[Movement("o1", "P", "RESERVED", 2), Movement("o1", "P", "COMMITTED", 1)],
        ),
    ),
    "rejected and still held": ("ledger", ended("REJECTED", "RESERVED")),
    "failed and committed": ("ledger", ended("FAILED", "RESERVED", "COMMITTED")),
    "held for a stranger": (
        "ledger",
        replace(SOUND, movements=[*SOUND.movements, *moved("RESERVED", "RELEASED", id_="o2")]),
    ),
    "never ended": ("ending", with_order(status="PENDING", events=("accepted",))),
    "another price than quoted": ("money", with_order(total=Decimal("9.01"))),
    "another currency": ("money", with_order(currency="EUR")),
    "no quote": ("money", replace(SOUND, quoted={})),
    "a line is missing": ("money", with_order(lines={})),
    "rejected and sold": (
        "money",
        replace(ended("REJECTED"), orders={"o1": order("REJECTED", lines={"P": 2})}),
    ),
    "a use leaked": ("codes", replace(ended("REJECTED"), claims=frozenset({("o1", "C")}))),
    "a use is not held": ("codes", replace(SOUND, claims=frozenset(), uses={"C": 0})),
    "uses are miscounted": ("codes", replace(SOUND, uses={"C": 2})),
    "two orders of one key": (
        "keys",
        replace(ended("REJECTED"), orders={"o1": order("REJECTED"), "o2": order("REJECTED", "o2")}),
    ),
    "two keys of one order": ("keys", replace(SOUND, keys=["o1", "o1"])),
    "a key without its order": ("keys", replace(SOUND, keys=["o1", "o2"])),
    "an end that nobody noted": ("timeline", with_order(events=("accepted",))),
    "ended twice": ("timeline", with_order(events=("accepted", "confirmed", "confirmed"))),
}


@pytest.mark.parametrize("planted", PLANTED)
def test_what_was_planted_in_the_books_is_found(planted: str) -> None:
    """
    Each rule goes red for its own fault.
    """
    rule, books = PLANTED[planted]

    assert rule in {one.rule for one in discrepancies(START, books, [])}


LIES: dict[str, Callable[[], tuple[Statement, Told]]] = {
    "confirmed, but rejected": lambda: (ended("REJECTED"), told(CONFIRMED)),
    "rejected, but confirmed": lambda: (SOUND, told(refusal(409, "OUT_OF_STOCK"))),
    "failed, but confirmed": lambda: (SOUND, told(refusal(503, "SERVICE_UNAVAILABLE"))),
    "another reason": lambda: (ended("REJECTED"), told(refusal(422, "INVALID_DISCOUNT"))),
    "another price": lambda: (
        SOUND,
        told(Answer(201, {"orderId": "o1", "status": "CONFIRMED", "totalPrice": "8.00"})),
    ),
    "cancelled without being asked": lambda: (
        ended("CANCELLED", "RESERVED", "COMMITTED", "RETURNED"),
        told(CONFIRMED),
    ),
    "cancelled, but confirmed": lambda: (
        SOUND,
        told(CONFIRMED, cancelled=(Answer(200, {"orderId": "o1", "status": "CANCELLED"}),)),
    ),
    "a lost order": lambda: (
        SOUND,
        told(Answer(202, {"orderId": "gone", "status": "PENDING"})),
    ),
    "two orders for one key": lambda: (
        SOUND,
        told(CONFIRMED, Answer(202, {"orderId": "o2", "status": "PENDING"})),
    ),
    "two answers to one key": lambda: (
        SOUND,
        told(CONFIRMED, replace(CONFIRMED, body={**CONFIRMED.body, "createdAt": "later"})),
    ),
    "no end": lambda: (SOUND, told(Answer(202, {"orderId": "o1", "status": "PENDING"}))),
    "turned away": lambda: (SOUND, told(refusal(401, "AUTH_ERROR", None), CONFIRMED)),
}


@pytest.mark.parametrize("lie", LIES)
def test_what_shoppers_were_told_wrongly_is_found(lie: str) -> None:
    """
    An answer that is not what happened is a discrepancy, however sound the books are otherwise.
    """
    books, shopper = LIES[lie]()

    assert "told" in {one.rule for one in discrepancies(START, books, [shopper])}
