"""
What a service tells of itself while it runs: Prometheus metrics always, traces where
an endpoint is configured. Without one, OpenTelemetry's machinery is not loaded.

Label sets are bounded: routes by their template, methods and statuses as they
are known to HTTP.
"""

from typing import TYPE_CHECKING, Self

from fastapi import APIRouter, Response
from prometheus_client import (
    CONTENT_TYPE_PLAIN_0_0_4,
    CollectorRegistry,
    Counter,
    GCCollector,
    Histogram,
    PlatformCollector,
    ProcessCollector,
    generate_latest,
)

from servicekit.auth import PUBLIC
from servicekit.settings import ServiceSettings

if TYPE_CHECKING:
    from servicekit.tracing import Tracing

_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_EXAMPLE = 'http_request_duration_seconds_count{method="GET",route="/health",status="200"} 42.0\n'
LATENCY_BUCKETS_S = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)


class RequestMetrics:
    """
    Counts and times the requests that a service answers.
    """

    def __init__(self, registry: CollectorRegistry) -> None:
        labels = ("method", "route", "status")
        self._duration_s = Histogram(
            "http_request_duration_seconds",
            "Time from a request's arrival to the end of its answer",
            labels,
            buckets=LATENCY_BUCKETS_S,
            registry=registry,
        )
        # labels() takes a lock and builds a key each time: the series are few, so they are kept.
        self._series: dict[tuple[str, str, int], Histogram] = {}

    def observe(self, method: str, route: str, status: int, duration_s: float) -> None:
        """
        Note one request that has ended.
        """
        key = (method if method in _METHODS else "OTHER", route, status)
        series = self._series.get(key)
        if series is None:
            series = self._series[key] = self._duration_s.labels(key[0], route, str(status))
        series.observe(duration_s)


class Telemetry:
    """
    The metrics of one service, the means to add more, and its traces where they are wanted.
    """

    def __init__(self, tracing: "Tracing | None" = None) -> None:
        self.tracing = tracing
        self.registry = CollectorRegistry()
        self.requests = RequestMetrics(self.registry)
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
        from servicekit.tracing import Tracing  # noqa: PLC0415 - costs time and memory: only where wanted

        return cls(
            Tracing(
                service=settings.service_name,
                version=settings.service_version,
                endpoint=settings.otel_exporter_otlp_endpoint,
            )
        )

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
