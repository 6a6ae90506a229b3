"""
Calls that arrive at the same moment, within one process. Several processes: ``test_races.py``.
"""

import asyncio
from collections.abc import Mapping

import httpx
from inventory_app import (
    RESERVATION_S,
    RunningInventory,
    prepare,
    reason_of,
    running_inventory,
    settings_for,
)
from sqlalchemy import text

from inventory.ledger import repository as ledger
from servicekit.database import Database
from servicekit.testing import eventually
from servicekit.testing.clock import FakeClock

MUG_AT_ONCE = text("SELECT 1 FROM products WHERE id = 'mug' FOR UPDATE NOWAIT")


async def forms_at_once(
    inventory: RunningInventory, forms: Mapping[str, Mapping[str, int]]
) -> list[httpx.Response]:
    """
    What each order form is answered.
    """
    return await asyncio.gather(
        *(inventory.reserve_order(order, items) for order, items in forms.items())
    )


async def test_a_call_sent_many_times_at_once_counts_once(inventory: RunningInventory) -> None:
    """
    Copies of a reserve, and then of a commit, all get the same answer, and move the units once.
    """
    await inventory.product("lamp", stock=3)
    reserves = await asyncio.gather(*(inventory.reserve("o-1", "lamp", 2) for _ in range(8)))
    commits = await asyncio.gather(*(inventory.change("commit", orderId="o-1") for _ in range(8)))

    assert {answer.status_code for answer in reserves} == {201}
    assert {answer.status_code for answer in commits} == {200}
    assert (
        len({answer.text for answer in reserves}) == len({answer.text for answer in commits}) == 1
    )
    assert await inventory.amounts("lamp") == (1, 0)
    assert await inventory.kinds("lamp") == ["INITIAL", "RESERVED", "COMMITTED"]


async def test_opposite_orders_do_not_block_each_other(inventory: RunningInventory) -> None:
    """
    Orders that name the same products the other way round all come through.
    """
    for name in ("lamp", "mug", "kite"):
        await inventory.product(name, stock=100)
    there = {"lamp": 1, "mug": 1, "kite": 1}
    back = dict(reversed(there.items()))
    answers = await forms_at_once(
        inventory, {f"o-{number}": (there, back)[number % 2] for number in range(30)}
    )

    assert {answer.status_code for answer in answers} == {201}
    assert [await inventory.amounts(name) for name in there] == [(100, 30)] * 3


async def test_the_last_units_are_sold_once(inventory: RunningInventory) -> None:
    """
    Of many orders for the last units, as many come through as there are units; none is half held.
    """
    await inventory.product("lamp", stock=5)
    await inventory.product("mug", stock=100)
    answers = await forms_at_once(
        inventory, {f"o-{number}": {"mug": 1, "lamp": 1} for number in range(20)}
    )
    refused = [answer for answer in answers if answer.status_code != 201]

    assert len(refused) == 15
    assert {reason_of(answer) for answer in refused} == {"OUT_OF_STOCK"}
    assert await inventory.amounts("lamp") == (5, 5)
    assert await inventory.amounts("mug") == (100, 5)
    assert await inventory.services.ledger.audit() == {}


async def test_an_order_locks_all_its_products_in_one_step(
    postgres_url: str, clock: FakeClock
) -> None:
    """
    An order of which a line has expired waits for a product without holding any that comes later:
    whoever has the first and wants the second gets it, so nobody can wait for each other.
    """
    await asyncio.to_thread(prepare, postgres_url)
    async with running_inventory(settings_for(postgres_url), clock) as inventory:
        for name in ("lamp", "mug"):
            await inventory.product(name)
        await inventory.reserve("o-1", "mug")
        clock.advance(RESERVATION_S)
        async with inventory.services.database.write() as connection:
            await ledger.locked(connection, ["lamp"])
            waiting = asyncio.create_task(inventory.reserve("o-1", "lamp"))
            await eventually(lambda: is_anybody_waiting(inventory.services.database))
            await connection.execute(MUG_AT_ONCE)

        assert (await waiting).status_code == 201
        assert await inventory.amounts("lamp") == (10, 1)
        assert await inventory.amounts("mug") == (10, 0)


async def is_anybody_waiting(database: Database) -> bool:
    """
    Whether a statement waits for a lock.
    """
    async with database.read() as connection:
        waiting = text("SELECT count(*) FROM pg_locks WHERE NOT granted")
        return bool((await connection.execute(waiting)).scalar_one())
