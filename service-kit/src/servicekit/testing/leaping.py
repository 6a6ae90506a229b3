"""
An event loop that leaps over every wait: time passes in it, and none is spent.

When nobody has anything to do until a timer goes off, the clock moves to that moment at once. It
stands still while something runs, so that no machine is too slow and no process too busy for a
deadline: what comes first on this clock comes first in every run. A test asks for it by a mark::

    @pytest.mark.leaping_time
    async def test_who_waits_too_long_is_told() -> None: ...

It is for applications whose networks are fake: whoever waits for a thread, a file or a real
connection is overtaken by the next timer.
"""

import asyncio
import selectors
import time
from unittest.mock import patch

#: Nothing in a test takes longer on purpose; who waits for what never comes is told so.
LONGEST_S = 6 * 3600.0


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
        if timeout and not ready:
            self.now += timeout
            if self.now - self.began_at > LONGEST_S:
                raise AssertionError(f"waited {LONGEST_S:g} s for what does not come")
        return ready


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
