"""
An event loop that leaps over every wait: time passes in it, and none is spent.

When nobody has anything to do until a timer goes off, the clock moves to that moment at once. It
stands still while something runs, so that no machine is too slow and no process too busy for a
deadline: what comes first on this clock comes first in every run. A test asks for it by a mark::

    @pytest.mark.leaping_time
    async def test_who_waits_too_long_is_told() -> None: ...

It is for applications whose networks are fake: whoever waits for another process is overtaken by the
next timer. Threads are not (on Linux): the clock stands still while one of them has work.
"""

import asyncio
import selectors
import threading
import time
from pathlib import Path
from unittest.mock import patch

#: Nothing in a test takes longer on purpose; who waits for what never comes is told so.
LONGEST_S = 6 * 3600.0
_TASKS = Path("/proc/self/task")
#: Long enough for a thread that waits for Python's lock to be given it.
_TURN_S = 0.001


class _LeapingSelector(selectors.DefaultSelector):
    """
    Waits for no timer; keeps the time instead.
    """

    def __init__(self) -> None:
        super().__init__()
        self.began_at = self.now = time.monotonic()

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        """
        What is ready now. Without a timer to leap to, it is waited for.
        """
        ready = super().select(None if timeout is None else 0)
        if not timeout or ready:
            return ready
        while not ready and threading.active_count() > 1:
            ready = super().select(_TURN_S)
            if not _others_work():
                break
        if not ready:
            self.now += timeout
            if self.now - self.began_at > LONGEST_S:
                raise AssertionError(f"waited {LONGEST_S:g} s for what does not come")
        return ready


def _others_work() -> bool:
    """
    Whether another thread of this process runs, wants to, or waits for a disk.
    """
    own = str(threading.get_native_id())
    return _TASKS.exists() and any(
        _state_of(task) in {"R", "D"} for task in _TASKS.iterdir() if task.name != own
    )


def _state_of(task: Path) -> str:
    try:
        return (task / "stat").read_text().rpartition(") ")[2][:1]
    except OSError:
        return "gone"


class LeapingLoop(asyncio.SelectorEventLoop):
    """
    A loop that waits for no timer. ``time.monotonic`` tells its time as well, while it runs.
    """

    def __init__(self) -> None:
        self._clock = _LeapingSelector()
        super().__init__(self._clock)

    def time(self) -> float:
        """
        Seconds on the clock that leaps.
        """
        return self._clock.now

    def run_forever(self) -> None:
        """
        As every loop does it, in a world that has the time of this one.
        """
        with patch.object(time, "monotonic", self.time):
            super().run_forever()
