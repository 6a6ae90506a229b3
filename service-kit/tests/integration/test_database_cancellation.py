"""
A transaction that is cancelled, wherever it is, leaves the database to others.
"""

import asyncio
import gc
from collections.abc import Iterator
from contextlib import suppress

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from servicekit.database import Database

#: More turns of the loop than the transaction below takes.
TURNS = 120
FREE_WITHIN_S = 5.0


@pytest.fixture
def _no_collection() -> Iterator[None]:
    """
    Nothing is tidied up by chance.
    """
    gc.disable()
    yield
    gc.enable()
    gc.collect()


async def work(connection: AsyncConnection) -> None:
    """
    Some reading and writing.
    """
    for _ in range(3):
        await connection.execute(text("SELECT count(*) FROM notes"))
        await connection.execute(text("INSERT INTO notes (body) VALUES ('x')"))


async def read(database: Database) -> None:
    """
    Some reading.
    """
    async with database.read() as connection:
        for _ in range(6):
            await connection.execute(text("SELECT * FROM notes"))


async def cancelled_after(turns: int, task: asyncio.Task[None]) -> None:
    """
    Let ``task`` run for so many turns of the loop, and end it there.
    """
    for _ in range(turns):
        # A step of the driver's own thread may need a moment, not only a turn.
        await asyncio.sleep(0 if turns % 2 else 0.0002)
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task


@pytest.mark.usefixtures("_no_collection")
async def test_a_cancelled_write_holds_no_lock(database_url: str) -> None:
    """
    Wherever a write is cut off, the next one gets through at once.
    """
    database = Database(database_url)
    await database.transact(lambda c: c.execute(text("CREATE TABLE notes (body text)")))

    for turns in range(TURNS):
        await cancelled_after(turns, asyncio.create_task(database.transact(work)))
        async with asyncio.timeout(FREE_WITHIN_S):
            await database.transact(work)

    await database.aclose()


@pytest.mark.usefixtures("_no_collection")
async def test_a_cancelled_read_holds_no_connection(database_url: str) -> None:
    """
    Wherever reads are cut off, others can read and write on.
    """
    database = Database(database_url, pool_size=2, max_overflow=0)
    await database.transact(lambda c: c.execute(text("CREATE TABLE notes (body text)")))

    for turns in range(TURNS // 2):
        await cancelled_after(turns, asyncio.create_task(read(database)))
        async with asyncio.timeout(FREE_WITHIN_S):
            await read(database)
            await database.transact(work)

    await database.aclose()
