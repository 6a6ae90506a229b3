"""
A SQLite connection that visits its thread once for each statement.

SQLite runs in a thread of its own for each connection (aiosqlite's). To open a cursor, execute,
fetch and close would be four visits, and a visit costs more than a small query: here they are
one. A rollback where nothing was begun needs no visit at all.
"""

import asyncio
import sqlite3
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Self, TypeVar

import aiosqlite
from aiosqlite.core import _STOP_RUNNING_SENTINEL  # what ends its thread

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class _Outcome:
    """
    All that SQLAlchemy asks of a cursor after a statement.
    """

    description: Sequence[Sequence[object]] | None = None
    rowcount: int = -1
    lastrowid: int | None = None
    rows: Sequence[Any] = field(default=())


class Connection(aiosqlite.Connection):
    """
    As aiosqlite's, with cursors that hold all rows of their statement.
    """

    def __init__(self, connector: Callable[[], sqlite3.Connection]) -> None:
        super().__init__(connector, iter_chunk_size=64)
        # A process may end while a connection stands open.
        self._thread.daemon = True
        self._is_settled = True

    def cursor(self) -> "Cursor":  # type: ignore[override]  # all that SQLAlchemy uses of it
        """
        A cursor that needs no visit to be opened or closed.
        """
        return Cursor(self)

    async def rollback(self) -> None:
        """
        Undo what was begun, if anything was.
        """
        if not self._is_settled or self._conn.in_transaction:
            await super().rollback()

    def stop(self) -> None:
        """
        Close it and end its thread, as soon as that has done what it was asked for.

        Nobody is told: who gives a connection up may have closed the event loop by then.
        """
        connection, self._connection = self._connection, None
        self._running = False

        def close() -> object:
            if connection is not None:
                connection.close()
            return _STOP_RUNNING_SENTINEL

        self._tx.put_nowait((None, close))

    async def visit(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """
        What ``work`` makes of SQLite's own connection, in its thread; a cancellation ends it there.
        """
        # Whoever is cancelled leaves the work under way, and with it what was begun unknown.
        self._is_settled = False
        try:
            result: T = await self._execute(work, self._conn)  # type: ignore[no-untyped-call]  # theirs
        except asyncio.CancelledError:
            # Or the connection could not be closed before its statement has come to its end.
            self._conn.interrupt()
            raise
        self._is_settled = True
        return result


class Cursor:
    """
    The outcome of one statement at a time.
    """

    arraysize = 1

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._outcome = _Outcome()

    async def __aenter__(self) -> Self:
        return self

    @property
    def description(self) -> Sequence[Sequence[object]] | None:
        """
        The names of the columns, or None for a statement without rows.
        """
        return self._outcome.description

    @property
    def rowcount(self) -> int:
        """
        How many rows were changed; -1 where that has no meaning.
        """
        return self._outcome.rowcount

    @property
    def lastrowid(self) -> int | None:
        """
        The key of the row inserted last.
        """
        return self._outcome.lastrowid

    async def execute(self, sql: str, parameters: Sequence[Any] = ()) -> None:
        """
        Run a statement, and fetch its rows.
        """
        self._outcome = await self._connection.visit(partial(_executed, sql, parameters))

    async def executemany(self, sql: str, parameters: Sequence[Sequence[Any]]) -> None:
        """
        Run a statement once for each of ``parameters``.
        """
        self._outcome = await self._connection.visit(partial(_executed_many, sql, parameters))

    async def fetchall(self) -> Sequence[Any]:
        """
        The rows of the statement.
        """
        return self._outcome.rows

    async def close(self) -> None:
        """
        Nothing is open any more.
        """


def connect(
    filename: str,
    *,
    timeout: float,
    factory: type[sqlite3.Connection],
    check_same_thread: bool,
) -> Connection:
    """
    A connection to be awaited, on which nothing is begun but by a statement that says so.
    """
    return Connection(
        partial(
            sqlite3.connect,
            filename,
            timeout=timeout,
            isolation_level=None,
            factory=factory,
            check_same_thread=check_same_thread,
        )
    )


def _executed(sql: str, parameters: Sequence[Any], connection: sqlite3.Connection) -> _Outcome:
    with closing(connection.cursor()) as cursor:
        cursor.execute(sql, parameters)
        rows = cursor.fetchall() if cursor.description else ()
        return _Outcome(cursor.description, cursor.rowcount, cursor.lastrowid, rows)


def _executed_many(
    sql: str, parameters: Sequence[Sequence[Any]], connection: sqlite3.Connection
) -> _Outcome:
    with closing(connection.cursor()) as cursor:
        cursor.executemany(sql, parameters)
        return _Outcome(None, cursor.rowcount, cursor.lastrowid)
