"""
SQLite as the kit wants it: a file in WAL mode, one writer at a time, readers beside it.

There are two pools. The writing one has a single connection, so writers of this process wait
for their turn in order and in asyncio, and not in SQLite's own loop of sleeps, which is unfair
and starves some of fifty. The reading one cannot write at all. Writers of other processes are
met by ``BEGIN IMMEDIATE`` and the busy timeout: a transaction gets its lock when it begins, or not.

``synchronous=FULL``: an acknowledged write survives the loss of power too. With ``NORMAL`` it
would survive only the death of the process; the difference measured 0.4 ms a commit.
"""

import asyncio
import sqlite3
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

from sqlalchemy import URL, Connection, event
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine
from sqlalchemy.util.concurrency import await_

from servicekit.database import sqlite_thread, wal
from servicekit.database.limits import Limits

#: Option of a connection on which each statement stands by itself.
_IS_SINGLE = "servicekit_is_single"


def writing_engine(url: URL, limits: Limits, *, foreign_keys: bool = True) -> AsyncEngine:
    """
    An engine with one connection, whose transactions hold the write lock from their beginning.
    """
    pragmas = ("synchronous=FULL", f"foreign_keys={'ON' if foreign_keys else 'OFF'}")
    engine = _engine(url, limits, pragmas, pool_size=1, max_overflow=0)
    event.listen(engine.sync_engine, "begin", _statement("BEGIN IMMEDIATE"))
    return engine


def reading_engine(url: URL, limits: Limits, *, pool_size: int, max_overflow: int) -> AsyncEngine:
    """
    An engine whose transactions see one state of the database and cannot change it.
    """
    pragmas = ("query_only=ON",)
    engine = _engine(url, limits, pragmas, pool_size=pool_size, max_overflow=max_overflow)
    event.listen(engine.sync_engine, "begin", _statement("BEGIN"))
    return engine


def glancing_engine(reading: AsyncEngine) -> AsyncEngine:
    """
    The same pool, for single statements: nothing is begun before them.
    """
    return reading.execution_options(**{_IS_SINGLE: True})


def _engine(
    url: URL, limits: Limits, pragmas: Sequence[str], *, pool_size: int, max_overflow: int
) -> AsyncEngine:
    engine = create_async_engine(
        url,
        pool_size=pool_size,
        max_overflow=max_overflow,
        pool_timeout=limits.pool_s,
        hide_parameters=True,  # values may be personal, and errors are logged
        # The driver begins nothing by itself; the events of the engines do.
        connect_args={
            "timeout": limits.lock_s,
            "factory": _ReleasingConnection,
            "async_creator_fn": sqlite_thread.connect,
        },
    )
    event.listen(engine.sync_engine, "do_connect", _with_parent_folder)
    event.listen(engine.sync_engine, "connect", _prepared(pragmas, within_s=limits.lock_s))
    return engine


class _ReleasingConnection(sqlite3.Connection):
    """
    Gives its locks back when it is closed.

    A connection whose statement was cancelled is closed without more ado. SQLite keeps a closed
    connection, and its transaction with it, for as long as a statement of it lives, and that may
    be until the next garbage collection: nobody could write meanwhile.
    """

    def close(self) -> None:
        """
        Roll back, and close.
        """
        with suppress(sqlite3.Error):
            self.rollback()
        super().close()


def _with_parent_folder(
    _dialect: object, _record: object, arguments: list[str], _options: dict[str, Any]
) -> None:
    Path(arguments[0]).parent.mkdir(parents=True, exist_ok=True)


def _prepared(
    pragmas: Sequence[str], *, within_s: float
) -> Callable[[DBAPIConnection, object], None]:
    async def prepare(connection: sqlite_thread.Connection) -> None:
        # For readers as well: whoever opens a new file first, they must not block writers.
        await _go_over_to_wal(connection, within_s)
        await connection.visit(partial(_set, pragmas))

    def configure(connection: DBAPIConnection, _record: object) -> None:
        await_(prepare(connection.driver_connection))

    return configure


async def _go_over_to_wal(connection: sqlite_thread.Connection, within_s: float) -> None:
    give_up_at = time.monotonic() + within_s
    # Visit by visit: whoever is cancelled meanwhile leaves nobody who waits in the thread.
    while (error := await connection.visit(wal.refused)) is not None:
        if time.monotonic() >= give_up_at:
            raise error
        await asyncio.sleep(wal.PAUSE_S)


def _set(pragmas: Sequence[str], connection: sqlite3.Connection) -> None:
    for pragma in pragmas:
        connection.execute(f"PRAGMA {pragma}").close()


def _statement(sql: str) -> Callable[[Connection], None]:
    def execute(connection: Connection) -> None:
        if not connection.get_execution_options().get(_IS_SINGLE):
            connection.exec_driver_sql(sql)

    return execute
