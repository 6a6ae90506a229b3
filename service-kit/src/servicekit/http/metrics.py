"""
What Prometheus, the log and ``/health`` are told of outgoing calls and their breakers.
"""

from collections.abc import Callable, Iterable
from functools import cache

import structlog
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from pydantic import JsonValue

from servicekit.http.breaker import State, Transition
from servicekit.http.client import ServiceClient
from servicekit.http.observer import CallEnded, Retry
from servicekit.metrics.buckets import LATENCY_BUCKETS_S

#: A gauge holds numbers only.
_STATE_NUMBERS = {State.CLOSED: 0, State.HALF_OPEN: 1, State.OPEN: 2}

log = structlog.get_logger()


class UpstreamMetrics:
    """
    The observer of a service's clients; one serves them all.
    """

    def __init__(self, registry: CollectorRegistry) -> None:
        self._duration_s = Histogram(
            "upstream_call_duration_seconds",
            "Time of a whole call, with its waits and retries",
            ("upstream", "method", "outcome"),
            buckets=LATENCY_BUCKETS_S,
            registry=registry,
        )
        self._in_progress = Gauge(
            "upstream_calls_in_progress", "Calls now", ("upstream",), registry=registry
        )
        # Finding a series takes longer than counting in it; there are few, and all of them stay.
        self._duration_of = cache(self._duration_s.labels)
        self._in_progress_of = cache(self._in_progress.labels)
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
        self._in_progress_of(upstream).inc()

    def call_ended(self, ended: CallEnded) -> None:
        """
        A call has ended, one way or another.
        """
        self._in_progress_of(ended.upstream).dec()
        series = self._duration_of(ended.upstream, ended.method, ended.outcome.value)
        series.observe(ended.duration_s)

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
