"""
Spans on their way to the collector: sent by a thread, in batches, from a line that has an end.

A collector that is away, slow or saying no costs what it does not take and nothing else: whoever ends a span
never waits, memory is bounded, and the log tells once that it began and once that it is over.
"""

import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final, Generic, TypeVar

import structlog
from prometheus_client.metrics_core import CounterMetricFamily, Metric
from prometheus_client.registry import Collector

from servicekit.unharmed import Unharmed

T = TypeVar("T")

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Pace:
    """
    How many spans may wait (2048 are about 4 MB) and go out at once, and how long; in seconds.

    The first of a batch waits ``gathering_s`` for others. After a failure there is a pause, twice as long
    after each that follows. ``farewell_s`` is what the end may take; none where the last batch was not taken.
    """

    room: int = 2048
    at_once: int = 512
    gathering_s: float = 1.0
    first_pause_s: float = 2.0
    last_pause_s: float = 30.0
    farewell_s: float = 1.0


DEFAULT_PACE: Final = Pace()


class Sending(Collector, Generic[T]):
    """
    Hands what it is given to ``deliver``, which says whether it was taken, and counts what became of it.
    """

    def __init__(
        self,
        deliver: Callable[[Sequence[T]], bool],
        close: Callable[[], None],
        *,
        pace: Pace = DEFAULT_PACE,
    ) -> None:
        self._deliver_to = deliver
        self._close = close
        self._pace = pace
        self._line: deque[T] = deque()
        self._change = threading.Event()
        self._is_ending = False
        self._failures = 0
        self._sent = self._refused = self._left_out = 0
        self._thread = threading.Thread(target=self._deliver, name="span sending", daemon=True)
        self._thread.start()

    def put(self, span: T) -> None:
        """
        Let the span be sent, or leave it out where too many wait.
        """
        if len(self._line) >= self._pace.room or self._is_ending:
            self._left_out += 1
            return
        self._line.append(span)
        if len(self._line) in {1, self._pace.at_once}:
            self._change.set()

    def close(self) -> None:
        """
        Send what waits, for a moment at most; a collector that has just failed is not waited for.
        """
        self._is_ending = True
        self._change.set()
        self._thread.join(0 if self._failures else self._pace.farewell_s)
        self._close()

    def collect(self) -> Iterator[Metric]:
        """
        The counts, for a scrape.
        """
        family = CounterMetricFamily(
            "trace_spans", "Spans by what became of them", labels=("outcome",)
        )
        family.add_metric(("sent",), self._sent)
        family.add_metric(("refused",), self._refused)
        family.add_metric(("left_out",), self._left_out)
        yield family

    def _deliver(self) -> None:
        while not self._is_ending:
            self._wait()
            self._send_batch()
        # What failed now would fail again: nobody waits for it.
        while self._line and not self._failures:
            self._send_batch()

    def _wait(self) -> None:
        """
        Until there is a batch, or part of one that has waited long enough; longer after a failure.
        """
        if not self._line:
            self._change.wait()
        until = time.monotonic() + self._pause_s()
        while (left_s := until - time.monotonic()) > 0:
            # Before the look: a change that comes between both must not be forgotten.
            self._change.clear()
            if self._is_ending or (len(self._line) >= self._pace.at_once and not self._failures):
                return
            self._change.wait(left_s)

    def _pause_s(self) -> float:
        pace = self._pace
        if not self._failures:
            return pace.gathering_s
        return min(pace.last_pause_s, pace.first_pause_s * 2.0 ** min(self._failures - 1, 10))

    def _send_batch(self) -> None:
        batch = [self._line.popleft() for _ in range(min(self._pace.at_once, len(self._line)))]
        if not batch:
            return
        why = self._delivered(batch)
        if why is None:
            self._taken(batch)
        else:
            self._failed(batch, why)

    def _delivered(self, batch: Sequence[T]) -> str | None:
        """
        Hand them over; where they were not taken, why.
        """
        faults: list[Exception] = []
        # Traces harm nobody, and without this thread there would be none.
        with Unharmed(faults.append):
            return None if self._deliver_to(batch) else "not taken"
        return type(faults[0]).__name__

    def _taken(self, batch: Sequence[T]) -> None:
        self._sent += len(batch)
        failures, self._failures = self._failures, 0
        if failures:
            log.info("traces.sent_again", refused=self._refused, left_out=self._left_out)

    def _failed(self, batch: Sequence[T], why: str) -> None:
        self._refused += len(batch)
        self._failures += 1
        if self._failures == 1:
            log.warning("traces.not_sent", why=why, spans=len(batch))
