"""
``/stock``: what services do with stock in the course of an order.
"""

from typing import Any

import pytest
from inventory_app import RESERVATION_S, RunningInventory, reason_of

NOBODY = "3f2b8a52-0000-4000-8000-000000000000"


async def reserved(inventory: RunningInventory, order: str, product: str, quantity: int) -> str:
    """
    The id of a reservation that must work.
    """
    answer = await inventory.reserve(order, product, quantity)
    assert answer.status_code == 201, answer.text
    return str(answer.json()["reservationId"])


def statuses(answer: Any) -> list[str]:  # noqa: ANN401  # an answer of httpx
    """
    What has become of the lines of an order.
    """
    assert answer.status_code == 200, answer.text
    return [line["status"] for line in answer.json()["reservations"]]


async def test_reserve_holds_units(inventory: RunningInventory) -> None:
    """
    Units that are reserved are not available to others, and are in stock until the commit.
    """
    await inventory.product("lamp", stock=5)
    answer = await inventory.reserve("o-1", "lamp", 2)

    assert answer.status_code == 201, answer.text
    reservation = answer.json()
    assert answer.headers["location"] == (
        f"/api/v1/stock/reservations/{reservation['reservationId']}"
    )
    assert reservation | {"reservationId": ""} == {
        "reservationId": "",
        "orderId": "o-1",
        "productId": "lamp",
        "quantity": 2,
        "status": "RESERVED",
        "expiresAt": "2026-01-01T12:15:00Z",
    }
    product = (await inventory.public.get("/products/lamp")).json()
    assert (product["stockLevel"], product["reserved"], product["available"]) == (5, 2, 3)


async def test_a_repeated_reserve_is_the_first(inventory: RunningInventory) -> None:
    """
    The same reserve again, later, answers what it answered first, and holds nothing more.
    """
    await inventory.product("lamp", stock=2)
    first = await inventory.reserve("o-1", "lamp", 2)
    inventory.clock.advance(60)
    again = await inventory.reserve("o-1", "lamp", 2)

    assert (again.status_code, again.json()) == (201, first.json())
    assert await inventory.amounts("lamp") == (2, 2)
    assert await inventory.kinds("lamp") == ["INITIAL", "RESERVED"]


async def test_a_whole_number_has_two_spellings(inventory: RunningInventory) -> None:
    """
    2 and 2.0 are the same quantity, as they are in JSON Schema.
    """
    await inventory.product("lamp")
    first = await inventory.reserve("o-1", "lamp", 2)
    again = await inventory.reserve("o-1", "lamp", 2.0)

    assert (again.status_code, again.json()) == (201, first.json())


async def test_another_quantity_is_refused(inventory: RunningInventory) -> None:
    """
    A reserve of the same product for the same order in another quantity changes nothing.
    """
    await inventory.product("lamp", stock=9)
    await inventory.reserve("o-1", "lamp", 2)
    other = await inventory.reserve("o-1", "lamp", 3)

    assert (other.status_code, reason_of(other)) == (409, "OTHER_QUANTITY")
    assert await inventory.amounts("lamp") == (9, 2)


async def test_what_is_not_there_cannot_be_reserved(inventory: RunningInventory) -> None:
    """
    A shortage tells product, wanted and left; an unknown product is named.
    """
    await inventory.product("lamp", stock=3)
    await inventory.reserve("o-1", "lamp", 2)
    short = await inventory.reserve("o-2", "lamp", 2)
    unknown = await inventory.reserve("o-2", "ghost", 1)

    assert short.status_code == 409
    assert short.json()["error"]["code"] == "OUT_OF_STOCK"
    assert short.json()["error"]["details"] == {"productId": "lamp", "wanted": 2, "left": 1}
    assert unknown.status_code == 404
    assert unknown.json()["error"]["details"] == {"what": "product", "id": "ghost"}
    assert await inventory.amounts("lamp") == (3, 2)


async def test_an_order_is_reserved_whole_or_not_at_all(inventory: RunningInventory) -> None:
    """
    One line that is short leaves nothing reserved, and every short line is told.
    """
    for name, stock in (("lamp", 5), ("mug", 1), ("kite", 0)):
        await inventory.product(name, stock=stock)
    short = await inventory.reserve_order("o-1", {"mug": 2, "lamp": 5, "kite": 1})
    ghost = await inventory.reserve_order("o-2", {"lamp": 1, "ghost": 1, "kite": 1})

    assert (short.status_code, reason_of(short)) == (409, "OUT_OF_STOCK")
    assert short.json()["error"]["details"] == {
        "items": [
            {"productId": "mug", "wanted": 2, "left": 1},
            {"productId": "kite", "wanted": 1, "left": 0},
        ]
    }
    assert (ghost.status_code, ghost.json()["error"]["details"]["id"]) == (404, "ghost")
    assert await inventory.amounts("lamp") == (5, 0)
    # Nothing is remembered of an order that was refused.
    assert (await inventory.change("commit", orderId="o-1")).status_code == 404
    assert (await inventory.reserve_order("o-1", {"mug": 1, "lamp": 5})).status_code == 201


async def test_an_order_form_is_answered_in_its_order(inventory: RunningInventory) -> None:
    """
    Lines are answered as they were asked, and the same form again is the same answer.
    """
    for name in ("lamp", "mug", "kite"):
        await inventory.product(name)
    items = {"mug": 2, "kite": 1, "lamp": 3}
    first = await inventory.reserve_order("o-1", items)
    again = await inventory.reserve_order("o-1", items)
    asked = await inventory.service.get("/stock/reservations", params={"orderId": "o-1"})

    assert first.status_code == 201, first.text
    assert {line["productId"]: line["quantity"] for line in first.json()["reservations"]} == items
    assert [line["productId"] for line in first.json()["reservations"]] == [*items]
    assert again.json() == first.json() == asked.json()
    assert await inventory.kinds("lamp") == ["INITIAL", "RESERVED"]


@pytest.mark.parametrize("items", [{"lamp": 1}, {"lamp": 2, "mug": 1}, {"mug": 1}])
async def test_another_form_is_refused(inventory: RunningInventory, items: dict[str, int]) -> None:
    """
    An order form with other products or quantities than the first changes nothing.
    """
    for name in ("lamp", "mug"):
        await inventory.product(name)
    await inventory.reserve_order("o-1", {"lamp": 2})
    other = await inventory.reserve_order("o-1", items)

    assert (other.status_code, reason_of(other)) == (409, "OTHER_ITEMS")
    assert await inventory.amounts("lamp") == (10, 2)
    assert await inventory.amounts("mug") == (10, 0)


async def test_single_reserves_add_lines_until_a_form_says_all(
    inventory: RunningInventory,
) -> None:
    """
    Before an order form, single reserves add lines and the form adds the rest; after it, none.
    """
    for name in ("lamp", "mug", "kite"):
        await inventory.product(name)
    lamp = await reserved(inventory, "o-1", "lamp", 1)
    form = await inventory.reserve_order("o-1", {"mug": 2, "lamp": 1})
    other = await inventory.reserve("o-1", "kite", 1)
    same = await inventory.reserve("o-1", "mug", 2)

    assert [line["productId"] for line in form.json()["reservations"]] == ["mug", "lamp"]
    assert form.json()["reservations"][1]["reservationId"] == lamp
    assert (other.status_code, reason_of(other)) == (409, "OTHER_ITEMS")
    assert same.status_code == 201
    assert [await inventory.amounts(name) for name in ("lamp", "mug", "kite")] == [
        (10, 1),
        (10, 2),
        (10, 0),
    ]


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

    assert statuses(first) == ["COMMITTED", "COMMITTED"]
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
    assert (statuses(committed), statuses(released)) == (["COMMITTED"], ["RELEASED"])
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

    assert statuses(first) == ["RELEASED"]
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
    assert statuses(await inventory.change("commit", orderId="o-1")) == ["COMMITTED"] * 2


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
    assert statuses(first) == ["RETURNED"]
    assert again.json() == first.json()
    assert await inventory.amounts("lamp") == (5, 0)
    for refused in (
        await inventory.reserve("o-1", "lamp", 2),
        await inventory.change("commit", orderId="o-1"),
    ):
        assert (refused.status_code, reason_of(refused)) == (409, "RETURNED")
    assert statuses(await inventory.change("release", orderId="o-1")) == ["RETURNED"]


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
    assert statuses(await inventory.change("release", orderId="o-1")) == ["EXPIRED"]
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
    assert statuses(await inventory.change("commit", orderId="o-1")) == ["COMMITTED"]


async def test_a_hundred_lines_are_one_order(inventory: RunningInventory) -> None:
    """
    The largest order is reserved, committed and returned as a whole.
    """
    names = [f"p-{number:03}" for number in range(100)]
    for name in names:
        await inventory.product(name)
    form = await inventory.reserve_order("o-1", dict.fromkeys(names, 1))

    assert form.status_code == 201
    for deed, status in (("commit", "COMMITTED"), ("return", "RETURNED")):
        assert statuses(await inventory.change(deed, orderId="o-1")) == [status] * 100
    assert await inventory.services.ledger.audit() == {}
