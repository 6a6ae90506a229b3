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
#: Running or ready to run, or waiting for a disk.
_AWAKE = {"R", "D"}


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
            before = _switches_of_others()
            ready = super().select(_TURN_S)
            after = _switches_of_others()
            if after == before and None not in after.values():
                break
        if not ready:
            self.now += timeout
            if self.now - self.began_at > LONGEST_S:
                raise AssertionError(f"waited {LONGEST_S:g} s for what does not come")
        return ready


def _switches_of_others() -> dict[str, int | None]:
    """
    How often each other thread of this process has gone to sleep; None while it is awake.

    The same twice: nobody has had work in between. A state alone would not tell, for who works and
    waits for Python's lock sleeps as well, if only for a moment.
    """
    own = str(threading.get_native_id())
    if not _TASKS.exists():
        return {}
    return {task.name: _switches_of(task) for task in _TASKS.iterdir() if task.name != own}


def _switches_of(task: Path) -> int | None:
    try:
        status = dict(line.split(":\t", 1) for line in (task / "status").read_text().splitlines())
    except OSError:
        return 0  # it has just ended
    if status["State"][0] in _AWAKE:
        return None
    return int(status["voluntary_ctxt_switches"])


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
