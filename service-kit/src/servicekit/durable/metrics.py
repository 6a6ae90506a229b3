"""
What Prometheus is told of sagas.
"""

from collections.abc import Callable, Iterable
from functools import cache
from typing import get_args

from prometheus_client import Gauge, Histogram

from servicekit.metrics.buckets import LATENCY_BUCKETS_S
from servicekit.sagas import Attempt, Ending, Entry, How, Saga, Witness, Work
from servicekit.telemetry import Telemetry


class SagaMetrics:
    """
    Counts works by saga, which are few.
    """

    def __init__(
        self, telemetry: Telemetry, *, running: Callable[[], float], waiting: Callable[[], float]
    ) -> None:
        registry = telemetry.registry
        Gauge("saga_running", "Works now", registry=registry).set_function(running)
        Gauge(
            "saga_waiting", "Works that wait between two attempts", registry=registry
        ).set_function(waiting)
        self._durations_s = Histogram(
            "saga_duration_seconds",
            "Time from a work's beginning in this replica to its end",
            ("saga", "outcome"),
            buckets=(*LATENCY_BUCKETS_S, 30.0, 60.0, 300.0, 3600.0),
            registry=registry,
        )
        attempts_s = Histogram(
            "saga_attempt_duration_seconds",
            "Time of one attempt of a step",
            ("saga", "step", "deed", "outcome"),
            buckets=LATENCY_BUCKETS_S,
            registry=registry,
        )
        # Finding a series takes longer than counting in it; there are few, and all of them stay.
        self._attempts_of = cache(attempts_s.labels)
        self._ended = telemetry.counter("saga_ended", "Works that ended", ("saga", "outcome"))
        self._recoveries = telemetry.counter(
            "saga_recoveries", "Works that went on after a crash or a restart", ("saga",)
        )
        self._takeovers = telemetry.counter(
            "saga_takeovers", "Works taken over from a replica that was lost", ("why",)
        )
        for why in ("left", "gone", "frozen"):
            self._takeovers.labels(why)
        self._attention = telemetry.counter(
            "saga_attention", "Works that began to need attention", ("saga", "step")
        )

    def expect(self, sagas: Iterable[Saga]) -> None:
        """
        Tell of these from the first scrape on: the first of a kind would be no increase.
        """
        for saga in sagas:
            self._recoveries.labels(saga.name)
            for how in get_args(How):
                self._ended.labels(saga.name, how)
            for step in saga.steps:
                self._attention.labels(saga.name, step.name)

    def ended(self, saga: str, ending: Ending, *, after_s: float) -> None:
        """
        A work has ended.
        """
        self._ended.labels(saga, ending.how).inc()
        self._durations_s.labels(saga, ending.how).observe(after_s)

    def attempted(self, attempt: Attempt, outcome: str, duration_s: float) -> None:
        """
        An attempt is over.
        """
        deed = "undo" if attempt.is_undo else "do"
        series = self._attempts_of(attempt.saga, attempt.step, deed, outcome)
        series.observe(duration_s)

    def recovered(self, saga: str) -> None:
        """
        A work goes on that was begun elsewhere or before.
        """
        self._recoveries.labels(saga).inc()

    def taken_over(self, why: str, works: int) -> None:
        """
        Works of a replica were given to the others.
        """
        self._takeovers.labels(why).inc(works)

    def needs_attention(self, saga: str, step: str) -> None:
        """
        A work repeats a step for long.
        """
        self._attention.labels(saga, step).inc()


class CountingWitness:
    """
    Passes on what it is told, and counts.
    """

    def __init__(self, saga: str, witness: Witness, metrics: SagaMetrics) -> None:
        self._saga = saga
        self._witness = witness
        self._metrics = metrics

    def saw(self, work: Work, entry: Entry) -> None:
        """
        Passed on.
        """
        self._witness.saw(work, entry)

    def repeating(self, work: Work, step: str, why: str) -> None:
        """
        Passed on.
        """
        self._witness.repeating(work, step, why)

    async def needs_attention(self, work: Work, step: str, why: str) -> None:
        """
        Counted once it is told.
        """
        await self._witness.needs_attention(work, step, why)
        self._metrics.needs_attention(self._saga, step)
