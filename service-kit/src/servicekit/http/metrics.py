"""
What Prometheus, the log and ``/health`` are told of outgoing calls and their breakers.
"""

from collections.abc import Callable, Iterable, Iterator

import structlog
from prometheus_client import CollectorRegistry, Counter, Gauge
from prometheus_client.metrics_core import GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector
from pydantic import JsonValue

from servicekit.http.breaker import State, Transition
from servicekit.http.client import ServiceClient
from servicekit.http.observer import CallEnded, Retry
from servicekit.metrics.buckets import LATENCY_BUCKETS_S, Buckets

#: A gauge holds numbers only.
_STATE_NUMBERS = {State.CLOSED: 0, State.HALF_OPEN: 1, State.OPEN: 2}

log = structlog.get_logger()


class UpstreamMetrics(Collector):
    """
    The observer of a service's clients; one serves them all. Only the event loop's thread may tell it.
    """

    def __init__(self, registry: CollectorRegistry) -> None:
        self._durations: dict[tuple[str, str, str], Buckets] = {}
        self._in_progress: dict[str, int] = {}
        registry.register(self)
        self._retries = Counter(
            "upstream_retries", "Attempts after the first", ("upstream",), registry=registry
        )
        self._breaker_state = Gauge(
            "upstream_breaker_state",
            "0 closed, 1 half open, 2 open",
            ("upstream",),
            registry=registry,
        )
        self._transitions = Counter(
            "upstream_breaker_transitions",
            "Changes of a breaker's state",
            ("upstream", "to"),
            registry=registry,
        )

    def watch(self, upstream: str) -> None:
        """
        There is an upstream, whose breaker is closed: told from the first scrape on.
        """
        self._breaker_state.labels(upstream).set(_STATE_NUMBERS[State.CLOSED])
        self._retries.labels(upstream)

    def call_started(self, upstream: str, method: str) -> None:  # noqa: ARG002 - the protocol's
        """
        A call has begun.
        """
        self._in_progress[upstream] = self._in_progress.get(upstream, 0) + 1

    def call_ended(self, ended: CallEnded) -> None:
        """
        A call has ended, one way or another.
        """
        self._in_progress[ended.upstream] -= 1
        key = (ended.upstream, ended.method, ended.outcome.value)
        series = self._durations.get(key)
        if series is None:
            series = self._durations[key] = Buckets(LATENCY_BUCKETS_S)
        series.observe(ended.duration_s)

    def collect(self) -> Iterator[Metric]:
        """
        What every call tells, for a scrape.
        """
        durations = HistogramMetricFamily(
            "upstream_call_duration_seconds",
            "Time of a whole call, with its waits and retries",
            labels=("upstream", "method", "outcome"),
        )
        for labels, series in self._durations.items():
            series.add_to(durations, labels)
        yield durations
        in_progress = GaugeMetricFamily(
            "upstream_calls_in_progress", "Calls now", labels=("upstream",)
        )
        for upstream, count in self._in_progress.items():
            in_progress.add_metric((upstream,), count)
        yield in_progress

    def retrying(self, retry: Retry) -> None:
        """
        An attempt is being repeated.
        """
        self._retries.labels(retry.upstream).inc()
        log.info(
            "upstream.retrying",
            upstream=retry.upstream,
            failed_attempts=retry.failed_attempts,
            pause_ms=round(retry.pause_s * 1000),
        )

    def breaker_changed(self, transition: Transition) -> None:
        """
        A breaker opened, closed, or tries again.
        """
        self._breaker_state.labels(transition.upstream).set(_STATE_NUMBERS[transition.after])
        self._transitions.labels(transition.upstream, transition.after.value).inc()
        write = log.warning if transition.after is State.OPEN else log.info
        write(
            f"breaker.{transition.after.value}",
            upstream=transition.upstream,
            reason=transition.reason,
        )


def breaker_details(clients: Iterable[ServiceClient]) -> Callable[[], JsonValue]:
    """
    What ``/health`` tells of the clients' breakers, for ``create_service(details=...)``.
    """
    watched = tuple(clients)

    def details() -> JsonValue:
        return {client.name: _describe(client) for client in watched}

    return details


def _describe(client: ServiceClient) -> JsonValue:
    snapshot = client.breaker.snapshot()
    return {
        "state": snapshot.state.value,
        "inStateForSeconds": round(snapshot.in_state_for_s, 1),
        "transitions": snapshot.transitions,
        "lastOpenedBecause": snapshot.reason,
        "retryAfterSeconds": round(snapshot.retry_after_s, 1),
    }
