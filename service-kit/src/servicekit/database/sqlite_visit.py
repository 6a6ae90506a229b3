"""
Transactions on SQLite that are carried out whole in one visit of a connection's thread.

Each statement of an ordinary transaction is a visit, and so are its beginning and its end: three statements
are five visits, and cost three times what SQLite does for them. What needs nothing but the database in between
can be done there at once, by SQLAlchemy's own synchronous ways, on the very connection that all
writers of the process take turns at.
"""

import sqlite3
from collections.abc import Callable
from functools import partial
from typing import TypeVar

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.pool import StaticPool
from sqlalchemy.util import await_only, greenlet_spawn

from servicekit.database import sqlite_thread
from servicekit.database.translation import reaching_the_database, translate

T = TypeVar("T")


class Visits:
    """
    Carries out transactions on the connection of one writing engine, which has one at a time.
    """

    def __init__(self, writer: Engine) -> None:
        self._writer = writer
        self._latest: tuple[sqlite3.Connection, Connection] | None = None

    async def transact(self, work: Callable[[Connection], T]) -> T:
        """
        ``work`` in a transaction of its own, once it is its turn.
        """
        # All of it in one greenlet: SQLAlchemy's asynchronous connection starts four, and a task.
        return await greenlet_spawn(self._in_turn, work)

    def _in_turn(self, work: Callable[[Connection], T]) -> T:
        with reaching_the_database():
            pooled = self._writer.raw_connection()
        try:
            visited = pooled.driver_connection
            assert isinstance(visited, sqlite_thread.Connection)  # noqa: S101  # our engines make no others
            return await_only(visited.visit(partial(self._transact, work)))
        finally:
            pooled.close()

    def _transact(self, work: Callable[[Connection], T], raw: sqlite3.Connection) -> T:
        connection = self._connection_on(raw)
        with connection.begin():
            return work(connection)

    def _connection_on(self, raw: sqlite3.Connection) -> Connection:
        """
        SQLAlchemy's own synchronous connection, for as long as there is that of SQLite.
        """
        if self._latest is None or self._latest[0] is not raw or self._latest[1].invalidated:
            engine = create_engine(
                "sqlite://", creator=lambda: raw, poolclass=StaticPool, hide_parameters=True
            )
            event.listen(engine, "begin", _begin)
            event.listen(engine, "handle_error", translate)
            with reaching_the_database():
                connection = engine.connect()
            # Who closes SQLite's connection, and when, is the writing engine's business alone.
            connection.detach()
            self._latest = raw, connection
        return self._latest[1]


def _begin(connection: Connection) -> None:
    connection.exec_driver_sql("BEGIN IMMEDIATE")
