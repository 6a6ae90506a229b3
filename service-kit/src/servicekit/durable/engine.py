"""
Carries out sagas so that what was begun is ended, whatever crashes.

Work that was started is recorded before ``start`` returns. It goes on in this process, apart from the
request that started it; after a crash it is taken up at the next start, or by another replica. Which way
it goes is recorded once, by the saga's own journal; everything else is done again.
"""

import asyncio
import secrets
import socket
from collections.abc import AsyncIterator, Coroutine, Sequence
from contextlib import AsyncExitStack, ExitStack, asynccontextmanager
from contextvars import Context
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

import structlog

from servicekit import correlation
from servicekit.clock import Now, utc_now
from servicekit.durable.addresses import journal_url
from servicekit.durable.alone import alone_on
from servicekit.durable.carrying import Carrier, Patience
from servicekit.durable.errands import Errand, key_of
from servicekit.durable.metrics import SagaMetrics
from servicekit.durable.pauses import Pauses
from servicekit.durable.settings import DurableSettings
from servicekit.durable.takeover import Replicas, Resuming
from servicekit.durable.transact import Transact, only_one
from servicekit.durable.watching import SagaWatch
from servicekit.durable.works import Works
from servicekit.errors import ServiceUnavailable
from servicekit.health import HealthCheck
from servicekit.maintenance import Maintenance
from servicekit.outside import REAL_WORLD, Outside
from servicekit.sagas import JsonObject, Saga, Standing, Work
from servicekit.telemetry import Telemetry

#: How long a stopping service waits for works; those that only wait themselves are handed over at once.
_DRAIN_S: Final = 5.0
_FORGETTING_EVERY_S: Final = 300.0
_FORGOTTEN_AT_ONCE: Final = 500

log = structlog.get_logger()


class Engine:
    """
    The sagas of one service. ``running`` is a resource of ``create_service``, after its database.

    Each replica on PostgreSQL has one; on SQLite there is one process. An engine runs once at a time.
    """

    def __init__(
        self,
        settings: DurableSettings,
        sagas: Sequence[Saga],
        *,
        telemetry: Telemetry,
        outside: Outside = REAL_WORLD,
        now: Now = utc_now,
    ) -> None:
        self._settings = settings
        self._url = journal_url(settings.database_url)
        self._sagas = {saga.name: saga for saga in sagas}
        self._now = now
        self._sleep = outside.sleep
        self._works = Works()
        self._pauses = Pauses(outside.sleep)
        self._metrics = SagaMetrics(
            telemetry,
            running=lambda: self._works.count,
            waiting=lambda: self._works.resting_count,
        )
        self._metrics.expect(sagas)
        self._watch = SagaWatch(self._metrics, telemetry.spans)
        self._task_runs = telemetry.task_runs
        self._starting: set[asyncio.Task[None]] = set()
        self._transact: Transact | None = None
        self._carrier: Carrier | None = None
        self._replicas: Replicas | None = None

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """
        Carry out work while inside, what was left included.

        Raises ``DurableError`` with one clear line where it cannot, and ``ServiceUnavailable`` where the
        database is away. At the end, work that does something gets a moment; what is left is recorded,
        and goes on at the next start or in another replica.
        """
        service = self._settings.service_name
        async with AsyncExitStack() as stack:
            stack.enter_context(only_one())
            executor_id = await stack.enter_async_context(self._membership())
            transact = Transact(self._url, name=service, executor_id=executor_id)
            await stack.enter_async_context(self._carrying(transact))
            forgetting = Maintenance(
                {"forget-sagas": self._forget},
                interval_s=_FORGETTING_EVERY_S,
                runs=self._task_runs,
                sleep=self._sleep,
            )
            await stack.enter_async_context(forgetting.running())
            yield

    async def start(
        self, saga: str, work_id: str, subject: JsonObject, *, until: datetime | None = None
    ) -> None:
        """
        Have the work carried out by this replica, or by another if this one dies.

        It is recorded when this returns. Starting the same work again, here or elsewhere, changes nothing
        as long as the journal keeps it (``SAGA_KEEP_HOURS`` after its end). A caller who leaves does not
        stop the start. Raises ``ServiceUnavailable`` where the engine does not run.
        """
        ids = correlation.current() or correlation.new()
        errand = Errand(Work(work_id, subject, until), ids)
        start = self._detached(self._start(saga, errand), name=f"start {saga} {work_id}")
        await asyncio.shield(start)

    def begin(
        self, saga: str, work_id: str, subject: JsonObject, *, until: datetime | None = None
    ) -> None:
        """
        Carry out work whose owner has recorded it: at once, and by ``start`` only what must be repeated.

        That leaves the engine's own journal out of what goes well, at a fifth of the cost. After a crash
        such work is nowhere but in its owner's record: who calls this must ``start`` what that shows as
        neither ended nor, after a while, among ``standings``. It may be carried out twice at once then, which the
        saga's own journal makes harmless.
        """
        self._journal()
        errand = Errand(Work(work_id, subject, until), correlation.current() or correlation.new())
        starting = ExitStack()
        # From now on, and not from the task's first moment: ``ended`` may be asked in between.
        starting.enter_context(self._works.starting(key_of(saga, work_id)))
        begin = self._detached(self._begin(saga, errand), name=f"begin {saga} {work_id}")
        begin.add_done_callback(lambda _begin: starting.close())

    def require_running(self) -> None:
        """
        Raise ``ServiceUnavailable`` where no work is carried out here: before the start, at the end, or ever.
        """
        self._journal()

    def carries(self, saga: str, work_id: str) -> bool:
        """
        Whether the work is carried out in this replica.
        """
        return key_of(saga, work_id) in self._works

    async def ended(self, saga: str, work_id: str, *, within_s: float) -> bool:
        """
        Whether the work ends in this replica within that time; False at once where it does not run here.
        """
        return await self._works.over(key_of(saga, work_id), within_s)

    async def standings(self, saga: str, work_ids: Sequence[str]) -> dict[str, Standing]:
        """
        How those of ``work_ids`` stand that were started, by whichever replica.
        """
        keys = {key_of(saga, work_id): work_id for work_id in work_ids}
        if not keys:
            return {}
        found = await self._journal().standings([*keys])
        return {keys[key]: standing for key, standing in found.items()}

    async def begin_again(self, saga: str, work_id: str) -> bool:
        """
        Have work carried out again that stands *stopped*, though its owner's record does not say that it
        has ended; False where it does not stand so any more.

        It goes the way that its saga's journal has: what was found out holds. Whoever calls this again and
        again does well to leave pauses.
        """
        return await self._journal().begin_again(key_of(saga, work_id))

    async def nudge(self, work_id: str) -> None:
        """
        Let work that waits in this replica between attempts make the next one now.
        """
        self._pauses.end(work_id)

    @property
    def running_count(self) -> int:
        """
        Works that run in this replica.
        """
        return self._works.count

    @property
    def check(self) -> HealthCheck:
        """
        Whether work can be started here.
        """
        return HealthCheck("sagas", self._ping)

    async def _begin(self, saga: str, errand: Errand) -> None:
        if self._carrier is not None and await self._carrier.is_done_at_once(saga, errand):
            return
        try:
            await self._start(saga, errand)
        except ServiceUnavailable as error:
            # Its owner's record is there: it is started later.
            log.warning("saga.start_postponed", saga=saga, work=errand.work.id, code=error.code)

    def _detached(self, work: Coroutine[None, None, None], *, name: str) -> asyncio.Task[None]:
        # Without the caller's context: its deadline and its identity are no business of the work.
        loop = asyncio.get_running_loop()
        task = loop.create_task(work, name=name, context=Context())
        self._starting.add(task)
        task.add_done_callback(self._starting.discard)
        return task

    async def _start(self, saga: str, errand: Errand) -> None:
        key = key_of(saga, errand.work.id)
        with self._works.starting(key), correlation.correlated(errand.ids):
            if await self._journal().start(saga, key, errand.given()):
                self._works.has_started(key)

    @asynccontextmanager
    async def _membership(self) -> AsyncIterator[str]:
        """
        The right to carry out work, under the name that it yields.
        """
        service = self._settings.service_name
        if self._url.get_backend_name() == "sqlite":
            with alone_on(Path(self._url.database or "")):
                yield service
            return
        executor_id = (
            f"{self._settings.replica_name or socket.gethostname()}-{secrets.token_hex(4)}"
        )
        resuming = Resuming(lambda works: self._journal().resume(works), self._metrics.taken_over)
        self._replicas = Replicas(
            self._url, name=service, executor_id=executor_id, resuming=resuming
        )
        async with self._replicas.membership(), self._replicas.watching():
            yield executor_id
        self._replicas = None

    @asynccontextmanager
    async def _carrying(self, transact: Transact) -> AsyncIterator[None]:
        patience = Patience(self._pauses, self._settings.undo_attention_after_seconds, self._now)
        carrier = Carrier(transact, self._works, self._metrics, patience, watch=self._watch)
        await transact.launch(carrier.workflows(self._sagas))
        self._transact, self._carrier = transact, carrier
        self._judge(is_judging=True)
        try:
            yield
        finally:
            self._judge(is_judging=False)
            self._transact = self._carrier = None
            left = await carrier.stop(min(_DRAIN_S, self._settings.drain_timeout_seconds))
            await transact.destroy()
            log.info("sagas.stopped", handed_over=left)

    def _judge(self, *, is_judging: bool) -> None:
        if self._replicas is not None:
            self._replicas.is_judging = is_judging

    async def _ping(self) -> None:
        self._journal()
        if self._replicas is not None:
            self._replicas.ping()

    async def _forget(self) -> None:
        """
        Delete what ended long ago: the service's own rows are the memory of it.
        """
        before = self._now() - timedelta(hours=self._settings.saga_keep_hours)
        is_full = True
        while is_full:
            forgotten = await self._journal().forget(before, at_most=_FORGOTTEN_AT_ONCE)
            is_full = forgotten == _FORGOTTEN_AT_ONCE
        if self._replicas is not None:
            await self._replicas.forget_old()

    def _journal(self) -> Transact:
        if self._transact is None:
            raise ServiceUnavailable("the saga engine")
        return self._transact
