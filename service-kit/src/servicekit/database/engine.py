"""
A service's database: connections that are already inside a transaction.
"""

import asyncio
import random
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from typing import TYPE_CHECKING, Literal, Self, TypeVar

from sqlalchemy import URL, Connection, Engine, event, make_url, text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine
from tenacity import AsyncRetrying, retry_if_exception, stop_after_attempt, wait_random_exponential

from servicekit.database import postgresql, sqlite
from servicekit.database.glance import Glance
from servicekit.database.limits import Limits
from servicekit.database.sqlite_visit import Visits
from servicekit.database.translation import (
    STATEMENT_FAILED,
    is_conflict,
    reaching_the_database,
    translate,
)
from servicekit.database_url import normalised_url
from servicekit.errors import ServiceUnavailable

if TYPE_CHECKING:
    # Settings check a database's address by what stands here.
    from servicekit.settings import ServiceSettings

T = TypeVar("T")

#: How often `transact` does its work at most.
_ATTEMPTS = 5
_FIRST_PAUSE_S = 0.01
_SET_IDLE = text("SELECT set_config('idle_in_transaction_session_timeout', :idle, true)")
#: Reads the file on SQLite as well, which a bare `SELECT 1` does not.
_PING = {"sqlite": "SELECT 1 FROM sqlite_master LIMIT 1", "postgresql": "SELECT 1"}


class Database:
    """
    One database of one service, SQLite or PostgreSQL.

    It opens connections when they are needed, and ``aclose`` closes them. What goes wrong on the
    way to the database or with it is ``ServiceUnavailable``; see ``translation``.
    """

    dialect: Literal["sqlite", "postgresql"]

    def __init__(
        self,
        url: str,
        *,
        pool_size: int = 5,
        max_overflow: int = 10,
        application_name: str = "servicekit",
        limits: Limits | None = None,
    ) -> None:
        address = make_url(normalised_url(url))
        self.dialect = "sqlite" if address.get_backend_name() == "sqlite" else "postgresql"
        self._limits = limits or Limits()
        engines = partial(_engines, address, self._limits, application_name=application_name)
        self._writer, self._reader = engines(pool_size=pool_size, max_overflow=max_overflow)
        # Health does not depend on the pool: a service that is asked much is not ill.
        _, self._pinger = engines(pool_size=1, max_overflow=0)
        self._glancer = (
            sqlite.glancing_engine(self._reader)
            if self.dialect == "sqlite"
            else postgresql.glancing_engine(self._writer)
        ).sync_engine
        # On SQLite the one that writes has a pool of its own.
        self._most_connections = pool_size + max_overflow + (self.dialect == "sqlite")
        self._visits = Visits(self._writer.sync_engine)
        self._is_closed = False
        #: Reads of one statement, without a transaction around it; see ``Glance``.
        self.glance = Glance(self._open_glancer)

    @classmethod
    def configured(cls, settings: "ServiceSettings") -> Self:
        """
        The database that ``settings`` name.
        """
        return cls(
            settings.database_url,
            pool_size=settings.database_pool_size,
            max_overflow=settings.database_max_overflow,
            application_name=settings.service_name,
        )

    @asynccontextmanager
    async def read(self, *, idle_s: float | None = None) -> AsyncIterator[AsyncConnection]:
        """
        A transaction that sees one state of the database, blocks no writer and can change nothing.

        ``idle_s`` is how long it may be between two statements, where that is longer than usual.
        """
        async with self._transaction(self._reader) as connection:
            if idle_s is not None and self.dialect == "postgresql":
                await connection.execute(_SET_IDLE, {"idle": f"{idle_s:.0f}s"})
            yield connection

    @asynccontextmanager
    async def write(self) -> AsyncIterator[AsyncConnection]:
        """
        A transaction that commits at the end, and rolls back on an error or a cancellation.

        A cancellation that comes while it commits waits for the commit. On SQLite one writer
        is in at a time; on PostgreSQL rows are locked as its statements say.
        """
        async with self._transaction(self._writer) as connection:
            yield connection
            await _to_the_end(_commit(connection))

    async def transact(self, work: Callable[[AsyncConnection], Awaitable[T]]) -> T:
        """
        ``work`` in a transaction as of ``write``, repeated when others were in the way.

        A deadlock, a serialization failure or a busy SQLite file makes it begin again, with pauses
        of random length, five times in all. ``work`` must touch nothing but the database.
        """
        return await _repeated(partial(self._in_transaction, work))

    async def transact_at_once(
        self, work: Callable[[Connection], T], *, lock_s: float | None = None
    ) -> T:
        """
        As ``transact``, for synchronous ``work``, at a fraction of the cost: in one go, without a task or
        a coroutine of SQLAlchemy's in between, and on SQLite in one visit of the connection's thread.

        ``lock_s`` is how long it waits for a row that somebody else has locked, on PostgreSQL, where
        that is shorter than usual; it is not repeated then. Whoever is cancelled meanwhile does not know
        whether it is committed.
        """
        if lock_s is not None and self.dialect == "postgresql":
            return await self._at_once(work, lock_s)
        return await _repeated(partial(self._at_once, work))

    async def _at_once(self, work: Callable[[Connection], T], lock_s: float | None = None) -> T:
        self._check_open()
        if self.dialect == "postgresql":
            return await postgresql.transact_at_once(self._writer.sync_engine, work, lock_s=lock_s)
        return await self._visits.transact(work)

    async def _in_transaction(self, work: Callable[[AsyncConnection], Awaitable[T]]) -> T:
        async with self.write() as connection:
            return await work(connection)

    async def ping(self) -> None:
        """
        Read from the database, or raise ``ServiceUnavailable``: for health checks.
        """
        with reaching_the_database():
            async with (
                asyncio.timeout(self._limits.ping_s),
                self._transaction(self._pinger) as connection,
            ):
                await connection.execute(text(_PING[self.dialect]))

    def connections(self) -> tuple[int, int]:
        """
        How many are in use, and how many there may be; one for health checks comes on top.
        """
        pools = {engine.sync_engine.pool for engine in (self._writer, self._reader)}
        in_use = sum(pool.checkedout() for pool in pools)  # type: ignore[attr-defined]  # queue pools
        return in_use, self._most_connections

    async def aclose(self) -> None:
        """
        Close every connection; what is asked later finds the database unavailable.
        """
        self._is_closed = True
        for engine in (self._reader, self._writer, self._pinger):
            await engine.dispose()

    @asynccontextmanager
    async def _transaction(self, engine: AsyncEngine) -> AsyncIterator[AsyncConnection]:
        self._check_open()
        async with AsyncExitStack() as stack:
            with reaching_the_database():
                connection = await stack.enter_async_context(engine.connect())
                await connection.begin()
            yield connection

    def _open_glancer(self) -> Engine:
        self._check_open()
        return self._glancer

    def _check_open(self) -> None:
        if self._is_closed:
            raise ServiceUnavailable("the database")


def _engines(
    address: URL, limits: Limits, *, pool_size: int, max_overflow: int, application_name: str
) -> tuple[AsyncEngine, AsyncEngine]:
    """
    One that writes and one that reads; on PostgreSQL they share a pool.
    """
    if address.get_backend_name() == "sqlite":
        writer = sqlite.writing_engine(address, limits)
        reader = sqlite.reading_engine(
            address, limits, pool_size=pool_size, max_overflow=max_overflow
        )
        event.listen(reader.sync_engine, "handle_error", translate)
    else:
        writer = postgresql.writing_engine(
            address,
            limits,
            pool_size=pool_size,
            max_overflow=max_overflow,
            application_name=application_name,
        )
        reader = postgresql.reading_engine(writer)
    event.listen(writer.sync_engine, "handle_error", translate)
    return writer, reader


async def _repeated(transaction: Callable[[], Awaitable[T]]) -> T:
    """
    What the transaction comes to, once no other is in its way.
    """
    try:
        return await transaction()
    except ServiceUnavailable as error:
        # Nearly none gets here: to make what repeats costs as much as a small transaction.
        if not is_conflict(error):
            raise
    retrying = AsyncRetrying(
        retry=retry_if_exception(is_conflict),
        stop=stop_after_attempt(_ATTEMPTS - 1),
        wait=wait_random_exponential(multiplier=0.01, max=0.2),
        reraise=True,
    )
    await asyncio.sleep(random.uniform(0, _FIRST_PAUSE_S))  # noqa: S311  # to part who met
    return await retrying(transaction)


async def _commit(connection: AsyncConnection) -> None:
    if connection.info.pop(STATEMENT_FAILED, False):
        # PostgreSQL answers the commit of a failed transaction with a silent rollback, where SQLite
        # keeps what went well. Another statement makes it say so, unless a savepoint has healed it.
        await connection.execute(postgresql.SPEAK_UP)
    await connection.commit()


async def _to_the_end(work: Coroutine[object, object, None]) -> None:
    """
    Do ``work`` even if this task is cancelled meanwhile; the cancellation is raised afterwards.
    """
    task = asyncio.ensure_future(work)
    cancellation: asyncio.CancelledError | None = None
    while not task.done():
        try:
            await asyncio.wait({task})
        except asyncio.CancelledError as error:
            cancellation = error
    task.result()
    if cancellation is not None:
        raise cancellation
