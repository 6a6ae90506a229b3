"""
The rules of an order's reservations, line by line of the table in ``stock/models.py``.
"""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from inventory.errors import OrderConflict, OutOfStock
from inventory.ledger.models import Amounts
from inventory.stock.models import (
    COMMIT,
    RELEASE,
    RETURN,
    Deed,
    Order,
    Reservation,
    Status,
    Wanted,
    check_stock,
)
from servicekit.errors import NotFound

NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)
MOVES = "moves"
STAYS = "stays"


def line(product: str, *, quantity: int = 2, status: Status = Status.RESERVED) -> Reservation:
    """
    A line of the order.
    """
    return Reservation(
        id=f"r-{product}",
        order_id="o-1",
        product_id=product,
        line=1,
        quantity=quantity,
        status=status,
        expires_at=NOW + timedelta(seconds=900),
        created_at=NOW,
    )


def order(*lines: Reservation, is_whole: bool = False, is_released: bool = False) -> Order:
    """
    An order with these lines.
    """
    return Order("o-1", is_released=is_released, is_whole=is_whole, lines=lines)


@pytest.mark.parametrize(
    ("deed", "status", "outcome"),
    [
        (RELEASE, Status.RESERVED, MOVES),
        (RELEASE, Status.COMMITTED, "COMMITTED"),
        (RELEASE, Status.RELEASED, STAYS),
        (RELEASE, Status.EXPIRED, STAYS),
        (RELEASE, Status.RETURNED, STAYS),
        (COMMIT, Status.RESERVED, MOVES),
        (COMMIT, Status.COMMITTED, STAYS),
        (COMMIT, Status.RELEASED, "RELEASED"),
        (COMMIT, Status.EXPIRED, "EXPIRED"),
        (COMMIT, Status.RETURNED, "RETURNED"),
        (RETURN, Status.RESERVED, "NOT_COMMITTED"),
        (RETURN, Status.COMMITTED, MOVES),
        (RETURN, Status.RELEASED, "NOT_COMMITTED"),
        (RETURN, Status.EXPIRED, "NOT_COMMITTED"),
        (RETURN, Status.RETURNED, STAYS),
    ],
)
def test_what_a_deed_does_to_a_line(deed: Deed, status: Status, outcome: str) -> None:
    """
    Every deed on every state: the line moves, stays, or refuses the whole order.
    """
    one = line("lamp", status=status)
    other = line("mug", status=deed.moves)
    asked = order(one, other)

    if outcome in {MOVES, STAYS}:
        moved = deed.moved_of(asked, asked.lines)
        assert moved == ([one, other] if outcome == MOVES else [other])
        return
    with pytest.raises(OrderConflict) as refusal:
        deed.moved_of(asked, asked.lines)
    assert refusal.value.details == {"reason": outcome, "orderId": "o-1", "productId": "lamp"}


@pytest.mark.parametrize(
    ("present", "item", "reason"),
    [
        (order(is_released=True), Wanted("lamp", 2), "RELEASED"),
        (order(line("lamp", status=Status.RELEASED)), Wanted("lamp", 2), "RELEASED"),
        (order(line("lamp", status=Status.EXPIRED)), Wanted("lamp", 3), "EXPIRED"),
        (order(line("lamp", status=Status.RETURNED)), Wanted("lamp", 2), "RETURNED"),
        (order(line("lamp")), Wanted("lamp", 3), "OTHER_QUANTITY"),
        (order(line("lamp", status=Status.COMMITTED)), Wanted("lamp", 1), "OTHER_QUANTITY"),
        (order(line("lamp"), is_whole=True), Wanted("mug", 1), "OTHER_ITEMS"),
    ],
)
def test_a_reserve_that_is_refused(present: Order, item: Wanted, reason: str) -> None:
    """
    A single reserve against each state that refuses it.
    """
    with pytest.raises(OrderConflict) as refusal:
        present.missing(item)
    assert refusal.value.reason == reason


def test_a_reserve_adds_what_is_missing() -> None:
    """
    A product without a line is missing; one with its line, committed or not, is not.
    """
    present = order(line("lamp"), line("mug", status=Status.COMMITTED))

    assert present.missing(Wanted("kite", 1)) == [Wanted("kite", 1)]
    assert present.missing(Wanted("lamp", 2)) == present.missing(Wanted("mug", 2)) == []


@pytest.mark.parametrize(
    ("present", "items", "reason"),
    [
        (order(is_released=True), [Wanted("lamp", 2)], "RELEASED"),
        (order(line("lamp", status=Status.EXPIRED)), [Wanted("lamp", 2)], "EXPIRED"),
        (order(line("lamp")), [Wanted("lamp", 3)], "OTHER_ITEMS"),
        (order(line("lamp")), [Wanted("mug", 1)], "OTHER_ITEMS"),
        (
            order(line("lamp"), is_whole=True),
            [Wanted("lamp", 2), Wanted("mug", 1)],
            "OTHER_ITEMS",
        ),
        (order(line("lamp"), line("mug"), is_whole=True), [Wanted("lamp", 2)], "OTHER_ITEMS"),
    ],
)
def test_a_form_that_is_refused(present: Order, items: list[Wanted], reason: str) -> None:
    """
    An order form against each state that refuses it.
    """
    with pytest.raises(OrderConflict) as refusal:
        present.missing_of_form(items)
    assert refusal.value.reason == reason


def test_a_form_adds_the_rest() -> None:
    """
    What single reserves have added is kept; a form said before is complete, in any order.
    """
    items = [Wanted("mug", 1), Wanted("lamp", 2)]

    assert order(line("lamp")).missing_of_form(items) == [Wanted("mug", 1)]
    whole = order(line("lamp"), line("mug", quantity=1), is_whole=True)
    assert whole.missing_of_form(items) == []
    assert [one.product_id for one in whole.lines_for(items)] == ["mug", "lamp"]


def test_a_line_is_due_at_its_moment() -> None:
    """
    A reservation is good until expiresAt and not at it; what is committed is never due.
    """
    lamp = line("lamp")

    assert not lamp.is_due(lamp.expires_at - timedelta(microseconds=1))
    assert order(lamp).due(lamp.expires_at) == [lamp]
    assert order(replace(lamp, status=Status.COMMITTED)).due(lamp.expires_at) == []


def test_what_is_short_is_told_together() -> None:
    """
    A product that is not there comes first; then every shortage at once.
    """
    amounts = {
        "lamp": Amounts("lamp", 5, 4),
        "mug": Amounts("mug", 1, 1),
        "old": Amounts("old", 9, 0, is_removed=True),
    }

    check_stock([Wanted("lamp", 1)], amounts, is_order=True)
    with pytest.raises(OutOfStock) as short:
        check_stock([Wanted("lamp", 2), Wanted("mug", 1)], amounts, is_order=True)
    assert short.value.details == {
        "items": [
            {"productId": "lamp", "wanted": 2, "left": 1},
            {"productId": "mug", "wanted": 1, "left": 0},
        ]
    }
    for unknown in ("ghost", "old"):
        with pytest.raises(NotFound):
            check_stock([Wanted("mug", 9), Wanted(unknown, 1)], amounts, is_order=True)
