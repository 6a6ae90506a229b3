"""
What the engine's journal calls with each work: carries it out, or leaves it to others.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, replace
from functools import partial
from typing import Final

import structlog

from servicekit import correlation
from servicekit.clock import Now
from servicekit.durable.errands import Errand, key_of
from servicekit.durable.metrics import CountingWitness, SagaMetrics
from servicekit.durable.pauses import Pauses
from servicekit.durable.transact import Given, Transact
from servicekit.durable.works import Works
from servicekit.errors import ServiceUnavailable
from servicekit.sagas import Ending, Pause, Runner, Saga, Watch, Work
from servicekit.unharmed import unharmed

#: Recovered works that make their first attempts at once: a restart must not flood who was slow.
_RECOVERING_AT_ONCE: Final = 8
#: How long work may take that only this replica knows of; others look for what is lost after that.
AT_ONCE_S: Final = 1.5
_RESUMED_AFTER_S: Final = 5.0

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Patience:
    """
    How works wait between attempts, and when they ask for attention.
    """

    pauses: Pauses
    attention_after_s: float
    now: Now


class _MustWait(Exception):
    """
    Work that is carried out at once has come to where it would have to be repeated.
    """


async def _to_the_end(
    limit: asyncio.Timeout,
    ended: Callable[[Work, Ending], Awaitable[None]],
    work: Work,
    ending: Ending,
) -> None:
    """
    What has ended is told whole, however little of the moment is left.
    """
    limit.reschedule(None)
    await ended(work, ending)


def _read(name: str, given: Given) -> Errand:
    """
    What is to be done. What cannot be read here another release has written, which can, and is left to it.
    """
    with unharmed("saga.unreadable", saga=name):
        return Errand.of(given)
    raise asyncio.CancelledError


async def _no_pause(_work_id: str, _seconds: float) -> None:
    raise _MustWait


class Carrier:
    """
    Carries out works over the journal of ``transact``.
    """

    def __init__(
        self,
        transact: Transact,
        works: Works,
        metrics: SagaMetrics,
        patience: Patience,
        *,
        watch: Watch,
    ) -> None:
        self._transact = transact
        self._works = works
        self._metrics = metrics
        self._patience = patience
        self._watch = watch
        self._recovering = asyncio.Semaphore(_RECOVERING_AT_ONCE)
        self._resuming: set[asyncio.Task[None]] = set()
        self._is_stopping = False
        self._sagas: dict[str, Saga] = {}

    def workflows(self, sagas: Mapping[str, Saga]) -> dict[str, Callable[[Given], Awaitable[str]]]:
        """
        What the journal calls with works, by saga.
        """
        self._sagas = {name: self._counted(saga) for name, saga in sagas.items()}
        return {name: partial(self._carry, saga) for name, saga in self._sagas.items()}

    async def is_done_at_once(self, name: str, errand: Errand) -> bool:
        """
        Carry the work out as long as nothing has to be repeated, and for a moment at most; what is
        begun and not done stays so.
        """
        saga, work = self._sagas[name], errand.work
        runner = self._runner(_no_pause)
        with (
            correlation.correlated(errand.ids),
            self._works.running(key_of(name, work.id)),
            unharmed("saga.broken_off", saga=name, work=work.id),
        ):
            try:
                async with asyncio.timeout(AT_ONCE_S) as limit:
                    unhurried = replace(saga, ended=partial(_to_the_end, limit, saga.ended))
                    ending = await runner.carry_out(unhurried, work)
            except (_MustWait, TimeoutError):
                return False
            except ServiceUnavailable as error:
                log.warning("saga.postponed", saga=name, work=work.id, code=error.code)
                return False
            self._over(saga, work, ending)
            return True
        return False

    async def stop(self, within_s: float) -> int:
        """
        Wait for works that are doing something, and leave the rest as it is recorded; returns how many.
        """
        self._is_stopping = True
        with suppress(TimeoutError):
            async with asyncio.timeout(within_s):
                await self._works.quiet()
        left = self._works.tasks
        for task in left | self._resuming:
            task.cancel()
        if left | self._resuming:
            await asyncio.wait(left | self._resuming, timeout=within_s)
        return len(left)

    async def _carry(self, saga: Saga, given: Given) -> str:
        errand = _read(saga.name, given)
        key = key_of(saga.name, errand.work.id)
        with correlation.correlated(errand.ids), self._works.running(key) as is_recovered:
            if self._is_stopping and is_recovered:
                # As if it had not been handed over: whoever comes next takes it up.
                raise asyncio.CancelledError
            # The journal would take an error for the end.
            with unharmed("saga.broken_off", saga=saga.name, work=errand.work.id):
                try:
                    return await self._outcome(saga, errand.work, is_recovered=is_recovered)
                except ServiceUnavailable as error:
                    log.warning(
                        "saga.postponed", saga=saga.name, work=errand.work.id, code=error.code
                    )
            self._resume_later(key, errand.work.id)
        raise asyncio.CancelledError

    async def _outcome(self, saga: Saga, work: Work, *, is_recovered: bool) -> str:
        async with self._turn(saga, work, is_recovered=is_recovered) as pause:
            # It may have been carried out at once before, by whoever it was begun by.
            ending = await self._runner(pause).carry_out(saga, work, is_again=True)
        self._over(saga, work, ending)
        return ending.how

    def _runner(self, pause: Pause) -> Runner:
        patience = self._patience
        return Runner(
            pause=pause,
            attention_after_s=patience.attention_after_s,
            now=patience.now,
            watch=self._watch,
        )

    def _over(self, saga: Saga, work: Work, ending: Ending) -> None:
        after_s = self._works.end(key_of(saga.name, work.id))
        self._metrics.ended(saga.name, ending, after_s=after_s)

    @asynccontextmanager
    async def _turn(
        self, saga: Saga, work: Work, *, is_recovered: bool
    ) -> AsyncIterator[Callable[[str, float], Awaitable[None]]]:
        """
        A recovered work waits for its turn, which lasts until it pauses; yields how to pause.
        """
        if not is_recovered:
            yield self._pause
            return
        turn = _Turn(self._recovering)
        await turn.begin()
        log.info("saga.recovered", saga=saga.name, work=work.id)
        self._metrics.recovered(saga.name)

        async def pause(work_id: str, seconds: float) -> None:
            turn.end()
            await self._pause(work_id, seconds)

        try:
            yield pause
        finally:
            turn.end()

    async def _pause(self, work_id: str, seconds: float) -> None:
        with self._works.resting():
            await self._patience.pauses.pause(work_id, seconds)

    def _resume_later(self, key: str, work_id: str) -> None:
        task = asyncio.create_task(self._resumed(key, work_id), name=f"resume {key}")
        self._resuming.add(task)
        task.add_done_callback(self._resuming.discard)

    async def _resumed(self, key: str, work_id: str) -> None:
        """
        Have the work taken up from the journal again, after a while.
        """
        while True:
            await self._patience.pauses.pause(work_id, _RESUMED_AFTER_S)
            with unharmed("saga.not_resumed", work=key):
                try:
                    await self._transact.resume([key])
                except ServiceUnavailable as error:
                    log.warning("saga.postponed", work=key, code=error.code)
                else:
                    return

    def _counted(self, saga: Saga) -> Saga:
        return replace(saga, witness=CountingWitness(saga.name, saga.witness, self._metrics))


class _Turn:
    """
    A place in the semaphore that can be given back early, and once.
    """

    def __init__(self, places: asyncio.Semaphore) -> None:
        self._places = places
        self._is_held = False

    async def begin(self) -> None:
        await self._places.acquire()
        self._is_held = True

    def end(self) -> None:
        if self._is_held:
            self._is_held = False
            self._places.release()
