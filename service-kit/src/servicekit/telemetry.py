"""
What a service tells of itself while it runs: Prometheus metrics always, traces where
an endpoint is configured. Without one, OpenTelemetry's machinery is not loaded.

Label sets are bounded: routes by their template, methods and statuses as they
are known to HTTP.
"""

from bisect import bisect_left
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Self

from fastapi import APIRouter, Response
from prometheus_client import (
    CONTENT_TYPE_PLAIN_0_0_4,
    CollectorRegistry,
    Counter,
    Gauge,
    GCCollector,
    Info,
    PlatformCollector,
    ProcessCollector,
    generate_latest,
)
from prometheus_client.metrics_core import HistogramMetricFamily, Metric
from prometheus_client.registry import Collector

from servicekit.auth import PUBLIC, TokenMetrics
from servicekit.buckets import Buckets
from servicekit.loop_lag import LoopLag
from servicekit.maintenance import TaskRuns
from servicekit.settings import ServiceSettings
from servicekit.tracing.spans import Spans

if TYPE_CHECKING:
    from servicekit.tracing.recording import Tracing

_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_EXAMPLE = 'http_request_duration_seconds_count{method="GET",route="/health",status="200"} 42.0\n'
LATENCY_BUCKETS_S = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)


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


class Telemetry:
    """
    The metrics of one service, the means to add more, and its traces where they are wanted.
    """

    def __init__(self, tracing: "Tracing | None" = None) -> None:
        self.tracing = tracing
        self.registry = CollectorRegistry()
        if tracing is not None:
            self.registry.register(tracing.sending)
        self.requests = RequestMetrics(self.registry)
        self.tokens = TokenMetrics(self.registry)
        self.loop_lag = LoopLag(self.registry)
        self.task_runs = TaskRuns(self.registry)
        ProcessCollector(registry=self.registry)
        PlatformCollector(registry=self.registry)
        GCCollector(registry=self.registry)

    @classmethod
    def configured(cls, settings: ServiceSettings) -> Self:
        """
        With traces, if ``settings`` name an endpoint for them.
        """
        if settings.otel_exporter_otlp_endpoint is None:
            return cls()
        from servicekit.tracing.otlp import Otlp  # noqa: PLC0415 - costs time and memory: only where wanted
        from servicekit.tracing.recording import Tracing  # noqa: PLC0415 - as above

        otlp = Otlp.to(
            settings.otel_exporter_otlp_endpoint,
            service=settings.service_name,
            version=settings.service_version,
        )
        return cls(Tracing(otlp, share=settings.otel_traces_sampler_arg))

    @property
    def spans(self) -> Spans | None:
        """
        How pieces of work show in traces; None where there are none.
        """
        return self.tracing

    def tell_of(
        self, service: str, version: str, *, requests_in_progress: Callable[[], float]
    ) -> None:
        """
        Say what runs here, and how busy it is.
        """
        info = Info("service", "What runs here", registry=self.registry)
        info.info({"name": service, "version": version})
        Gauge(
            "http_requests_in_progress",
            "Requests whose answers are not over",
            registry=self.registry,
        ).set_function(requests_in_progress)

    def counter(self, name: str, description: str, labels: tuple[str, ...] = ()) -> Counter:
        """
        A counter of the service's own; its label values must be bounded.
        """
        return Counter(name, description, labels, registry=self.registry)

    def router(self) -> APIRouter:
        """
        ``/metrics``.
        """
        router = APIRouter(tags=["health"], dependencies=[PUBLIC])

        @router.get(
            "/metrics",
            summary="Metrics in Prometheus' text format",
            response_class=Response,
            responses={200: {"content": {"text/plain": {"example": _EXAMPLE}}}},
        )
        async def metrics() -> Response:
            return Response(generate_latest(self.registry), media_type=CONTENT_TYPE_PLAIN_0_0_4)

        return router
