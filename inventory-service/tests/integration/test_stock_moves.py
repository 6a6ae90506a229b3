"""
``/stock``: what becomes of what is reserved: taken out, given back, returned, or expired.
"""

import pytest
from inventory_app import RESERVATION_S, RunningInventory, line_statuses, reason_of, reserved

NOBODY = "3f2b8a52-0000-4000-8000-000000000000"


async def test_a_commit_takes_the_units_out(inventory: RunningInventory) -> None:
    """
    A commit by order takes all lines out of stock; a second one answers the same.
    """
    await inventory.product("lamp", stock=5)
    await inventory.product("mug", stock=5)
    await inventory.reserve_order("o-1", {"lamp": 2, "mug": 1})
    first = await inventory.change("commit", orderId="o-1")
    again = await inventory.change("commit", orderId="o-1")
    reserve = await inventory.reserve("o-1", "lamp", 2)

    assert line_statuses(first) == ["COMMITTED", "COMMITTED"]
    assert again.json() == first.json()
    assert (reserve.status_code, reserve.json()["status"]) == (201, "COMMITTED")
    assert await inventory.amounts("lamp") == (3, 0)
    assert await inventory.kinds("mug") == ["INITIAL", "RESERVED", "COMMITTED"]


async def test_one_line_can_be_moved_alone(inventory: RunningInventory) -> None:
    """
    By reservationId only that line moves, and its order's other lines stay.
    """
    for name in ("lamp", "mug"):
        await inventory.product(name, stock=5)
    lamp = await reserved(inventory, "o-1", "lamp", 2)
    mug = await reserved(inventory, "o-1", "mug", 1)
    committed = await inventory.change("commit", reservationId=lamp)
    released = await inventory.change("release", reservationId=mug)
    late = await inventory.reserve("o-1", "mug", 1)

    assert committed.json()["orderId"] == "o-1"
    assert (line_statuses(committed), line_statuses(released)) == (["COMMITTED"], ["RELEASED"])
    assert (late.status_code, reason_of(late)) == (409, "RELEASED")
    # The order itself is open: another line can be added.
    await inventory.product("kite")
    assert (await inventory.reserve("o-1", "kite", 1)).status_code == 201
    assert await inventory.amounts("lamp") == (3, 0)
    assert await inventory.amounts("mug") == (5, 0)


async def test_a_release_that_comes_first_bars_the_reserve(inventory: RunningInventory) -> None:
    """
    Releasing what was never reserved is 200 with nothing, and any reserve after it is refused.
    """
    await inventory.product("lamp")
    early = await inventory.change("release", orderId="o-1")
    late = await inventory.reserve("o-1", "lamp", 1)
    form = await inventory.reserve_order("o-1", {"lamp": 1})
    commit = await inventory.change("commit", orderId="o-1")

    assert (early.status_code, early.json()) == (200, {"orderId": "o-1", "reservations": []})
    for refused in (late, form, commit):
        assert (refused.status_code, reason_of(refused)) == (409, "RELEASED")
    assert (await inventory.change("release", orderId="o-1")).json() == early.json()
    assert await inventory.kinds("lamp") == ["INITIAL"]


async def test_a_release_gives_units_back_for_good(inventory: RunningInventory) -> None:
    """
    After a release by order no line can be reserved or committed, also not one that is new.
    """
    await inventory.product("lamp", stock=5)
    await inventory.product("mug")
    await inventory.reserve("o-1", "lamp", 2)
    first = await inventory.change("release", orderId="o-1")
    again = await inventory.change("release", orderId="o-1")

    assert line_statuses(first) == ["RELEASED"]
    assert again.json() == first.json()
    for refused in (
        await inventory.reserve("o-1", "lamp", 2),
        await inventory.reserve("o-1", "mug", 1),
        await inventory.change("commit", orderId="o-1"),
    ):
        assert (refused.status_code, reason_of(refused)) == (409, "RELEASED")
    assert await inventory.amounts("lamp") == (5, 0)
    assert await inventory.kinds("lamp") == ["INITIAL", "RESERVED", "RELEASED"]


async def test_what_is_committed_is_not_released(inventory: RunningInventory) -> None:
    """
    A release after the commit is refused, by order and by reservation, and leaves no tombstone.
    """
    await inventory.product("lamp", stock=5)
    await inventory.product("mug", stock=5)
    lamp = await reserved(inventory, "o-1", "lamp", 2)
    await reserved(inventory, "o-1", "mug", 1)
    await inventory.change("commit", reservationId=lamp)

    for target in ({"orderId": "o-1"}, {"reservationId": lamp}):
        refused = await inventory.change("release", **target)
        assert (refused.status_code, reason_of(refused)) == (409, "COMMITTED")
    assert await inventory.amounts("mug") == (5, 1)
    assert line_statuses(await inventory.change("commit", orderId="o-1")) == ["COMMITTED"] * 2


async def test_committed_stock_can_be_returned_once(inventory: RunningInventory) -> None:
    """
    A return gives committed units back, once; before the commit it is refused.
    """
    await inventory.product("lamp", stock=5)
    await inventory.reserve("o-1", "lamp", 2)
    early = await inventory.change("return", orderId="o-1")
    await inventory.change("commit", orderId="o-1")
    first = await inventory.change("return", orderId="o-1")
    again = await inventory.change("return", orderId="o-1")

    assert (early.status_code, reason_of(early)) == (409, "NOT_COMMITTED")
    assert line_statuses(first) == ["RETURNED"]
    assert again.json() == first.json()
    assert await inventory.amounts("lamp") == (5, 0)
    for refused in (
        await inventory.reserve("o-1", "lamp", 2),
        await inventory.change("commit", orderId="o-1"),
    ):
        assert (refused.status_code, reason_of(refused)) == (409, "RETURNED")
    assert line_statuses(await inventory.change("release", orderId="o-1")) == ["RETURNED"]


async def test_an_order_moves_whole(inventory: RunningInventory) -> None:
    """
    A commit or return by order that cannot take every line changes none.
    """
    for name in ("lamp", "mug"):
        await inventory.product(name, stock=5)
    lamp = await reserved(inventory, "o-1", "lamp", 2)
    mug = await reserved(inventory, "o-1", "mug", 1)
    await inventory.change("commit", reservationId=lamp)
    returned = await inventory.change("return", orderId="o-1")
    await inventory.change("release", reservationId=mug)
    committed = await inventory.change("commit", orderId="o-1")

    assert (returned.status_code, reason_of(returned)) == (409, "NOT_COMMITTED")
    assert (committed.status_code, reason_of(committed)) == (409, "RELEASED")
    assert await inventory.amounts("lamp") == (3, 0)


async def test_what_was_never_heard_of_is_not_found(inventory: RunningInventory) -> None:
    """
    Unknown reservations and orders are 404, but a release by order.
    """
    for deed in ("release", "commit", "return"):
        unknown = await inventory.change(deed, reservationId=NOBODY)
        assert unknown.status_code == 404, deed
        assert unknown.json()["error"]["details"] == {"what": "reservation", "id": NOBODY}
    for deed in ("commit", "return"):
        assert (await inventory.change(deed, orderId="o-9")).status_code == 404
    assert (await inventory.service.get(f"/stock/reservations/{NOBODY}")).status_code == 404
    none = await inventory.service.get("/stock/reservations", params={"orderId": "o-9"})
    assert none.json() == {"orderId": "o-9", "reservations": []}
    returned = await inventory.change("release", orderId="o-9")
    assert returned.status_code == 200
    assert reason_of(await inventory.change("return", orderId="o-9")) == "NOT_COMMITTED"


async def test_time_gives_units_back(inventory: RunningInventory) -> None:
    """
    What is not committed in time expires in the sweep, and can then be reserved by others.
    """
    await inventory.product("lamp", stock=2)
    reservation = await reserved(inventory, "o-1", "lamp", 2)
    inventory.clock.advance(RESERVATION_S - 1)
    assert await inventory.services.stock.sweep() == 0
    inventory.clock.advance(1)
    assert await inventory.services.stock.sweep() == 1

    seen = await inventory.service.get(f"/stock/reservations/{reservation}")
    assert seen.json()["status"] == "EXPIRED"
    assert (await inventory.reserve("o-2", "lamp", 2)).status_code == 201
    for refused in (
        await inventory.reserve("o-1", "lamp", 2),
        await inventory.change("commit", orderId="o-1"),
        await inventory.change("commit", reservationId=reservation),
    ):
        assert (refused.status_code, reason_of(refused)) == (409, "EXPIRED")
    assert line_statuses(await inventory.change("release", orderId="o-1")) == ["EXPIRED"]
    newest, *_ = [one for one in await inventory.movements("lamp") if one["kind"] == "EXPIRED"]
    assert (newest["who"], newest["orderId"]) == ("sweeper", "o-1")


@pytest.mark.parametrize("by", ["orderId", "reservationId"])
async def test_a_late_commit_expires_the_reservation(inventory: RunningInventory, by: str) -> None:
    """
    A commit after the time, before any sweep, is refused, and the units are free at once.
    """
    await inventory.product("lamp", stock=2)
    reservation = await reserved(inventory, "o-1", "lamp", 2)
    inventory.clock.advance(RESERVATION_S)
    seen = await inventory.service.get(f"/stock/reservations/{reservation}")
    target = {"orderId": "o-1"} if by == "orderId" else {"reservationId": reservation}
    late = await inventory.change("commit", **target)

    assert seen.json()["status"] == "EXPIRED"
    assert (late.status_code, reason_of(late)) == (409, "EXPIRED")
    assert await inventory.amounts("lamp") == (2, 0)
    assert await inventory.kinds("lamp") == ["INITIAL", "RESERVED", "EXPIRED"]
    assert await inventory.services.stock.sweep() == 0


async def test_a_refused_reserve_keeps_what_expired(inventory: RunningInventory) -> None:
    """
    What of the order had expired is given back although the reserve is refused for another reason.
    """
    await inventory.product("lamp", stock=2)
    await inventory.product("mug", stock=0)
    await inventory.reserve("o-1", "lamp", 2)
    inventory.clock.advance(RESERVATION_S)
    short = await inventory.reserve("o-1", "mug", 1)

    assert reason_of(short) == "OUT_OF_STOCK"
    assert await inventory.amounts("lamp") == (2, 0)


async def test_a_committed_line_never_expires(inventory: RunningInventory) -> None:
    """
    Time means nothing to what is committed.
    """
    await inventory.product("lamp", stock=2)
    await inventory.reserve("o-1", "lamp", 2)
    await inventory.change("commit", orderId="o-1")
    inventory.clock.advance(RESERVATION_S)

    assert await inventory.services.stock.sweep() == 0
    assert line_statuses(await inventory.change("commit", orderId="o-1")) == ["COMMITTED"]
