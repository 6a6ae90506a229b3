"""
How old something is, by a clock that may be put forward or back at any time.
"""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Final

#: What two clocks may differ by between two looks without one having been put.
_TOLERANCE: Final = timedelta(milliseconds=100)


class SteadyTime:
    """
    The time of day, and whether it has been put: monotonic time shows that.

    Once it has been put, nothing that was read before counts any more: how long ago that was can
    no longer be told.
    """

    def __init__(self, *, now: Callable[[], datetime], monotonic: Callable[[], float]) -> None:
        self._now = now
        self.monotonic = monotonic
        self._seen_at = now()
        self._seen_s = monotonic()
        self._counts_from = datetime.min.replace(tzinfo=self._seen_at.tzinfo)

    def now(self) -> datetime:
        """
        The time of day.
        """
        now, seconds = self._now(), self.monotonic()
        expected = self._seen_at + timedelta(seconds=seconds - self._seen_s)
        if abs(now - expected) > _TOLERANCE:
            # Put back: readings of both ways of telling the time come until the old one is reached.
            self._counts_from = max(self._counts_from, now, expected)
        self._seen_at, self._seen_s = now, seconds
        return now

    def may_use(self, read_at: datetime, until: datetime, *, bound: timedelta) -> bool:
        """
        Whether what was read then, to be used ``until``, is certainly not older than ``bound``.
        """
        now = self.now()
        return self._counts_from < read_at <= now < until and now - read_at < bound
