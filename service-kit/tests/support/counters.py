"""
A table of counters, for tests of the database.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from sqlalchemy import Column, Integer, String, Table, select
from sqlalchemy.ext.asyncio import AsyncConnection

from servicekit.database import Database, Limits, new_metadata

metadata = new_metadata()
counters = Table(
    "counters",
    metadata,
    Column("name", String(40), primary_key=True),
    Column("value", Integer, nullable=False),
)


@asynccontextmanager
async def database_with_counters(
    url: str,
    *,
    pool_size: int = 5,
    max_overflow: int = 10,
    application_name: str = "servicekit",
    limits: Limits | None = None,
) -> AsyncIterator[Database]:
    """
    A database with the counters ``a`` and ``b`` at zero.
    """
    database = Database(
        url,
        pool_size=pool_size,
        max_overflow=max_overflow,
        application_name=application_name,
        limits=limits,
    )
    try:
        async with database.write() as connection:
            await connection.run_sync(metadata.create_all)
            await connection.execute(
                counters.insert(), [{"name": "a", "value": 0}, {"name": "b", "value": 0}]
            )
        yield database
    finally:
        await database.aclose()


async def value_of(connection: AsyncConnection, name: str, *, lock: bool = False) -> int:
    """
    What a counter stands at; with ``lock``, nobody else changes it until the transaction ends.
    """
    query = select(counters.c.value).where(counters.c.name == name)
    rows = await connection.execute(query.with_for_update() if lock else query)
    value: int = rows.scalar_one()
    return value


async def read_value(database: Database, name: str) -> int:
    """
    What a counter stands at now.
    """
    async with database.read() as connection:
        return await value_of(connection, name)


async def set_value(connection: AsyncConnection, name: str, value: int) -> None:
    """
    Put a counter to ``value``.
    """
    await connection.execute(counters.update().where(counters.c.name == name).values(value=value))


async def add_one(connection: AsyncConnection, name: str) -> None:
    """
    Read a counter, and write one more: loses an update where transactions are not kept apart.
    """
    await set_value(connection, name, await value_of(connection, name, lock=True) + 1)


def connections_out(database: Database) -> int:
    """
    How many connections the pools miss.
    """
    pools = {database._reader.sync_engine.pool, database._writer.sync_engine.pool}
    return sum(pool.checkedout() for pool in pools)  # type: ignore[attr-defined]  # queue pools
