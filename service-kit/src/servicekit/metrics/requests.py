"""
What a service tells of the requests that it answers: how many, how they ended, how long they took.

Label sets are bounded: routes by their template, methods and statuses as they are known to HTTP.
"""

from bisect import bisect_left
from collections.abc import Iterator

from prometheus_client import CollectorRegistry
from prometheus_client.metrics_core import HistogramMetricFamily, Metric
from prometheus_client.registry import Collector

from servicekit.metrics.buckets import LATENCY_BUCKETS_S, Buckets

_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})


class RequestMetrics(Collector):
    """
    Counts and times the requests that a service answers.

    Only the event loop's thread may observe.
    """

    def __init__(self, registry: CollectorRegistry) -> None:
        self._series: dict[tuple[str, str, int], Buckets] = {}
        registry.register(self)

    def observe(self, method: str, route: str, status: int, duration_s: float) -> None:
        """
        Note one request that has ended.
        """
        key = (method if method in _METHODS else "OTHER", route, status)
        series = self._series.get(key)
        if series is None:
            series = self._series[key] = Buckets(LATENCY_BUCKETS_S)
        # Buckets.observe, without a call for each request.
        series.counts[bisect_left(LATENCY_BUCKETS_S, duration_s)] += 1
        series.total += duration_s

    def collect(self) -> Iterator[Metric]:
        """
        What has been noted so far, for a scrape.
        """
        family = HistogramMetricFamily(
            "http_request_duration_seconds",
            "Time from a request's arrival to the end of its answer",
            labels=("method", "route", "status"),
        )
        for (method, route, status), series in self._series.items():
            series.add_to(family, (method, route, str(status)))
        yield family
