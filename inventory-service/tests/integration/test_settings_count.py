"""
Each setting of this service does what it says, at a value that is not its default.
"""

from inventory_app import RunningInventory, running_inventory, settings_for
from structlog.testing import capture_logs

from servicekit.testing import eventually
from servicekit.testing.clock import FakeClock


async def test_low_is_what_the_setting_says(migrated_url: str, clock: FakeClock) -> None:
    """
    LOW_STOCK_THRESHOLD is the highest number of available units that is low, unless a caller asks
    for another.
    """
    async with running_inventory(settings_for(migrated_url, low_stock_threshold=7), clock) as shop:
        for stock in (0, 7, 8):
            await shop.product(f"p-{stock}", stock=stock)
        low = (await shop.merchant.get("/stock/low")).json()["items"]
        lower = (await shop.merchant.get("/stock/low", params={"threshold": 6})).json()["items"]

    assert [item["id"] for item in low] == ["p-0", "p-7"]
    assert [item["id"] for item in lower] == ["p-0"]


async def test_units_wait_as_long_as_the_setting_says(migrated_url: str, clock: FakeClock) -> None:
    """
    After RESERVATION_SECONDS, and not a second before, nothing can be committed any more.
    """
    async with running_inventory(settings_for(migrated_url, reservation_seconds=60), clock) as shop:
        await shop.product("lamp")
        told = [(await shop.reserve(order, "lamp")).json() for order in ("o-1", "o-2")]
        clock.advance(59)
        in_time = await shop.change("commit", orderId="o-1")
        clock.advance(1)
        late = await shop.change("commit", orderId="o-2")

    assert {one["expiresAt"] for one in told} == {"2026-01-01T12:01:00Z"}
    assert (in_time.status_code, late.status_code) == (200, 409)


async def test_a_sweep_takes_as_many_as_the_setting_says(
    migrated_url: str, clock: FakeClock
) -> None:
    """
    One transaction expires SWEEP_BATCH reservations at most, and there are as many as it takes.
    """
    async with running_inventory(settings_for(migrated_url, sweep_batch=2), clock) as shop:
        await reserve_five(shop)
        with capture_logs() as logs:
            assert await shop.services.stock.sweep() == 5

    told = [log["reservations"] for log in logs if log["event"] == "stock.moved"]
    assert told == [2, 2, 1]


async def test_it_is_swept_as_often_as_the_setting_says(
    migrated_url: str, clock: FakeClock
) -> None:
    """
    The service expires what is due every SWEEP_INTERVAL_SECONDS without being asked.
    """
    settings = settings_for(migrated_url, sweep_interval_seconds=0.1)
    async with running_inventory(settings, clock) as shop:
        await reserve_five(shop)

        async def is_free() -> bool:
            return await shop.amounts("lamp") == (10, 0)

        await eventually(is_free)


async def reserve_five(shop: RunningInventory) -> None:
    """
    Reserve a product for five orders, and let the time pass that they have.
    """
    await shop.product("lamp")
    for number in range(5):
        await shop.reserve(f"o-{number}", "lamp")
    shop.clock.advance(900)
