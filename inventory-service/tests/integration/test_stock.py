"""
``/stock``: what services reserve for orders.
"""

import pytest
from inventory_app import RunningInventory, line_statuses, reason_of, reserved


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
        assert line_statuses(await inventory.change(deed, orderId="o-1")) == [status] * 100
    assert await inventory.services.ledger.audit() == {}
