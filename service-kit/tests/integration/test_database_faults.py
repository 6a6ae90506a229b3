"""
What a service is told when its database is away, slow, in use or in conflict.
"""

import asyncio
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from counters import (
    add_one,
    connections_out,
    database_with_counters,
    read_value,
    set_value,
    value_of,
)
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection

from servicekit.database import Database, Limits
from servicekit.errors import ServiceUnavailable
from servicekit.testing.postgres import PostgresProcess, PostgresServer

pytestmark = pytest.mark.real_time

#: No statement's own bound: who gives up is free long before, also on a busy machine.
FREE_WITHIN_S = 3
QUICK = Limits(connect_s=1, pool_s=0.2, lock_s=0.2, statement_s=0.5, ping_s=0.5)


@contextmanager
def written_by_another_process(url: str) -> Iterator[None]:
    """
    Hold SQLite's write lock, as another process would.
    """
    other = sqlite3.connect(url.removeprefix("sqlite:///"), isolation_level=None)
    try:
        other.execute("BEGIN IMMEDIATE")
        yield
    finally:
        other.close()


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://user:secret@127.0.0.1:{port}/shop",
        "postgresql://user:secret@/shop?host={folder}",
        "sqlite:///{folder}/a-file/shop.db",
        "sqlite:///{folder}/a-file",
    ],
    ids=["refused port", "no socket", "no folder", "no database"],
)
async def test_unreachable_database_is_unavailable(
    url: str, tmp_path: Path, free_port: int
) -> None:
    """
    A database that cannot be opened is ``ServiceUnavailable``, which says nothing of where it is.
    """
    (tmp_path / "a-file").write_text("this is no database, and no folder either" * 100)
    database = Database(url.format(port=free_port, folder=tmp_path), limits=QUICK)

    for attempt in (database.ping, lambda: read_value(database, "a")):
        with pytest.raises(ServiceUnavailable) as caught:
            await attempt()
        assert caught.value.message == "The database is not available now. Try again in 1 s."

    await database.aclose()


async def test_closed_database_is_unavailable(database_url: str) -> None:
    """
    Who asks after the end is refused, and no connection is opened again.
    """
    async with database_with_counters(database_url) as database:
        await database.aclose()

        with pytest.raises(ServiceUnavailable):
            await read_value(database, "a")
        with pytest.raises(ServiceUnavailable):
            await database.ping()


async def test_health_does_not_wait_for_the_pool(database_url: str) -> None:
    """
    A service whose connections are all in use is busy and not ill.
    """
    async with (
        database_with_counters(database_url, pool_size=1, max_overflow=0, limits=QUICK) as database,
        database.read(),
    ):
        await database.ping()


async def test_exhausted_pool_is_unavailable(database_url: str) -> None:
    """
    Who waits too long for a connection is told so, and the pool is whole afterwards.
    """
    async with database_with_counters(
        database_url, pool_size=1, max_overflow=0, limits=QUICK
    ) as database:
        async with database.read():
            with pytest.raises(ServiceUnavailable):
                await read_value(database, "a")

        assert await read_value(database, "a") == 0


async def test_second_writer_waits_no_longer_than_the_limit(database_url: str) -> None:
    """
    A writer that waits too long for another's lock is told so.
    """
    async with database_with_counters(database_url, limits=QUICK) as database:
        async with database.write() as connection:
            await set_value(connection, "a", 1)
            with pytest.raises(ServiceUnavailable):
                async with database.write() as second:
                    await set_value(second, "a", 2)

        assert await read_value(database, "a") == 1


async def test_sqlite_written_by_another_process_is_unavailable(sqlite_url: str) -> None:
    """
    A write that another process holds up for too long is ``ServiceUnavailable``; reads go on.
    """
    async with database_with_counters(sqlite_url, limits=QUICK) as database:
        with written_by_another_process(sqlite_url):
            with pytest.raises(ServiceUnavailable):
                async with database.write():
                    pass
            assert await read_value(database, "a") == 0

        async with database.write() as connection:
            await set_value(connection, "a", 1)


async def test_transact_waits_for_another_process(sqlite_url: str) -> None:
    """
    ``transact`` begins again when a SQLite file was busy, and so outlives the other writer.
    """
    limits = Limits(lock_s=0.05)
    async with database_with_counters(sqlite_url, limits=limits) as database:
        with written_by_another_process(sqlite_url):
            working = asyncio.ensure_future(database.transact(lambda c: add_one(c, "a")))
            with pytest.raises(ServiceUnavailable):  # so at least one attempt has failed by now
                async with database.write():
                    pass
            is_waiting_still = not working.done()
        await working

        assert is_waiting_still
        assert await read_value(database, "a") == 1


async def test_transact_gives_up(sqlite_url: str) -> None:
    """
    ``transact`` repeats a bounded number of times, and then says that the database is unavailable.
    """
    limits = Limits(lock_s=0.01)
    async with database_with_counters(sqlite_url, limits=limits) as database:
        with written_by_another_process(sqlite_url), pytest.raises(ServiceUnavailable):
            await database.transact(lambda c: add_one(c, "a"))


async def test_transact_repeats_the_victim_of_a_deadlock(postgres_url: str) -> None:
    """
    Of two transactions that wait for each other one is ended; ``transact`` does it again.
    """
    attempts = 0
    both_hold_one = asyncio.Barrier(2)

    async def add_to_both(connection: AsyncConnection, first: str, second: str) -> None:
        nonlocal attempts
        attempts += 1
        await add_one(connection, first)
        if attempts <= 2:
            await both_hold_one.wait()
        await add_one(connection, second)

    async with database_with_counters(postgres_url) as database:
        await asyncio.gather(
            database.transact(lambda c: add_to_both(c, "a", "b")),
            database.transact(lambda c: add_to_both(c, "b", "a")),
        )

        assert (await read_value(database, "a"), await read_value(database, "b")) == (2, 2)
    assert attempts == 3


async def test_transact_repeats_a_serialization_failure(postgres_url: str) -> None:
    """
    A transaction that built on what another has changed since is done again.
    """
    attempts = 0

    async with database_with_counters(postgres_url) as database:

        async def add(connection: AsyncConnection) -> None:
            nonlocal attempts
            attempts += 1
            await connection.execute(text("SET TRANSACTION ISOLATION LEVEL SERIALIZABLE"))
            value = await value_of(connection, "a")
            if attempts == 1:
                async with database.write() as other:
                    await set_value(other, "a", 10)
            await set_value(connection, "a", value + 1)

        await database.transact(add)

        assert await read_value(database, "a") == 11
    assert attempts == 2


async def test_slow_statement_is_unavailable(postgres_url: str) -> None:
    """
    A statement that the server ends for its length is ``ServiceUnavailable``.
    """
    async with database_with_counters(postgres_url, limits=QUICK) as database:
        with pytest.raises(ServiceUnavailable):
            async with database.read() as connection:
                await connection.execute(text("SELECT pg_sleep(30)"))

        await database.ping()


async def test_mistakes_of_ours_pass_unchanged(database_url: str) -> None:
    """
    A statement that makes no sense is no fault of the database, and is not dressed up as one.
    """
    async with database_with_counters(database_url) as database:
        with pytest.raises(DBAPIError, match="nonsense"):
            async with database.read() as connection:
                await connection.execute(text("SELECT nonsense FROM counters"))


async def test_errors_do_not_quote_values(database_url: str) -> None:
    """
    What a failed statement carried does not stand in its error, which is logged.
    """
    async with database_with_counters(database_url) as database:
        with pytest.raises(DBAPIError) as caught:
            async with database.read() as connection:
                await connection.execute(
                    text("SELECT nonsense FROM counters WHERE name = :name"), {"name": "private"}
                )

        assert "private" not in str(caught.value)


async def test_restarted_server_costs_no_request(own_postgres: PostgresProcess) -> None:
    """
    Connections that died with the server are replaced before anyone gets one.
    """
    async with database_with_counters(own_postgres.server.url(), pool_size=3) as database:
        async with database.read(), database.read(), database.read():
            pass  # so that three connections are in the pool

        await asyncio.to_thread(own_postgres.stop)
        await asyncio.to_thread(own_postgres.start)

        values = await asyncio.gather(*(read_value(database, "a") for _ in range(3)))
        assert values == [0, 0, 0]


async def test_killed_server_is_unavailable_and_then_back(own_postgres: PostgresProcess) -> None:
    """
    A server that dies under a transaction makes it ``ServiceUnavailable``, and so do all attempts
    until it is back.
    """
    async with database_with_counters(own_postgres.server.url(), limits=QUICK) as database:
        with pytest.raises(ServiceUnavailable):
            await _write_with_an_accident(database, own_postgres.kill)
        with pytest.raises(ServiceUnavailable):
            await database.ping()

        own_postgres.start()

        assert await read_value(database, "a") == 0
        assert connections_out(database) == 0


async def test_frozen_server_is_unavailable(own_postgres: PostgresProcess) -> None:
    """
    A server that takes packets and never answers is given up within the limits, in and out of use.
    """
    limits = Limits(connect_s=0.3, pool_s=0.3, lock_s=0.3, statement_s=0.3, ping_s=0.3)
    async with database_with_counters(own_postgres.server.url(), limits=limits) as database:
        with pytest.raises(ServiceUnavailable):
            await _write_with_an_accident(database, own_postgres.pause)
        with pytest.raises(ServiceUnavailable):
            await database.ping()
        with pytest.raises(ServiceUnavailable):
            await read_value(database, "a")
        own_postgres.resume()

        assert await read_value(database, "a") == 0
        assert connections_out(database) == 0


async def test_a_frozen_server_holds_nobody_beyond_the_deadline(
    own_postgres: PostgresProcess,
) -> None:
    """
    Whoever gives up a statement is free at once, and does not wait for the server's goodbye.
    """
    async with database_with_counters(own_postgres.server.url()) as database:
        await read_value(database, "a")
        own_postgres.pause()
        began_at = time.monotonic()

        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.2):
                await read_value(database, "a")

        assert time.monotonic() - began_at < FREE_WITHIN_S
        own_postgres.resume()
        assert await read_value(database, "a") == 0
        assert connections_out(database) == 0


async def test_ended_session_is_unavailable(
    postgres_url: str, postgres_server: PostgresServer
) -> None:
    """
    A session that an administrator ends makes its transaction ``ServiceUnavailable``.
    """
    async with database_with_counters(postgres_url, application_name="to-be-ended") as database:
        end_session = (
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE application_name = 'to-be-ended'"
        )
        with pytest.raises(ServiceUnavailable):
            await _write_with_an_accident(database, lambda: postgres_server.sql(end_session))

        assert await read_value(database, "a") == 0


async def _write_with_an_accident(database: Database, accident: Callable[[], object]) -> None:
    async with database.write() as connection:
        await set_value(connection, "a", 1)
        accident()
        await set_value(connection, "a", 2)
