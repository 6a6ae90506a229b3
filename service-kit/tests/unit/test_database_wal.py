"""
How a SQLite file goes over to WAL.
"""

import asyncio
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import make_url, text
from sqlalchemy.exc import OperationalError
from sqlalchemy.ext.asyncio import AsyncEngine

from servicekit.database import Limits
from servicekit.database.sqlite import reading_engine
from servicekit.database.wal import go_over_to_wal
from servicekit.testing import eventually


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "new.db"


@pytest.fixture
def maker(file: Path) -> Iterator[sqlite3.Connection]:
    """
    Somebody else, who is just making the file and has it for themselves.
    """
    with closing(
        sqlite3.connect(file, isolation_level=None, check_same_thread=False)
    ) as connection:
        connection.execute("CREATE TABLE made (it)")
        connection.execute("BEGIN EXCLUSIVE")
        yield connection


def mode(connection: sqlite3.Connection) -> str:
    return str(connection.execute("PRAGMA journal_mode").fetchone()[0])


def test_who_makes_the_file_is_waited_for(file: Path, maker: sqlite3.Connection) -> None:
    """
    A file that another process has for itself goes over as soon as it is free.
    """
    threading.Timer(0.1, lambda: maker.execute("COMMIT")).start()

    with closing(sqlite3.connect(file, timeout=0)) as connection:
        go_over_to_wal(connection, within_s=30)

        assert mode(connection) == "wal"


@pytest.mark.usefixtures("maker")
def test_nobody_is_waited_for_beyond_the_bound(file: Path) -> None:
    """
    Where the file does not become free in time, whoever wanted it is told.
    """
    with (
        closing(sqlite3.connect(file, timeout=0)) as connection,
        pytest.raises(sqlite3.OperationalError, match="locked"),
    ):
        go_over_to_wal(connection, within_s=0.05)


def test_a_file_in_wal_mode_is_left_as_it_is(file: Path) -> None:
    """
    Whoever comes later disturbs nobody who writes meanwhile.
    """
    with closing(sqlite3.connect(file)) as first, closing(sqlite3.connect(file)) as second:
        go_over_to_wal(first, within_s=1)
        first.execute("BEGIN IMMEDIATE")

        go_over_to_wal(second, within_s=0)

        assert mode(second) == "wal"


def test_other_faults_are_told_at_once(tmp_path: Path) -> None:
    """
    What waiting does not mend is not waited for.
    """
    nonsense = tmp_path / "nonsense.db"
    nonsense.write_bytes(b"this is no database, however long it is looked at" * 100)

    with (
        closing(sqlite3.connect(nonsense)) as connection,
        pytest.raises(sqlite3.DatabaseError, match="not a database"),
    ):
        go_over_to_wal(connection, within_s=3600)


async def test_engines_wait_as_well(file: Path, maker: sqlite3.Connection) -> None:
    """
    Whoever opens a database while another process makes its file finds it in WAL mode in the end.
    """
    address = make_url(f"sqlite+aiosqlite:///{file}")
    engine = reading_engine(address, Limits(lock_s=30.0), pool_size=1, max_overflow=0)
    opening = asyncio.ensure_future(_mode_by(engine))
    await asyncio.sleep(0)

    maker.execute("COMMIT")

    assert await opening == "wal"
    await engine.dispose()


async def _mode_by(engine: AsyncEngine) -> str:
    async with engine.connect() as connection:
        return str((await connection.execute(text("PRAGMA journal_mode"))).scalar())


async def test_who_gives_up_opening_leaves_nobody(file: Path, maker: sqlite3.Connection) -> None:
    """
    A connection that could not be prepared is closed, and its thread ends.
    """
    address = make_url(f"sqlite+aiosqlite:///{file}")
    engine = reading_engine(address, Limits(lock_s=0.0), pool_size=1, max_overflow=0)
    before = threading.active_count()

    with pytest.raises(OperationalError, match="locked"):
        await _mode_by(engine)

    await eventually(lambda: threading.active_count() == before)
    maker.execute("COMMIT")
    assert await _mode_by(engine) == "wal"
    await engine.dispose()
