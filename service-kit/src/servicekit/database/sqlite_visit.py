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
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlalchemy.pool import StaticPool

from servicekit.database import sqlite_thread
from servicekit.database.translation import reaching_the_database, translate

T = TypeVar("T")


class Visits:
    """
    Carries out transactions on the connection of one writing engine, which has one at a time.
    """

    def __init__(self) -> None:
        self._latest: tuple[sqlite3.Connection, Engine] | None = None

    async def transact(self, connection: AsyncConnection, work: Callable[[Connection], T]) -> T:
        """
        ``work`` in a transaction of its own on ``connection``, on which none is begun.
        """
        pooled = await connection.get_raw_connection()
        visited = pooled.driver_connection
        assert isinstance(visited, sqlite_thread.Connection)  # noqa: S101  # our engines make no others
        return await visited.visit(partial(self._transact, work))

    def _transact(self, work: Callable[[Connection], T], raw: sqlite3.Connection) -> T:
        with reaching_the_database():
            connection = self._engine_on(raw).connect()
        with connection, connection.begin():
            return work(connection)

    def _engine_on(self, raw: sqlite3.Connection) -> Engine:
        if self._latest is None or self._latest[0] is not raw:
            engine = create_engine(
                "sqlite://", creator=lambda: raw, poolclass=StaticPool, hide_parameters=True
            )
            event.listen(engine, "begin", _begin)
            event.listen(engine, "handle_error", translate)
            self._latest = raw, engine
        return self._latest[1]


def _begin(connection: Connection) -> None:
    connection.exec_driver_sql("BEGIN IMMEDIATE")
