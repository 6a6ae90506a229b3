"""
``/stock``: what services do with stock in the course of an order.
"""

from inventory_app import RunningInventory


async def test_reserve_holds_units(inventory: RunningInventory) -> None:
    """
    Units that are reserved are not available to others, and are in stock until the commit.
    """
    await inventory.product("lamp", stock=5)
    answer = await inventory.reserve("o-1", "lamp", 2)

    assert answer.status_code == 201, answer.text
    reservation = answer.json()
    assert reservation | {"reservationId": ""} == {
        "reservationId": "",
        "orderId": "o-1",
        "productId": "lamp",
        "quantity": 2,
        "status": "RESERVED",
        "expiresAt": "2026-01-01T12:15:00Z",
    }
    assert await inventory.amounts("lamp") == (5, 2)
    for deed in ("commit", "return"):
        done = await inventory.change(deed, orderId="o-1")
        assert done.status_code == 200, done.text
    assert await inventory.services.ledger.audit() == {}
    assert await inventory.services.stock.sweep() == 0
    assert await inventory.kinds("lamp") == ["INITIAL", "RESERVED", "COMMITTED", "RETURNED"]
