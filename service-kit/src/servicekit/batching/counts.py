"""
What a batcher counts of itself: what was asked, at what cost, and how full and how late its calls were.
"""

from dataclasses import dataclass
from typing import Final

from servicekit.metrics.buckets import Buckets

_KEYS: Final = (1, 2, 5, 10, 20, 50, 100, 200)
_WAITS_S: Final = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0)


@dataclass(frozen=True, slots=True)
class BatcherStats:
    """
    What was asked, and at what cost. ``shared`` lookups waited for a key that another had asked for.
    """

    lookups: int
    shared: int
    keys: int
    calls: int
    waiting: int
    in_flight: int


class Batches:
    """
    Of each call its keys, and the seconds for which the first of them had waited.
    """

    __slots__ = ("keys", "waits_s")

    def __init__(self) -> None:
        self.keys = Buckets(_KEYS)
        self.waits_s = Buckets(_WAITS_S)

    def sent(self, keys: int, *, waited_s: float) -> None:
        """
        A call went out.
        """
        self.keys.observe(keys)
        self.waits_s.observe(waited_s)
