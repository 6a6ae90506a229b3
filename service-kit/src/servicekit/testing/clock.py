"""
A clock that moves when a test says so.
"""

import asyncio
import heapq
import itertools
from datetime import UTC, datetime, timedelta

_BEGINNING = datetime(2026, 1, 1, 12, tzinfo=UTC)


class FakeClock:
    """
    Monotonic time, time of day and sleep, all of one clock that stands still until ``advance``.
    """

    def __init__(self, now: datetime = _BEGINNING, *, monotonic_s: float = 1000.0) -> None:
        self._now = now
        self._monotonic_s = monotonic_s
        self._sleepers: list[tuple[float, int, asyncio.Future[None]]] = []
        self._order = itertools.count()

    def monotonic(self) -> float:
        """
        As ``time.monotonic``.
        """
        return self._monotonic_s

    def now(self) -> datetime:
        """
        The time of day, in UTC.
        """
        return self._now

    def time(self) -> float:
        """
        As ``time.time``.
        """
        return self._now.timestamp()

    def advance(self, seconds: float) -> None:
        """
        Let time pass; who sleeps until then or earlier wakes, in the order of their moments.
        """
        if seconds < 0:
            raise ValueError("time does not run backwards; use set_wall for a clock put back")
        self._monotonic_s += seconds
        self._now += timedelta(seconds=seconds)
        while self._sleepers and self._sleepers[0][0] <= self._monotonic_s:
            _, _, wake = heapq.heappop(self._sleepers)
            if not wake.done():
                wake.set_result(None)

    def set_wall(self, now: datetime) -> None:
        """
        Put the time of day to ``now``, as an administrator or NTP may; monotonic time stays.
        """
        self._now = now

    async def sleep(self, seconds: float) -> None:
        """
        As ``asyncio.sleep``, on this clock.
        """
        if seconds <= 0:
            await asyncio.sleep(0)
            return
        wake: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        heapq.heappush(self._sleepers, (self._monotonic_s + seconds, next(self._order), wake))
        await wake

    @property
    def sleepers(self) -> int:
        """
        How many sleep now: for tests that wait until somebody does.
        """
        return sum(not wake.done() for _, _, wake in self._sleepers)
