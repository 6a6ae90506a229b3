"""
What the service tells of itself: counts in /metrics, and events in the log.
"""

from inventory_app import RESERVATION_S, RunningInventory
from structlog.testing import capture_logs


async def test_what_happens_is_counted(inventory: RunningInventory) -> None:
    """
    /metrics counts reservations by outcome, and refusals by reason, once each.
    """
    await inventory.product("lamp", stock=2)
    for order in ("o-1", "o-1", "o-2"):
        await inventory.reserve(order, "lamp", 2)
    for deed in ("commit", "commit", "return"):
        await inventory.change(deed, orderId="o-1")
    await inventory.reserve("o-3", "lamp", 1)
    await inventory.change("release", orderId="o-3")
    await inventory.change("commit", orderId="o-3")
    metrics = (await inventory.public.get("http://inventory/metrics")).text

    for line in (
        'stock_reservations_total{outcome="reserved"} 2.0',
        'stock_reservations_total{outcome="committed"} 1.0',
        'stock_reservations_total{outcome="returned"} 1.0',
        'stock_reservations_total{outcome="released"} 1.0',
        'stock_refusals_total{reason="OUT_OF_STOCK"} 1.0',
        'stock_refusals_total{reason="RELEASED"} 1.0',
    ):
        assert line in metrics


async def test_what_happens_is_told(inventory: RunningInventory) -> None:
    """
    The log tells what became of an order's reservations and what was refused, and repeats nothing;
    what expired is told before the call that came too late.
    """
    await inventory.product("lamp", stock=2)
    with capture_logs() as logs:
        for order in ("o-1", "o-1", "o-2"):
            await inventory.reserve(order, "lamp", 2)
        inventory.clock.advance(RESERVATION_S)
        await inventory.change("commit", orderId="o-1")

    told = [
        (log["event"], log["order_id"], log.get("outcome") or log["reason"])
        for log in logs
        if log["event"].startswith("stock.")
    ]
    assert told == [
        ("stock.moved", "o-1", "RESERVED"),
        ("stock.refused", "o-2", "OUT_OF_STOCK"),
        ("stock.moved", "o-1", "EXPIRED"),
        ("stock.refused", "o-1", "EXPIRED"),
    ]


async def test_changes_of_the_catalog_are_told(inventory: RunningInventory) -> None:
    """
    The log tells once what became of a product and by whom; /metrics counts adjustments, once each.
    """
    with capture_logs() as logs:
        await inventory.product("lamp", stock=5)
        await inventory.merchant.patch("/products/lamp", json={"name": "Big lamp"})
        for change in (-2, -2, -9):
            body = {"change": change, "reason": "counted", "adjustmentId": "count-1"}
            await inventory.merchant.post("/products/lamp/adjustments", json=body)
        await inventory.merchant.delete("/products/lamp")
    metrics = (await inventory.public.get("http://inventory/metrics")).text
    told = [log for log in logs if log["event"].startswith(("product.", "stock."))]

    assert [(log["event"], log["product_id"], log["by"]) for log in told] == [
        (event, "lamp", "user:merchant-1")
        for event in ("product.created", "product.changed", "stock.adjusted", "product.removed")
    ]
    assert [log["change"] for log in told if "change" in log] == [-2]
    assert "stock_adjustments_total 1.0" in metrics
