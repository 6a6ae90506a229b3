"""
The ledger: nobody rewrites it, and it says when the books are wrong.
"""

import asyncio

import pytest
import structlog
from inventory_app import RESERVATION_S, RunningInventory, prepare, settings_for
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from inventory.origin import Origin
from inventory.products.models import NewProduct
from inventory.stock import repository
from inventory.stock.models import COMMIT, Wanted
from inventory.wiring import Services, build_services
from servicekit.testing.clock import FakeClock

GATEWAY = Origin("service:api-gateway")


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE stock_movements SET stock_change = 0",
        "DELETE FROM stock_movements",
        "TRUNCATE stock_movements",
    ],
)
async def test_the_ledger_only_grows(inventory: RunningInventory, statement: str) -> None:
    """
    The database itself refuses to change or delete a movement.
    """
    database = inventory.services.database
    if statement.startswith("TRUNCATE") and database.dialect == "sqlite":
        statement = "DELETE FROM stock_movements WHERE id > 0"
    await inventory.product("lamp")

    with pytest.raises(DBAPIError, match="stock_movements only grows"):
        async with database.write() as connection:
            await connection.execute(text(statement))
    assert await inventory.kinds("lamp") == ["INITIAL"]


@pytest.mark.parametrize(
    "statement",
    ["UPDATE products SET reserved = -1", "UPDATE products SET reserved = stock_level + 1"],
)
async def test_the_database_refuses_what_cannot_be(
    inventory: RunningInventory, statement: str
) -> None:
    """
    ``stock_level >= reserved >= 0`` holds whoever writes.
    """
    await inventory.product("lamp")

    with pytest.raises(DBAPIError):
        async with inventory.services.database.write() as connection:
            await connection.execute(text(statement))


@pytest.mark.parametrize(
    ("statement", "told"),
    [
        ("UPDATE products SET stock_level = 6 WHERE id = 'lamp'", "stock level 6, by its mov"),
        ("UPDATE products SET reserved = 1 WHERE id = 'lamp'", "reserved 1, by its movements 2"),
        ("UPDATE stock_reservations SET quantity = 1", "by open reservations 1"),
        ("UPDATE stock_reservations SET status = 'RELEASED'", "by open reservations 0"),
    ],
)
async def test_an_audit_names_what_differs(
    inventory: RunningInventory, statement: str, told: str
) -> None:
    """
    An amount or a reservation that was changed past the ledger is found, and its product named.
    """
    await inventory.product("lamp", stock=5)
    await inventory.product("mug", stock=5)
    await inventory.reserve("o-1", "lamp", 2)
    audit = inventory.services.ledger.audit
    assert await audit() == {}

    async with inventory.services.database.write() as connection:
        await connection.execute(text(statement))
    found = await audit()
    assert [*found] == ["lamp"]
    assert told in found["lamp"]


async def test_sweepers_share_the_work(migrated_url: str, clock: FakeClock) -> None:
    """
    Several sweepers at once expire each reservation once, in batches, until nothing is due.
    """
    settings = settings_for(migrated_url, sweep_batch=3)
    fleet = [build_services(settings, now=clock.now) for _ in range(3)]
    await _reserve_many(fleet[0], 20)
    clock.advance(RESERVATION_S)

    expired = await asyncio.gather(*(services.stock.sweep() for services in fleet))
    assert await fleet[0].ledger.audit() == {}
    lamp = await fleet[0].products.get("lamp")
    for services in fleet:
        await services.database.aclose()

    assert sum(expired) == 20
    assert (lamp["stockLevel"], lamp["reserved"]) == (100, 0)


async def test_a_sweep_passes_over_what_is_busy(postgres_url: str, clock: FakeClock) -> None:
    """
    An order that somebody else has locked is left for the next sweep, and holds up no other.
    """
    await asyncio.to_thread(prepare, postgres_url)
    services = build_services(settings_for(postgres_url), now=clock.now)
    await _reserve_many(services, 3)
    clock.advance(RESERVATION_S)

    async with services.database.write() as connection:
        await repository.locked(connection, "o-0")
        meanwhile = await services.stock.sweep()
    afterwards = await services.stock.sweep()
    await services.database.aclose()

    assert (meanwhile, afterwards) == (2, 1)


async def test_damaged_books_of_one_product_hold_up_no_other(
    migrated_url: str, clock: FakeClock
) -> None:
    """
    What cannot be given back is told of and left; the stock of all others comes back.
    """
    services = build_services(settings_for(migrated_url), now=clock.now)
    await _reserve_many(services, 2)
    await services.products.create(NewProduct("mug", "Mug", "home", stock_level=5), GATEWAY)
    await services.stock.reserve("o-first", Wanted("mug", 1), GATEWAY)
    async with services.database.write() as connection:
        await connection.execute(text("UPDATE products SET reserved = 0 WHERE id = 'mug'"))
        await connection.execute(
            text("UPDATE stock_reservations SET expires_at = created_at WHERE product_id = 'mug'")
        )
    clock.advance(RESERVATION_S)

    with structlog.testing.capture_logs() as logs:
        expired = await services.stock.sweep()
    lamp = await services.products.get("lamp")
    await services.database.aclose()

    assert (expired, lamp["reserved"]) == (2, 0)
    told = [(line["event"], line.get("order_id")) for line in logs if "sweep" in line["event"]]
    assert told == [("stock.sweep_taken_apart", None), ("stock.sweep_failed", "o-first")]


async def test_a_sweep_leaves_alone_what_was_committed(migrated_url: str, clock: FakeClock) -> None:
    """
    Only what is still reserved expires, whatever else is in the same order.
    """
    services = build_services(settings_for(migrated_url), now=clock.now)
    await _reserve_many(services, 1)
    await services.products.create(NewProduct("mug", "Mug", "home", stock_level=5), GATEWAY)
    mug = await services.stock.reserve("o-0", Wanted("mug", 1), GATEWAY)
    await services.stock.change_reservation(COMMIT, mug.id, GATEWAY)
    clock.advance(RESERVATION_S)

    assert await services.stock.sweep() == 1
    statuses = [line.status.value for line in await services.stock.of_order("o-0")]
    await services.database.aclose()
    assert statuses == ["EXPIRED", "COMMITTED"]


async def _reserve_many(services: Services, orders: int) -> None:
    await services.products.create(NewProduct("lamp", "Lamp", "home", stock_level=100), GATEWAY)
    for number in range(orders):
        await services.stock.reserve(f"o-{number}", Wanted("lamp", 1), GATEWAY)
