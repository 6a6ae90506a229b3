"""
PostgreSQL as the kit wants it: one pool, bounded waits, and no round trip to ask whether it lives.

A pre-ping would cost a transaction of its own at each checkout. The driver learns at once when
the server closes a connection, so asking the driver is free and covers restarts and failovers.
A network that swallows packets is covered by the command timeout.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final, TypeVar

import asyncpg
from sqlalchemy import URL, Connection, Engine, event, exc, text
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine
from sqlalchemy.util import greenlet_spawn

from servicekit.database.limits import Limits
from servicekit.database.translation import STATEMENT_FAILED, reaching_the_database

T = TypeVar("T")

#: Makes the server say that a statement of the transaction has failed, where one has.
SPEAK_UP: Final = text("SELECT 1")
_RECYCLE_AFTER_S = 1800
#: The client gives up this much later than the server, whose own timeout says more.
_CLIENT_GRACE_S = 2.0


def writing_engine(
    url: URL, limits: Limits, *, pool_size: int, max_overflow: int, application_name: str
) -> AsyncEngine:
    """
    An engine whose transactions are those of PostgreSQL's default, READ COMMITTED.
    """
    engine = create_async_engine(
        url,
        pool_size=pool_size,
        max_overflow=max_overflow,
        pool_timeout=limits.pool_s,
        pool_recycle=_RECYCLE_AFTER_S,
        hide_parameters=True,  # values may be personal, and errors are logged
        connect_args={
            "connection_class": _Connection,
            "timeout": limits.connect_s,
            "command_timeout": limits.statement_s + _CLIENT_GRACE_S if limits.statement_s else None,
            "server_settings": {
                "application_name": application_name,
                # A statement by itself cannot write; what may write says so when it begins.
                "default_transaction_read_only": "on",
                "statement_timeout": _milliseconds(limits.statement_s),
                "lock_timeout": _milliseconds(limits.lock_s),
                "idle_in_transaction_session_timeout": _milliseconds(limits.idle_in_transaction_s),
                "jit": "off",  # compiling short statements costs more than it saves
            },
        },
    )
    event.listen(engine.sync_engine, "checkout", _refuse_closed)
    return engine


class _Connection(asyncpg.Connection):  # type: ignore[misc]  # the driver ships no types
    """
    Is gone at once when it is given up, and writes only in transactions that are begun to write.

    SQLAlchemy gives a connection whose statement was cancelled two seconds to say goodbye; a request
    that is over its deadline would wait for them where the server hangs. The driver asks the
    server to cancel the statement in any case.
    """

    #: How long its transactions wait for a locked row, where that is shorter than usual; s.
    lock_s: float | None = None

    async def close(self, *, timeout: float | None = None) -> None:  # noqa: ASYNC109 - the driver's
        """
        Close in order; with a ``timeout``, which only who gives it up names, at once.
        """
        if timeout is None:
            await super().close()
        else:
            self.terminate()

    def transaction(
        self,
        *,
        isolation: str | None = None,
        readonly: bool = False,
        deferrable: bool = False,  # noqa: ARG002  # SQLAlchemy says it always; we never mean it
    ) -> "_Transaction":
        """
        A transaction that says whether it writes, which the driver's own leaves to the default.
        """
        return _Transaction(self, isolation=isolation, is_reading=readonly, lock_s=self.lock_s)


class _Transaction:
    """
    From BEGIN to its end, in the words that SQLAlchemy uses.
    """

    def __init__(
        self,
        connection: _Connection,
        *,
        isolation: str | None,
        is_reading: bool,
        lock_s: float | None,
    ) -> None:
        level = f"ISOLATION LEVEL {isolation.replace('_', ' ')} " if isolation else ""
        # Both in one message: each would be a round trip.
        lock = "" if lock_s is None else f"; SET LOCAL lock_timeout = {_milliseconds(lock_s)}"
        self._connection = connection
        self._begin = f"BEGIN {level}{'READ ONLY' if is_reading else 'READ WRITE'}{lock}"

    async def start(self) -> None:
        """
        Begin.
        """
        await self._connection.execute(self._begin)

    async def commit(self) -> None:
        """
        Keep what was done.
        """
        await self._connection.execute("COMMIT")

    async def rollback(self) -> None:
        """
        Undo what was done.
        """
        await self._connection.execute("ROLLBACK")


def reading_engine(writing: AsyncEngine) -> AsyncEngine:
    """
    The same pool, for transactions that see one state of the database and cannot change it.
    """
    return writing.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)


def glancing_engine(writing: AsyncEngine) -> AsyncEngine:
    """
    The same pool, for single statements, which the server lets change nothing.
    """
    return writing.execution_options(isolation_level="AUTOCOMMIT")


async def transact_at_once(
    writer: Engine, work: Callable[[Connection], T], *, lock_s: float | None
) -> T:
    """
    ``work`` in a transaction that waits for locked rows at most so long.
    """
    # All of it in one greenlet: SQLAlchemy's asynchronous connection starts six, and a task.
    return await greenlet_spawn(_at_once, writer, work, lock_s)


def _at_once(writer: Engine, work: Callable[[Connection], T], lock_s: float | None) -> T:
    with reaching_the_database():
        connection = writer.connect()
    with connection, connection.begin(), _waiting(connection, lock_s):
        result = work(connection)
        if connection.info.pop(STATEMENT_FAILED, False):
            connection.execute(SPEAK_UP)
        return result


@contextmanager
def _waiting(connection: Connection, lock_s: float | None) -> Iterator[None]:
    driver = connection.connection.driver_connection
    assert isinstance(driver, _Connection)  # noqa: S101  # our engines make no others
    driver.lock_s = lock_s
    try:
        yield
    finally:
        driver.lock_s = None


def _refuse_closed(connection: DBAPIConnection, _record: object, _proxy: object) -> None:
    # The pool answers this error by opening a new connection in place of the closed one.
    if connection.driver_connection.is_closed():
        raise exc.DisconnectionError


def _milliseconds(seconds: float) -> str:
    return str(round(seconds * 1000))
