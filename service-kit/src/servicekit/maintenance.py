"""
What has to be done from time to time: keys that change, rows that have expired.

Each replica does all of it; every task must be safe to do at the same moment elsewhere.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager

import structlog

from servicekit.errors import ServiceUnavailable

log = structlog.get_logger()

Task = Callable[[], Awaitable[object]]


class Maintenance:
    """
    Does its tasks in turn, every ``interval_s``; one that fails is tried again next time.
    """

    def __init__(
        self,
        tasks: Mapping[str, Task],
        *,
        interval_s: float,
        sleep: Callable[[float], Awaitable[object]] = asyncio.sleep,
    ) -> None:
        self._tasks = dict(tasks)
        self._interval_s = interval_s
        self._sleep = sleep

    async def once(self) -> None:
        """
        Do every task.
        """
        for name, task in self._tasks.items():
            try:
                await task()
            except ServiceUnavailable as error:
                log.warning("maintenance.task_postponed", task=name, code=error.code)
            except Exception:  # a worker's loop: the next round tries again, whatever it was
                log.exception("maintenance.task_failed", task=name)

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
