"""
What a service tells of itself while it runs: Prometheus metrics always, traces where
an endpoint is configured. Without one, OpenTelemetry's machinery is not loaded.
"""

from collections.abc import Callable
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

from servicekit.auth import PUBLIC, TokenMetrics
from servicekit.maintenance import TaskRuns
from servicekit.metrics.loop_lag import LoopLag
from servicekit.metrics.requests import RequestMetrics
from servicekit.settings import ServiceSettings
from servicekit.tracing.spans import Spans

if TYPE_CHECKING:
    from servicekit.tracing.recording import Tracing

_EXAMPLE = 'http_request_duration_seconds_count{method="GET",route="/health",status="200"} 42.0\n'


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
        tracing = Tracing(
            otlp,
            share=settings.otel_traces_sampler_arg,
            per_second=settings.traces_per_second,
            are_callers_strangers=settings.traceparent_from == "strangers",
        )
        return cls(tracing)

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
