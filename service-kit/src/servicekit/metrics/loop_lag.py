"""
How late the event loop comes to what is due: the time that something has held it up.
"""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from prometheus_client import CollectorRegistry
from prometheus_client.metrics_core import HistogramMetricFamily, Metric
from prometheus_client.registry import Collector

from servicekit.metrics.buckets import Buckets

_EVERY_S: Final = 0.5
_BOUNDS_S: Final = (0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5)


class LoopLag(Collector):
    """
    Looks twice a second how much later than asked it is called.
    """

    def __init__(self, registry: CollectorRegistry) -> None:
        self._lags = Buckets(_BOUNDS_S)
        self._next: asyncio.TimerHandle | None = None
        registry.register(self)

    @contextmanager
    def watched(self) -> Iterator[None]:
        """
        Look at the loop that runs while inside.
        """
        self._wait(asyncio.get_running_loop())
        try:
            yield
        finally:
            if self._next is not None:
                self._next.cancel()
                self._next = None

    def collect(self) -> Iterator[Metric]:
        """
        What was seen so far, for a scrape.
        """
        family = HistogramMetricFamily(
            "event_loop_lag_seconds", "How late the event loop came to what was due"
        )
        self._lags.add_to(family)
        yield family

    def _wait(self, loop: asyncio.AbstractEventLoop) -> None:
        due = loop.time() + _EVERY_S
        self._next = loop.call_at(due, self._look, loop, due)

    def _look(self, loop: asyncio.AbstractEventLoop, due: float) -> None:
        self._lags.observe(max(0.0, loop.time() - due))
        self._wait(loop)
