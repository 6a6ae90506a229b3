"""
What a transaction of ``Database`` promises, on both databases.
"""

import asyncio
from collections.abc import AsyncIterator

import pytest
from counters import (
    add_one,
    connections_out,
    counters,
    database_with_counters,
    read_value,
    set_value,
    value_of,
)
from sqlalchemy import event, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection

from servicekit.database import Database, UniqueViolation
from servicekit.testing import eventually


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    async with database_with_counters(database_url, pool_size=3, max_overflow=2) as database:
        yield database


async def test_write_is_there_for_the_next_reader(database: Database) -> None:
    """
    What a write transaction did is seen as soon as it has ended.
    """
    async with database.write() as connection:
        await set_value(connection, "a", 7)

    assert await read_value(database, "a") == 7


async def test_write_that_fails_leaves_nothing(database: Database) -> None:
    """
    An error inside a write transaction undoes all of it, and comes out unchanged.
    """

    async def fail() -> None:
        async with database.write() as connection:
            await set_value(connection, "a", 7)
            raise LookupError("ours")

    with pytest.raises(LookupError, match="ours"):
        await fail()

    assert await read_value(database, "a") == 0
    assert connections_out(database) == 0


async def test_write_that_is_cancelled_leaves_nothing(database: Database) -> None:
    """
    A cancellation inside a write transaction undoes all of it.
    """
    is_inside = asyncio.Event()

    async def write() -> None:
        async with database.write() as connection:
            await set_value(connection, "a", 7)
            is_inside.set()
            await asyncio.Event().wait()

    writing = asyncio.ensure_future(write())
    await is_inside.wait()
    writing.cancel()
    await asyncio.wait({writing})

    assert writing.cancelled()
    assert await read_value(database, "a") == 0
    assert connections_out(database) == 0


async def test_reader_sees_one_state(database: Database) -> None:
    """
    A read transaction sees the state of its first query, whatever is written meanwhile.
    """
    async with database.read() as reader:
        first = await value_of(reader, "a")
        async with database.write() as writer:
            await set_value(writer, "a", 1)
            await set_value(writer, "b", 1)
        second = (await value_of(reader, "a"), await value_of(reader, "b"))

    assert (first, second) == (0, (0, 0))
    assert await read_value(database, "a") == 1


async def test_reader_of_a_new_file_blocks_no_writer(sqlite_url: str) -> None:
    """
    Also when the first to open a SQLite file is a reader, a writer beside it is free.
    """
    database = Database(sqlite_url)

    async with database.read() as reader:
        await reader.execute(text("SELECT * FROM sqlite_master"))
        async with database.write() as writer:
            await writer.execute(text("CREATE TABLE notes (note TEXT)"))

    await database.aclose()


async def test_reader_cannot_write(database: Database) -> None:
    """
    A read transaction refuses to change anything: a mistake of ours, so it crashes.
    """
    with pytest.raises(DBAPIError, match=r"(?i)read-?only"):
        async with database.read() as connection:
            await set_value(connection, "a", 7)

    assert await read_value(database, "a") == 0


async def test_fifty_writers_lose_no_update(database: Database) -> None:
    """
    Fifty tasks that read a counter and write one more make it stand at fifty.
    """

    async def count() -> None:
        async with database.write() as connection:
            await add_one(connection, "a")

    await asyncio.gather(*(count() for _ in range(50)))

    assert await read_value(database, "a") == 50
    assert connections_out(database) == 0


async def test_readers_go_on_beside_fifty_writers(database: Database) -> None:
    """
    Readers beside many writers are served, and always see both counters alike.
    """

    async def count() -> None:
        async with database.write() as connection:
            await add_one(connection, "a")
            await add_one(connection, "b")

    async def look() -> tuple[int, int]:
        async with database.read() as connection:
            return await value_of(connection, "a"), await value_of(connection, "b")

    results = await asyncio.gather(*(task() for _ in range(50) for task in (count, look)))

    seen = [result for result in results if result is not None]
    assert len(seen) == 50
    assert all(a == b for a, b in seen)


async def test_cancellation_at_any_point_loses_no_connection(database: Database) -> None:
    """
    Wherever a transaction is cancelled, it is done whole or not at all, and the pool stays whole.
    """

    async def count() -> None:
        async with database.write() as connection:
            await add_one(connection, "a")
            await add_one(connection, "b")

    outcomes = set()
    for steps in range(60):
        task = asyncio.ensure_future(count())
        for _ in range(steps):
            await asyncio.sleep(0)
            if task.done():
                break
        task.cancel()
        await asyncio.wait({task})
        outcomes.add(task.cancelled())
        assert await read_value(database, "a") == await read_value(database, "b")
        assert connections_out(database) == 0

    assert True in outcomes


async def test_cancellation_after_any_time_loses_no_connection(database: Database) -> None:
    """
    The same when it waits for the database itself, for a lock or for a free connection.
    """

    async def count(give_up_after_s: float) -> None:
        async with asyncio.timeout(give_up_after_s), database.write() as connection:
            await add_one(connection, "a")
            await add_one(connection, "b")

    for _ in range(5):
        await asyncio.gather(*(count(n / 4000) for n in range(40)), return_exceptions=True)

    assert connections_out(database) == 0
    assert await read_value(database, "a") == await read_value(database, "b")
    await _use_every_connection(database)


async def test_cancelled_commit_is_a_whole_commit(database: Database) -> None:
    """
    A cancellation that meets the commit waits for it, is raised after it, and costs no connection.
    """
    is_committing = asyncio.Event()
    connects: list[object] = []
    event.listen(database._writer.sync_engine, "connect", lambda *args: connects.append(args))

    async def write() -> None:
        async with database.write() as connection:
            await set_value(connection, "a", 7)
            asyncio.get_running_loop().call_soon(is_committing.set)

    writing = asyncio.ensure_future(write())
    await is_committing.wait()
    writing.cancel()
    writing.cancel()
    await asyncio.wait({writing})

    assert writing.cancelled()
    assert await read_value(database, "a") == 7
    assert connections_out(database) == 0
    async with database.write():
        pass
    assert connects == []


async def test_swallowed_failure_is_not_a_silent_rollback(database: Database) -> None:
    """
    Going on after a failed statement keeps what went well, or raises; it never loses it quietly.
    """
    try:
        async with database.write() as connection:
            await set_value(connection, "b", 7)
            with pytest.raises(UniqueViolation):
                await connection.execute(counters.insert().values(name="a", value=1))
    except DBAPIError:
        assert database.dialect == "postgresql"
        assert await read_value(database, "b") == 0
    else:
        assert await read_value(database, "b") == 7


async def test_savepoint_heals_a_failure(database: Database) -> None:
    """
    A failed statement inside a savepoint leaves the rest of the transaction in order.
    """

    async def fail(connection: AsyncConnection) -> None:
        async with connection.begin_nested():
            await set_value(connection, "b", 8)
            await connection.execute(counters.insert().values(name="a", value=1))

    async with database.write() as connection:
        await set_value(connection, "b", 7)
        with pytest.raises(UniqueViolation):
            await fail(connection)

    assert await read_value(database, "b") == 7


async def test_failure_of_one_transaction_does_not_mark_the_next(database: Database) -> None:
    """
    The connection of a failed transaction serves the next one as if nothing had been.
    """
    for _ in range(5):
        with pytest.raises(UniqueViolation):
            async with database.write() as connection:
                await connection.execute(counters.insert().values(name="a", value=1))

    async with database.write() as connection:
        await set_value(connection, "a", 1)

    assert await read_value(database, "a") == 1


async def test_transact_returns_what_its_work_returns(database: Database) -> None:
    """
    ``transact`` commits and hands on the result.
    """

    async def work(connection: AsyncConnection) -> str:
        await set_value(connection, "a", 3)
        return "done"

    assert await database.transact(work) == "done"
    assert await read_value(database, "a") == 3


async def test_transact_does_not_repeat_other_errors(database: Database) -> None:
    """
    An error of the work itself is raised at once.
    """
    attempts = 0

    async def work(_connection: object) -> None:
        nonlocal attempts
        attempts += 1
        raise LookupError

    with pytest.raises(LookupError):
        await database.transact(work)

    assert attempts == 1


async def test_ping_of_a_living_database(database: Database) -> None:
    """
    A database that answers is healthy.
    """
    await database.ping()

    await eventually(lambda: connections_out(database) == 0)


async def test_statement_timeout_setting_and_name_reach_the_server(postgres_url: str) -> None:
    """
    On PostgreSQL a session carries the service's name and its bounds.
    """
    async with (
        database_with_counters(postgres_url, application_name="orders") as database,
        database.read() as connection,
    ):
        settings = [
            await connection.scalar(text(f"SHOW {name}"))
            for name in ("application_name", "statement_timeout", "lock_timeout")
        ]

    assert settings == ["orders", "15s", "5s"]


async def _use_every_connection(database: Database) -> None:
    async with asyncio.TaskGroup() as tasks:
        all_are_in = asyncio.Barrier(5)

        async def hold() -> None:
            async with database.read() as connection:
                await connection.execute(text("SELECT 1"))
                await asyncio.wait_for(all_are_in.wait(), 30)

        for _ in range(5):
            tasks.create_task(hold())
