"""
Which of the traces that begin here are recorded: a share of them, by chance, and so many a second at most.

The share bounds what traces cost beside the requests; the number bounds what a rush of requests costs the
collector, and leaves whole traces out in place of single spans.
"""

import random
import time
from collections.abc import Callable


class Choice:
    """
    Chooses a ``share``, and of those up to ``per_second``; after a quiet second as many again at once.
    """

    def __init__(
        self, *, share: float, per_second: float, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        self._share = share
        self._per_second = per_second
        self._monotonic = monotonic
        self._most = max(1.0, per_second)
        self._left = self._most
        self._at = monotonic()

    def is_chosen(self) -> bool:
        """
        Whether the trace that begins now is recorded.
        """
        return random.random() < self._share and self._takes()  # noqa: S311  # nobody gains by guessing it

    def _takes(self) -> bool:
        now = self._monotonic()
        self._left = min(self._most, self._left + (now - self._at) * self._per_second)
        self._at = now
        if self._left < 1:
            return False
        self._left -= 1
        return True
