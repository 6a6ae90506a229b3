"""
Traces by OpenTelemetry, for services that have an endpoint to send them to.

This module alone uses OpenTelemetry, and is imported only where an endpoint
is configured. Spans take up the ids of ``servicekit.correlation``, so
that logs, headers and traces speak of the same trace.
"""

from collections.abc import Iterator
from contextlib import contextmanager

from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import (
    NonRecordingSpan,
    Span,
    SpanContext,
    SpanKind,
    StatusCode,
    TraceFlags,
    format_span_id,
    format_trace_id,
    set_span_in_context,
)
from starlette.types import Scope

from servicekit import correlation
from servicekit.correlation import Correlation

EXPORT_TIMEOUT_S = 5


class Tracing:
    """
    Makes spans for requests and calls, and sends them on in the background.
    """

    def __init__(self, *, service: str, version: str, endpoint: str) -> None:
        exporter = OTLPSpanExporter(endpoint=f"{endpoint}/v1/traces", timeout=EXPORT_TIMEOUT_S)
        self._provider = TracerProvider(
            resource=Resource({"service.name": service, "service.version": version}),
            shutdown_on_exit=False,
        )
        self._provider.add_span_processor(BatchSpanProcessor(exporter))
        self._tracer = self._provider.get_tracer("servicekit", version)

    @contextmanager
    def server_span(self, scope: Scope, ids: Correlation) -> Iterator[Correlation]:
        """
        The span of one request; yields its ids.
        """
        span = self._tracer.start_span(
            scope.get("method", "WEBSOCKET"), _parent(ids, ids.parent_span_id), SpanKind.SERVER
        )
        span.set_attribute("correlation.id", ids.correlation_id)
        try:
            yield _with_ids_of(span, ids)
        finally:
            _describe(span, scope)
            span.end()

    @contextmanager
    def client_span(self, upstream: str, method: str) -> Iterator[None]:
        """
        The span of one call to ``upstream``: what is sent inside carries its ids.
        """
        ids = correlation.current() or correlation.new()
        span = self._tracer.start_span(
            f"{method} {upstream}",
            _parent(ids, ids.span_id),
            SpanKind.CLIENT,
            attributes={"peer.service": upstream, "http.request.method": method},
        )
        try:
            with correlation.correlated(_with_ids_of(span, ids)):
                yield
        except BaseException as error:  # noted on the span, and raised on
            span.set_status(StatusCode.ERROR, type(error).__name__)
            raise
        finally:
            span.end()

    def close(self) -> None:
        """
        Send what is left, within a bound.
        """
        self._provider.shutdown()


def _parent(ids: Correlation, span_id: str | None) -> Context:
    if span_id is None:
        return Context()
    flags = TraceFlags(TraceFlags.SAMPLED if ids.sampled else TraceFlags.DEFAULT)
    parent = SpanContext(int(ids.trace_id, 16), int(span_id, 16), is_remote=True, trace_flags=flags)
    return set_span_in_context(NonRecordingSpan(parent), Context())


def _with_ids_of(span: Span, ids: Correlation) -> Correlation:
    context = span.get_span_context()
    return ids._replace(
        trace_id=format_trace_id(context.trace_id),
        span_id=format_span_id(context.span_id),
    )


def _describe(span: Span, scope: Scope) -> None:
    route = scope.get("servicekit.route")
    status = scope.get("servicekit.status")
    if route is not None:
        span.update_name(f"{scope['method']} {route}")
        span.set_attribute("http.route", route)
    if status is not None:
        span.set_attribute("http.response.status_code", status)
        if status >= 500:
            span.set_status(StatusCode.ERROR)
