"""
The works that run in this process, and who waits for them.
"""

import asyncio
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field


@dataclass(eq=False, slots=True)
class _Work:
    """
    One work. It may be carried out twice at once for a moment, when it was thought lost.
    """

    over: asyncio.Future[bool]
    began_at: float = field(default_factory=time.monotonic)
    starting: int = 0
    is_started_here: bool = False
    tasks: set[asyncio.Task[object]] = field(default_factory=set)


class Works:
    """
    Counts works from the moment somebody asks for their start, and tells waiters when they are over.
    """

    def __init__(self) -> None:
        self._works: dict[str, _Work] = {}
        self._resting: set[asyncio.Task[object]] = set()
        self._change: asyncio.Future[None] | None = None

    def __contains__(self, key: str) -> bool:
        return key in self._works

    @contextmanager
    def starting(self, key: str) -> Iterator[None]:
        """
        Inside, it is not known yet whether the work will run here.
        """
        work = self._at(key)
        work.starting += 1
        try:
            yield
        finally:
            work.starting -= 1
            self._settle(key, work)

    def has_started(self, key: str) -> None:
        """
        The work will be carried out here, from its beginning.
        """
        self._at(key).is_started_here = True

    @contextmanager
    def running(self, key: str) -> Iterator[bool]:
        """
        The present task carries out the work; yields whether others had begun it.
        """
        work, task = self._at(key), _this_task()
        is_recovered = not work.is_started_here
        work.is_started_here = False
        work.tasks.add(task)
        try:
            yield is_recovered
        finally:
            work.tasks.discard(task)
            self._settle(key, work)

    @contextmanager
    def resting(self) -> Iterator[None]:
        """
        Inside, the present task only waits for its next attempt.
        """
        task = _this_task()
        self._resting.add(task)
        self._changed()
        try:
            yield
        finally:
            self._resting.discard(task)

    def end(self, key: str) -> float:
        """
        The work has ended, and that is known outside; how long it was here, in seconds.
        """
        work = self._works[key]
        if not work.over.done():
            work.over.set_result(True)
        return time.monotonic() - work.began_at

    async def over(self, key: str, within_s: float) -> bool:
        """
        Whether the work ends here within that time.
        """
        work = self._works.get(key)
        if work is None:
            return False
        await asyncio.wait({work.over}, timeout=within_s)
        return work.over.done() and work.over.result()

    @property
    def count(self) -> int:
        """
        Works that are carried out now.
        """
        return sum(1 for work in self._works.values() if work.tasks)

    @property
    def resting_count(self) -> int:
        """
        Those that wait for their next attempt.
        """
        return len(self._resting)

    @property
    def tasks(self) -> set[asyncio.Task[object]]:
        """
        The tasks that carry them out.
        """
        return {task for work in self._works.values() for task in work.tasks}

    async def quiet(self) -> None:
        """
        Wait until no work is being started and none does anything but rest.
        """
        while not self._is_quiet():
            self._change = asyncio.get_running_loop().create_future()
            await self._change

    def _is_quiet(self) -> bool:
        return self.tasks <= self._resting and not any(
            work.starting or work.is_started_here for work in self._works.values()
        )

    def _changed(self) -> None:
        if self._change is not None and not self._change.done():
            self._change.set_result(None)

    def _at(self, key: str) -> _Work:
        if key not in self._works:
            self._works[key] = _Work(asyncio.get_running_loop().create_future())
        return self._works[key]

    def _settle(self, key: str, work: _Work) -> None:
        self._changed()
        if work.starting or work.is_started_here or work.tasks:
            return
        if not work.over.done():
            work.over.set_result(False)
        self._works.pop(key, None)


def _this_task() -> asyncio.Task[object]:
    task = asyncio.current_task()
    assert task is not None  # noqa: S101  # only coroutines come here
    return task
