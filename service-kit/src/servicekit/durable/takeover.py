"""
Replicas on PostgreSQL: each tells that it lives, and looks for those that do no longer.

A replica holds an advisory lock named after it, on a connection of its own, and tells the time of
the database every second. One whose lock is free and which has been silent for a moment is *gone*;
one that holds its lock and has been silent for longer is *frozen*. Either way its work is resumed,
which gives each work a new owner: what the old one still does, DBOS refuses to record.

Judging begins a few seconds after a replica's own connection was made, and after it stood still
itself. When the database comes back from an outage, or a machine goes on after a pause, all replicas
have been silent for long, and have time to speak.
"""

import asyncio
import hashlib
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import Final, Literal

import psycopg
import structlog
from sqlalchemy import URL

from servicekit.durable.addresses import SCHEMA, libpq_options
from servicekit.durable.errors import JournalPending
from servicekit.durable.storage import connection_options
from servicekit.durable.transact import VERSION
from servicekit.errors import ServiceUnavailable
from servicekit.unharmed import unharmed

_BATCH: Final = 500

_BEAT: Final = f"""
INSERT INTO {SCHEMA}.saga_replicas (executor_id, seen_at) VALUES (%(me)s, clock_timestamp())
ON CONFLICT (executor_id) DO UPDATE SET seen_at = excluded.seen_at
"""  # noqa: S608  # our own schema
_SILENT: Final = f"""
SELECT executor_id, seen_at IS NULL, seen_at < clock_timestamp() - make_interval(secs => %(frozen)s)
FROM (
    SELECT DISTINCT executor_id FROM {SCHEMA}.workflow_status
    WHERE status = 'PENDING' AND executor_id <> %(me)s
      AND application_name = %(name)s AND application_version = %(version)s
) AS busy
LEFT JOIN {SCHEMA}.saga_replicas USING (executor_id)
WHERE COALESCE(seen_at < clock_timestamp() - make_interval(secs => %(gone)s), true)
"""  # noqa: S608
_WORKS: Final = f"""
SELECT workflow_uuid FROM {SCHEMA}.workflow_status
WHERE status = 'PENDING' AND executor_id = %(executor)s
  AND application_name = %(name)s AND application_version = %(version)s
LIMIT {_BATCH}
"""  # noqa: S608
_FORGET: Final = f"DELETE FROM {SCHEMA}.saga_replicas WHERE executor_id = %(me)s"  # noqa: S608
_FORGET_OLD: Final = f"""
DELETE FROM {SCHEMA}.saga_replicas WHERE seen_at < clock_timestamp() - interval '1 day'
"""  # noqa: S608

log = structlog.get_logger()

Connection = psycopg.AsyncConnection[tuple[object, ...]]
#: It stopped in order; its process or its machine has ended; or it does not answer.
Why = Literal["left", "gone", "frozen"]


@dataclass(frozen=True, slots=True)
class Pace:
    """
    How often replicas speak, and how long a silence means what; s.

    ``gone_after_s`` leaves time to make a connection anew that broke; one that hangs for
    ``round_s`` is given up.
    """

    every_s: float = 1.0
    gone_after_s: float = 1.5
    frozen_after_s: float = 4.0
    judging_after_s: float = 3.0
    reconnect_after_s: float = 0.5
    round_s: float = 5.0

    @property
    def late_s(self) -> float:
        """
        Who speaks so late was as silent as one that is gone, and may have stood still with all others.
        """
        return self.every_s + self.gone_after_s


@dataclass(frozen=True, slots=True)
class Resuming:
    """
    What is done with works of a lost replica, and who is told how many there were.
    """

    resume: Callable[[Sequence[str]], Awaitable[None]]
    tell: Callable[[Why, int], None]


class Replicas:
    """
    This replica among the others that carry out the sagas of the service called ``name``.
    """

    def __init__(
        self, url: URL, *, name: str, executor_id: str, resuming: Resuming, pace: Pace | None = None
    ) -> None:
        self._address = libpq_options(url)
        self._name = name
        self._me = executor_id
        self._resuming = resuming
        self._pace = pace or Pace()
        self._facts = {
            "me": executor_id,
            "name": name,
            "version": VERSION,
            "gone": self._pace.gone_after_s,
            "frozen": self._pace.frozen_after_s,
        }
        self._connection: Connection | None = None
        self._heard_at = time.monotonic()
        #: Whether others' work may be taken over here: not before the engine runs, nor when it ends.
        self.is_judging = False

    @asynccontextmanager
    async def membership(self) -> AsyncIterator[None]:
        """
        Be known as alive; when it is left, the others need not wait for the silence to be noticed.
        """
        try:
            self._connection = await self._joined()
        except psycopg.errors.UndefinedTable as error:
            raise JournalPending from error
        except (psycopg.OperationalError, OSError) as error:
            raise ServiceUnavailable("the database") from error
        try:
            yield
        finally:
            await self._leave()

    @asynccontextmanager
    async def watching(self) -> AsyncIterator[None]:
        """
        Tell that this replica lives, and take over from those that do not, while inside.
        """
        watch = asyncio.create_task(self._forever(), name="saga-replicas")
        try:
            yield
        finally:
            watch.cancel()
            await asyncio.wait({watch})

    def ping(self) -> None:
        """
        Raise ``ServiceUnavailable`` where the database has not heard of this replica for long.
        """
        if time.monotonic() - self._heard_at > self._pace.frozen_after_s:
            raise ServiceUnavailable("the database")

    async def forget_old(self) -> None:
        """
        Remove replicas that nobody has heard of for a day.
        """
        if self._connection is not None:
            await self._connection.execute(_FORGET_OLD)

    async def _joined(self) -> Connection:
        options = self._address | connection_options(f"{self._name} replica")
        connection = await psycopg.AsyncConnection.connect(autocommit=True, **options)
        async with AsyncExitStack() as unless_joined:
            # Cancelled, too: its lock would be held by nobody.
            unless_joined.push_async_callback(connection.close)
            await connection.execute("SELECT pg_advisory_lock(%s)", (_key(self._me),))
            await connection.execute(_BEAT, self._facts)
            unless_joined.pop_all()
        return connection

    async def _leave(self) -> None:
        connection, self._connection = self._connection, None
        if connection is None:
            return
        try:
            async with asyncio.timeout(self._pace.round_s):
                await connection.execute(_FORGET, self._facts)
        except (psycopg.Error, OSError):
            log.warning("sagas.left_without_a_word", replica=self._me)
        finally:
            await connection.close()

    async def _forever(self) -> None:
        while True:
            with unharmed("sagas.watch_failed"):
                try:
                    await self._while_connected()
                # TimeoutError is an OSError.
                except (psycopg.Error, OSError, ServiceUnavailable) as error:
                    log.warning("sagas.replica_disconnected", reason=type(error).__name__)
            await self._drop()
            await asyncio.sleep(self._pace.reconnect_after_s)

    async def _drop(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            await connection.close()

    async def _while_connected(self) -> None:
        if self._connection is None:
            async with asyncio.timeout(self._pace.round_s):
                self._connection = await self._joined()
        loop = asyncio.get_running_loop()
        judging_at = loop.time() + self._pace.judging_after_s
        rests_since = loop.time()
        while True:
            async with asyncio.timeout(self._pace.round_s):
                await self._connection.execute(_BEAT, self._facts)
            self._heard_at = time.monotonic()
            if loop.time() - rests_since > self._pace.late_s:
                judging_at = loop.time() + self._pace.judging_after_s
            if self.is_judging and loop.time() >= judging_at:
                await self._judge()
            rests_since = loop.time()
            await asyncio.sleep(self._pace.every_s)

    async def _judge(self) -> None:
        async with asyncio.timeout(self._pace.round_s):
            silent = await self._rows(_SILENT)
        for executor_id, has_left, is_long in silent:
            await self._take_over(
                str(executor_id), has_left=bool(has_left), is_frozen=bool(is_long)
            )

    async def _take_over(self, executor_id: str, *, has_left: bool, is_frozen: bool) -> None:
        async with AsyncExitStack() as stack:
            # Several survivors resuming the same work would take it from each other.
            if not await self._locked(f"takeover of {executor_id}", stack):
                return
            if has_left:
                await self._resume(executor_id, "left")
            elif await self._locked(executor_id, stack):
                await self._resume(executor_id, "gone")
            elif is_frozen:
                await self._resume(executor_id, "frozen")

    async def _resume(self, executor_id: str, why: Why) -> None:
        tell = log.info if why == "left" else log.warning
        while rows := await self._rows(_WORKS, executor=executor_id):
            works = [str(row[0]) for row in rows]
            await self._resuming.resume(works)
            self._resuming.tell(why, len(works))
            tell("sagas.taken_over", replica=executor_id, why=why, works=len(works))

    async def _locked(self, name: str, stack: AsyncExitStack) -> bool:
        """
        Whether the lock of that name was free; it is held until ``stack`` ends.
        """
        is_free = (await self._rows("SELECT pg_try_advisory_lock(%(key)s)", key=_key(name)))[0][0]
        if is_free:
            stack.push_async_callback(
                self._rows, "SELECT pg_advisory_unlock(%(key)s)", key=_key(name)
            )
        return bool(is_free)

    async def _rows(self, statement: str, **facts: object) -> list[tuple[object, ...]]:
        connection = self._connection
        if connection is None:
            raise ServiceUnavailable("the database")
        cursor = await connection.execute(statement, {**self._facts, **facts})
        return await cursor.fetchall()


def _key(name: str) -> int:
    digest = hashlib.sha256(f"sagas of {name}".encode()).digest()
    return int.from_bytes(digest[:8], "big", signed=True)
