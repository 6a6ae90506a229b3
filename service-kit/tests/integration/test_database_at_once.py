"""
Transactions that are carried out at once, by synchronous work, on both databases.
"""

import asyncio
from collections.abc import AsyncIterator

import pytest
from counters import connections_out, counters, database_with_counters, read_value
from sqlalchemy import Connection, insert, select, update

from servicekit.database import Database, UniqueViolation
from servicekit.errors import ServiceUnavailable


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    async with database_with_counters(database_url, pool_size=3, max_overflow=2) as database:
        yield database


def put(value: int, connection: Connection) -> int:
    """
    Put the counter ``a`` to ``value``; what it was before.
    """
    before: int = connection.execute(
        select(counters.c.value).where(counters.c.name == "a").with_for_update()
    ).scalar_one()
    connection.execute(update(counters).where(counters.c.name == "a").values(value=value))
    return before


def add_one(connection: Connection) -> None:
    """
    One more on the counter ``a``.
    """
    put(put(0, connection) + 1, connection)


async def test_what_it_has_done_is_there(database: Database) -> None:
    """
    The work's result is told when it is committed, and the next one finds what it has written.
    """
    assert await database.transact_at_once(lambda connection: put(7, connection)) == 0
    assert await read_value(database, "a") == 7
    assert await database.transact_at_once(lambda connection: put(8, connection)) == 7


async def test_an_error_leaves_nothing(database: Database) -> None:
    """
    An error in the work undoes all of it, and comes out unchanged; the next transaction is none the worse.
    """

    def fail(connection: Connection) -> None:
        put(7, connection)
        raise LookupError("ours")

    with pytest.raises(LookupError, match="ours"):
        await database.transact_at_once(fail)

    assert await read_value(database, "a") == 0
    assert await database.transact_at_once(lambda connection: put(8, connection)) == 0
    assert connections_out(database) == 0


async def test_the_databases_errors_are_ours(database: Database) -> None:
    """
    A row that is there already is the same error as everywhere.
    """

    def add(connection: Connection) -> None:
        connection.execute(insert(counters), {"name": "a", "value": 1})

    with pytest.raises(UniqueViolation) as caught:
        await database.transact_at_once(add)

    assert (caught.value.table, caught.value.columns) == ("counters", ("name",))


async def test_no_update_is_lost(database: Database) -> None:
    """
    Many at once, beside ordinary ones, are one after the other.
    """

    async def ordinary() -> None:
        await database.transact(lambda connection: connection.run_sync(add_one))

    await asyncio.gather(
        *(database.transact_at_once(add_one) for _ in range(20)), *(ordinary() for _ in range(10))
    )

    assert await read_value(database, "a") == 30


async def test_whoever_is_cancelled_leaves_a_database_that_works(database: Database) -> None:
    """
    It may be written or not; nothing is held, and the next one is not in its way.
    """
    task = asyncio.create_task(database.transact_at_once(add_one))
    await asyncio.sleep(0)

    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task

    await database.transact_at_once(lambda connection: put(5, connection))
    assert await read_value(database, "a") == 5
    assert connections_out(database) == 0


async def test_a_closed_database_is_not_available(database: Database) -> None:
    """
    What is asked after the end finds no database.
    """
    await database.aclose()

    with pytest.raises(ServiceUnavailable):
        await database.transact_at_once(add_one)


async def test_it_may_wait_for_rows_for_less_than_usual(postgres_url: str) -> None:
    """
    With ``lock_s`` a transaction has a patience of its own, and those that follow have the usual one again.
    """

    def patience(connection: Connection) -> object:
        return connection.exec_driver_sql("SHOW lock_timeout").scalar_one()

    async with database_with_counters(postgres_url, pool_size=1, max_overflow=0) as database:
        usual = await database.transact_at_once(patience)
        own = await database.transact_at_once(patience, lock_s=0.25)
        after = await database.transact_at_once(patience)

    assert (usual, own, after) == ("5s", "250ms", "5s")
