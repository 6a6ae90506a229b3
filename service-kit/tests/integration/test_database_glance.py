"""
What a read of one statement promises, on both databases.
"""

import asyncio
import sqlite3
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager

import pytest
from counters import connections_out, counters, database_with_counters, read_value, set_value
from sqlalchemy import bindparam, event, select, text
from sqlalchemy.engine import Engine
from sqlalchemy.exc import DBAPIError

from servicekit.database import Database, Limits
from servicekit.errors import ServiceUnavailable
from servicekit.testing.postgres import PostgresProcess

VALUE = select(counters.c.value).where(counters.c.name == bindparam("name"))
ALL = select(counters.c.name, counters.c.value).order_by(counters.c.name)
#: More turns of the loop than a glance takes.
TURNS = 50
#: No statement's own bound: who gives up is free long before, also on a busy machine.
FREE_WITHIN_S = 3
#: Takes seconds at least.
ENDLESS = {
    "postgresql": "SELECT pg_sleep(600)",
    "sqlite": "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n LIMIT 30000000) SELECT max(i) FROM n",
}


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    async with database_with_counters(database_url, pool_size=5, max_overflow=0) as database:
        yield database


async def glanced(database: Database, name: str) -> int:
    """
    What a counter stands at, by one statement.
    """
    rows = await database.glance.execute(VALUE, {"name": name})
    value: int = rows[0][0]
    return value


@contextmanager
def statements() -> Iterator[list[str]]:
    """
    Every statement that is sent meanwhile.
    """
    seen: list[str] = []

    def note(_connection: object, _cursor: object, statement: str, *_rest: object) -> None:
        seen.append(statement)

    event.listen(Engine, "before_cursor_execute", note)
    try:
        yield seen
    finally:
        event.remove(Engine, "before_cursor_execute", note)


async def test_glance_reads_rows_by_name(database: Database) -> None:
    """
    The rows are those of the statement, in its order, with the names of its columns.
    """
    async with database.write() as connection:
        await set_value(connection, "b", 7)

    rows = await database.glance.execute(ALL)

    assert [(row.name, row.value) for row in rows] == [("a", 0), ("b", 7)]
    assert connections_out(database) == 0


async def test_glance_that_finds_nothing(database: Database) -> None:
    """
    No row is an empty list, and no error.
    """
    rows = await database.glance.execute(VALUE, {"name": "unknown"})

    assert list(rows) == []


async def test_glance_sees_what_was_committed_and_nothing_else(database: Database) -> None:
    """
    A write is seen when it is committed, and not before.
    """
    async with database.write() as connection:
        await set_value(connection, "a", 7)
        before = await glanced(database, "a")

    assert (before, await glanced(database, "a")) == (0, 7)


async def test_glance_is_one_statement(database: Database) -> None:
    """
    Nothing is begun before the statement and nothing ended after it.
    """
    await glanced(database, "a")

    with statements() as seen:
        await glanced(database, "a")

    assert len(seen) == 1
    assert seen[0].startswith("SELECT")


async def test_glance_leaves_no_state_behind(database: Database) -> None:
    """
    A connection that glanced serves a snapshot and a write as if nothing had been, and the reverse.
    """
    for value in range(1, 16):
        async with database.write() as connection:
            await set_value(connection, "a", value)
        assert await glanced(database, "a") == value
        async with database.read() as reader:
            await reader.execute(ALL)
            async with database.write() as connection:
                await set_value(connection, "a", -value)
            assert (await reader.execute(VALUE, {"name": "a"})).scalar_one() == value
        assert await glanced(database, "a") == -value


async def test_glance_cannot_write(database: Database) -> None:
    """
    The database refuses to change anything by a glance: a mistake of ours, so it crashes.
    """
    for _ in range(7):  # also on connections that have written
        async with database.write() as connection:
            await set_value(connection, "b", 1)
        with pytest.raises(DBAPIError, match=r"(?i)read-?only"):
            await database.glance.execute(counters.update().values(value=7))

    assert await read_value(database, "a") == 0


async def test_glance_with_a_hidden_write_cannot_write(postgres_url: str) -> None:
    """
    Nor by a select that writes on its way.
    """
    async with database_with_counters(postgres_url) as database:
        hidden = counters.update().values(value=7).returning(counters.c.value).cte("hidden")

        with pytest.raises(DBAPIError, match="read-only"):
            await database.glance.execute(select(hidden))

        assert await read_value(database, "a") == 0


async def test_hundred_glances_share_a_pool_of_five(database: Database) -> None:
    """
    A hundred at once are all answered, each with its own row, and leave the pool whole.
    """
    names = ["a", "b"] * 50
    async with database.write() as connection:
        await set_value(connection, "b", 7)

    values = await asyncio.gather(*(glanced(database, name) for name in names))

    assert values == [0, 7] * 50
    assert connections_out(database) == 0


async def test_mistake_of_ours_passes_unchanged(database: Database) -> None:
    """
    A statement that makes no sense is no fault of the database, costs no connection, and tells no
    values.
    """
    nonsense = text("SELECT nonsense FROM counters WHERE name = :name")

    for _ in range(10):
        with pytest.raises(DBAPIError, match="nonsense") as caught:
            await database.glance.execute(nonsense, {"name": "private"})
        assert "private" not in str(caught.value)

    assert connections_out(database) == 0
    assert await glanced(database, "a") == 0


async def test_closed_database_is_unavailable(database: Database) -> None:
    """
    Who glances after the end is refused, and no connection is opened again.
    """
    await database.aclose()

    with pytest.raises(ServiceUnavailable):
        await glanced(database, "a")
    assert connections_out(database) == 0


async def test_exhausted_pool_is_unavailable(database_url: str) -> None:
    """
    Who waits too long for a connection is told so.
    """
    async with database_with_counters(
        database_url, pool_size=1, max_overflow=0, limits=Limits(pool_s=0.1)
    ) as database:
        async with database.read():
            with pytest.raises(ServiceUnavailable):
                await glanced(database, "a")

        assert await glanced(database, "a") == 0


async def test_unreachable_database_is_unavailable(free_port: int) -> None:
    """
    A database that is not there is ``ServiceUnavailable``.
    """
    database = Database(f"postgresql://user:secret@127.0.0.1:{free_port}/shop")

    with pytest.raises(ServiceUnavailable):
        await glanced(database, "a")

    await database.aclose()


async def test_locked_table_is_unavailable(postgres_url: str) -> None:
    """
    A glance waits no longer than the limit for a lock that somebody holds.
    """
    async with database_with_counters(postgres_url, limits=Limits(lock_s=0.1)) as database:
        async with database.write() as connection:
            await connection.execute(text("LOCK TABLE counters"))
            with pytest.raises(ServiceUnavailable):
                await glanced(database, "a")

        assert await glanced(database, "a") == 0


async def test_locked_file_is_unavailable(sqlite_url: str) -> None:
    """
    The same on SQLite, where another process may hold the whole file.
    """
    async with database_with_counters(sqlite_url):
        pass
    database = Database(sqlite_url, limits=Limits(lock_s=0.1))

    with held_by_another_process(sqlite_url), pytest.raises(ServiceUnavailable):
        await glanced(database, "a")

    assert await glanced(database, "a") == 0
    await database.aclose()


async def test_deadline_ends_a_glance(database: Database) -> None:
    """
    Whoever is over the deadline is free at once, the statement is ended, and the pool is whole.
    """
    began_at = time.monotonic()

    for _ in range(3):
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.1):
                await database.glance.execute(text(ENDLESS[database.dialect]))

    assert time.monotonic() - began_at < 3
    assert connections_out(database) == 0
    assert await glanced(database, "a") == 0


async def test_cancelled_glance_holds_no_connection(database_url: str) -> None:
    """
    Wherever glances are cut off, nothing is lost or mixed up: others glance, read and write on.
    """
    async with database_with_counters(database_url, pool_size=2, max_overflow=0) as database:
        for turns in range(TURNS):
            tasks = [asyncio.ensure_future(glanced(database, name)) for name in "abab"]
            for _ in range(turns):
                # A step of the driver's own thread may need a moment, not only a turn.
                await asyncio.sleep(0 if turns % 2 else 0.0002)
            for task in tasks:
                task.cancel()
            await asyncio.wait(tasks)

            assert connections_out(database) == 0
            async with asyncio.timeout(30), database.write() as connection:
                await set_value(connection, "a", turns)
            both = await asyncio.gather(*(glanced(database, name) for name in "ab"))
            assert both == [turns, 0]
            assert await read_value(database, "a") == turns


async def test_glance_outlives_a_restarted_server(own_postgres: PostgresProcess) -> None:
    """
    A server that is away makes it ``ServiceUnavailable``; connections that died are replaced.
    """
    limits = Limits(connect_s=1, pool_s=1)
    async with database_with_counters(own_postgres.server.url(), limits=limits) as database:
        assert await glanced(database, "a") == 0

        await asyncio.to_thread(own_postgres.kill)
        with pytest.raises(ServiceUnavailable):
            await glanced(database, "a")
        await asyncio.to_thread(own_postgres.start)

        assert await glanced(database, "a") == 0
        assert connections_out(database) == 0


async def test_frozen_server_holds_no_glance(own_postgres: PostgresProcess) -> None:
    """
    A server that takes packets and never answers is given up at the deadline.
    """
    async with database_with_counters(own_postgres.server.url()) as database:
        await glanced(database, "a")
        own_postgres.pause()
        began_at = time.monotonic()

        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.2):
                await glanced(database, "a")

        assert time.monotonic() - began_at < FREE_WITHIN_S
        own_postgres.resume()
        assert await glanced(database, "a") == 0
        assert connections_out(database) == 0


@contextmanager
def held_by_another_process(url: str) -> Iterator[None]:
    """
    Hold a SQLite file so that nobody can even read, as another process could.
    """
    other = sqlite3.connect(url.removeprefix("sqlite:///"), isolation_level=None)
    try:
        other.execute("PRAGMA locking_mode=EXCLUSIVE")
        other.execute("BEGIN IMMEDIATE")
        yield
    finally:
        other.close()
