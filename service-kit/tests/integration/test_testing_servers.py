"""
What the fixtures for servers and databases promise to the tests that use them.
"""

import asyncio
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import text

from servicekit.database import Database
from servicekit.redis import RedisStore, RedisUnavailable
from servicekit.testing import postgres
from servicekit.testing.fixtures import DatabaseCopy, PostgresTemplate
from servicekit.testing.postgres import PostgresProcess, PostgresServer
from servicekit.testing.redis_server import RedisProcess, RedisServer


async def _make_notes(url: str) -> None:
    database = Database(url)
    async with database.write() as connection:
        await connection.execute(text("CREATE TABLE notes (note VARCHAR(20))"))
        await connection.execute(text("INSERT INTO notes VALUES ('prepared')"))
    await database.aclose()


async def _notes_in(url: str, *, add: str) -> list[str]:
    database = Database(url)
    async with database.write() as connection:
        await connection.execute(text("INSERT INTO notes VALUES (:note)"), {"note": add})
        rows = await connection.execute(text("SELECT note FROM notes ORDER BY note"))
    await database.aclose()
    return [row[0] for row in rows]


@pytest.mark.parametrize("_turn", [1, 2])
async def test_database_is_new_for_each_test(database_url: str, _turn: int) -> None:
    """
    What one test has written the next one does not find.
    """
    await _make_notes(database_url)

    assert await _notes_in(database_url, add="a") == ["a", "prepared"]


@pytest.fixture
def databases_afterwards(postgres_server: PostgresServer) -> Iterator[list[str]]:
    """
    Asked for before a database, this fixture ends after it, and sees that it is gone.
    """
    of_this_test: list[str] = []
    yield of_this_test
    left = postgres_server.sql("SELECT datname FROM pg_database").split()
    assert of_this_test
    assert not {*of_this_test} & {*left}


async def test_database_is_gone_after_the_test(
    databases_afterwards: list[str], postgres_url: str, request: pytest.FixtureRequest
) -> None:
    """
    Databases are removed as their tests end, whoever is still connected.
    """
    database = Database(postgres_url)
    async with database.read() as connection:
        name = (await connection.execute(text("SELECT current_database()"))).scalar_one()
        databases_afterwards.append(name)
    await database.aclose()

    assert request.node.get_closest_marker("postgres")


@pytest.mark.parametrize("_turn", [1, 2])
async def test_copies_begin_alike(database_copy: DatabaseCopy, _turn: int) -> None:
    """
    Each copy of a prepared database begins as that was, and two copies know nothing of each other.
    """
    prepare = lambda url: asyncio.run(_make_notes(url))  # noqa: E731  # as a service would hand it
    first = database_copy("notes_of_kit", prepare)
    second = database_copy("notes_of_kit", prepare)

    assert first != second
    assert await _notes_in(first, add="a") == ["a", "prepared"]
    assert await _notes_in(second, add="b") == ["b", "prepared"]


def test_template_is_prepared_once(postgres_template: PostgresTemplate) -> None:
    """
    However often a template is asked for, it is prepared once.
    """
    prepared: list[str] = []

    names = {postgres_template("counted", prepared.append) for _ in range(3)}

    assert names == {"template_counted"}
    assert len(prepared) <= 1


def test_failed_preparation_is_tried_again(postgres_template: PostgresTemplate) -> None:
    """
    A template whose preparation fails is not taken for prepared.
    """

    def fail(url: str) -> None:
        raise LookupError(url)

    for _ in range(2):
        with pytest.raises(LookupError):
            postgres_template("failing", fail)


def test_sqlite_file_is_not_there_yet(sqlite_url: str) -> None:
    """
    The address is of a new file in a folder of the test's own.
    """
    path = Path(sqlite_url.removeprefix("sqlite:///"))

    assert not path.exists()
    with closing(sqlite3.connect(path)):
        assert path.exists()


@pytest.mark.postgres
def test_data_lie_on_the_disk_where_memory_has_no_room(tmp_path: Path) -> None:
    """
    They stand beside the server's socket then, and go with it.
    """
    bin_folder = postgres.binaries()
    assert bin_folder is not None

    process = PostgresProcess(bin_folder, lock=tmp_path / "lock", memory=tmp_path / "nowhere")
    data = (process.folder / "data").resolve()
    version = (data / "PG_VERSION").read_text()
    process.remove()

    assert version
    assert data.parent == process.folder
    assert not process.folder.exists()


@pytest.mark.parametrize("_turn", [1, 2])
async def test_redis_is_empty_for_each_test(redis_url: str, _turn: int) -> None:
    """
    What one test has kept the next one does not find.
    """
    store = RedisStore(redis_url, service="kit", timeout_s=5)
    with store.reached() as redis:
        assert await redis.keys() == []
        await redis.set("left", "behind")
    await store.aclose()


async def test_redis_database_can_be_emptied(redis_server: RedisServer) -> None:
    """
    A number that comes again is emptied first, and only that one.
    """
    first, second = redis_server.next_database(), redis_server.next_database()
    stores = [RedisStore(redis_server.url(n), service="kit", timeout_s=5) for n in (first, second)]
    for store in stores:
        with store.reached() as redis:
            await redis.set("left", "behind")

    redis_server.flush(first)

    kept = []
    for store in stores:
        with store.reached() as redis:
            kept.append(await redis.dbsize())
        await store.aclose()
    assert kept == [0, 1]
    with pytest.raises(RuntimeError, match="out of range"):
        redis_server.flush(-1)


def test_redis_numbers_do_not_repeat_soon(redis_server: RedisServer) -> None:
    """
    Tests that run at the same time get different numbers.
    """
    numbers = [redis_server.next_database() for _ in range(50)]

    assert len(set(numbers)) == 50


async def test_own_postgres_keeps_its_data_through_a_kill(own_postgres: PostgresProcess) -> None:
    """
    A server that is stopped or killed comes back at the same address with what was committed.
    """
    url = own_postgres.server.url()
    await _make_notes(url)

    own_postgres.kill()
    own_postgres.start()
    assert await _notes_in(url, add="after the kill") == ["after the kill", "prepared"]

    own_postgres.stop()
    own_postgres.start()
    assert len(await _notes_in(url, add="after the stop")) == 3


def test_server_that_cannot_start_shows_its_log(
    own_postgres: PostgresProcess,
) -> None:
    """
    A server that does not start says why.
    """
    own_postgres.stop()
    (own_postgres.folder / "data/PG_VERSION").write_text("1")

    with pytest.raises(RuntimeError, match="initialized by PostgreSQL version"):
        own_postgres.start()


async def test_own_redis_forgets_at_its_end(own_redis: RedisProcess) -> None:
    """
    A server that is stopped is away, and comes back empty at the same address.
    """
    store = RedisStore(own_redis.server.url(), service="kit", timeout_s=5)
    with store.reached() as redis:
        await redis.set("a", "1")

    await asyncio.to_thread(own_redis.stop)
    with pytest.raises(RedisUnavailable):
        await store.ping()
    await asyncio.to_thread(own_redis.start)

    with store.reached() as redis:
        assert await redis.get("a") is None
    await store.aclose()


def test_redis_that_cannot_start_shows_its_log(own_redis: RedisProcess) -> None:
    """
    A server that does not start says why.
    """
    own_redis.stop()
    own_redis.server.socket.mkdir()

    with pytest.raises(RuntimeError, match="did not start"):
        own_redis.start()
