"""
What has to be done from time to time: keys that change, rows that have expired.

Each replica does all of it; every task must be safe to do at the same moment elsewhere.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Literal, get_args

import structlog
from prometheus_client import CollectorRegistry, Counter

from servicekit.errors import ServiceUnavailable
from servicekit.unharmed import unharmed

log = structlog.get_logger()

Task = Callable[[], Awaitable[object]]
Outcome = Literal["done", "postponed", "failed"]


class TaskRuns:
    """
    Counts what the runs of a service's tasks came to; *postponed* are those that the database was away for.
    """

    def __init__(self, registry: CollectorRegistry) -> None:
        self._runs = Counter(
            "maintenance_runs", "Runs of maintenance tasks", ("task", "outcome"), registry=registry
        )

    def expect(self, task: str) -> None:
        """
        Tell of a task from the first scrape on, or its first failure would be no increase.
        """
        for outcome in get_args(Outcome):
            self._runs.labels(task, outcome)

    def ended(self, task: str, outcome: Outcome) -> None:
        """
        A task has run.
        """
        self._runs.labels(task, outcome).inc()


class Maintenance:
    """
    Does its tasks in turn, every ``interval_s``; one that fails is tried again next time.
    """

    def __init__(
        self,
        tasks: Mapping[str, Task],
        *,
        interval_s: float,
        runs: TaskRuns | None = None,
        sleep: Callable[[float], Awaitable[object]] = asyncio.sleep,
    ) -> None:
        self._tasks = dict(tasks)
        self._interval_s = interval_s
        self._runs = runs or TaskRuns(CollectorRegistry())
        self._sleep = sleep
        for name in self._tasks:
            self._runs.expect(name)

    async def once(self) -> None:
        """
        Do every task.
        """
        for name, task in self._tasks.items():
            self._runs.ended(name, await _outcome(name, task))

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """
        Go on in the background while inside.
        """
        worker = asyncio.create_task(self._forever(), name="maintenance")
        try:
            yield
        finally:
            worker.cancel()
            await asyncio.wait({worker})

    async def _forever(self) -> None:
        while True:
            await self._sleep(self._interval_s)
            await self.once()


async def _outcome(name: str, task: Task) -> Outcome:
    with unharmed("maintenance.task_failed", task=name):
        try:
            await task()
        except ServiceUnavailable as error:
            log.warning("maintenance.task_postponed", task=name, code=error.code)
            return "postponed"
        return "done"
    return "failed"
