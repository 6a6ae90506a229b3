"""
Traces by OpenTelemetry, for services that have an endpoint to send them to.

This module and ``servicekit.outbox`` alone use OpenTelemetry, and are imported only where an endpoint
is configured. Spans take up the ids of ``servicekit.correlation``, so
that logs, headers and traces speak of the same trace.
"""

import asyncio
import os
import socket
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SpanExporter
from opentelemetry.sdk.trace.sampling import (
    Decision,
    ParentBased,
    Sampler,
    SamplingResult,
    TraceIdRatioBased,
)
from opentelemetry.trace import (
    Link,
    NonRecordingSpan,
    Span,
    SpanContext,
    SpanKind,
    StatusCode,
    TraceFlags,
    TraceState,
    format_span_id,
    format_trace_id,
    set_span_in_context,
)
from opentelemetry.util.types import Attributes
from starlette.types import Scope

from servicekit import correlation
from servicekit.correlation import Correlation
from servicekit.outbox import Outbox
from servicekit.spans import Fact

#: One delivery to the collector, with its repeats; s.
_DELIVERY_S = 5.0
_FLAGS = {True: TraceFlags(TraceFlags.SAMPLED), False: TraceFlags(TraceFlags.DEFAULT)}
_ROOT = Context()


class Tracing:
    """
    Makes spans for requests, calls and pieces of work, and sends them on in the background.

    ``share`` of the traces that begin here are recorded; where somebody has decided before, so it is.
    """

    def __init__(
        self,
        *,
        service: str,
        version: str,
        endpoint: str,
        share: float = 1.0,
        exporter: SpanExporter | None = None,
    ) -> None:
        exporter = exporter or OTLPSpanExporter(f"{endpoint}/v1/traces", timeout=_DELIVERY_S)
        self.outbox = Outbox(exporter)
        self._provider = TracerProvider(
            sampler=ParentBased(root=_Shared(share)),
            resource=Resource({
                "service.name": service,
                "service.version": version,
                "service.instance.id": f"{socket.gethostname()}-{os.getpid()}",
            }),
            shutdown_on_exit=False,
        )  # fmt: skip
        self._provider.add_span_processor(self.outbox)
        self._tracer = self._provider.get_tracer("servicekit", version)

    @contextmanager
    def server_span(self, scope: Scope, ids: Correlation) -> Iterator[Correlation]:
        """
        The span of one request; yields its ids.
        """
        span = self._tracer.start_span(
            scope.get("method", "WEBSOCKET"),
            _above(ids),
            SpanKind.SERVER,
            {"correlation.id": ids.correlation_id},
        )
        try:
            yield _with_ids_of(span, ids)
        finally:
            _describe(span, scope)
            span.end()

    @contextmanager
    def client_span(self, upstream: str, method: str) -> Iterator["Work"]:
        """
        The span of one call to ``upstream``: what is sent inside carries its ids.
        """
        ids = correlation.current() or correlation.new()
        span = self._tracer.start_span(
            f"{method} {upstream}",
            _above(ids),
            SpanKind.CLIENT,
            {"peer.service": upstream, "http.request.method": method},
        )
        try:
            with correlation.correlated(_with_ids_of(span, ids)):
                yield Work(span)
        except BaseException as error:  # noted on the span, and raised on
            span.set_status(StatusCode.ERROR, type(error).__name__)
            raise
        finally:
            span.end()

    @contextmanager
    def span(
        self, name: str, facts: Mapping[str, Fact], *, is_apart: bool = False
    ) -> Iterator["Work"]:
        """
        The span of a piece of work, as ``servicekit.spans.Spans`` wants it.
        """
        ids = correlation.current() or correlation.new()
        above = _above(ids)
        if is_apart:
            span = self._tracer.start_span(name, _ROOT, attributes=facts, links=_links(ids))
        else:
            span = self._tracer.start_span(name, above, attributes=facts)
        try:
            with correlation.correlated(_with_ids_of(span, ids)):
                yield Work(span)
        finally:
            span.end()

    async def aclose(self) -> None:
        """
        Send what is left, within a bound.
        """
        await asyncio.to_thread(self._provider.shutdown)


class Work:
    """
    A span that is not over, for who knows nothing of OpenTelemetry.
    """

    __slots__ = ("_span",)

    def __init__(self, span: Span) -> None:
        self._span = span

    def note(self, name: str, fact: Fact) -> None:
        """
        Something to tell of it.
        """
        self._span.set_attribute(name, fact)

    def fail(self, why: str) -> None:
        """
        It did not do what it should.
        """
        self._span.set_status(StatusCode.ERROR, why)


class _Shared(Sampler):
    """
    Records a share of the traces that begin; one that is linked to another goes as that one does.
    """

    def __init__(self, share: float) -> None:
        self._by_chance = TraceIdRatioBased(share)

    def should_sample(  # noqa: PLR0917  # as OpenTelemetry calls it
        self,
        parent_context: Context | None,
        trace_id: int,
        name: str,
        kind: SpanKind | None = None,
        attributes: Attributes = None,
        links: Sequence[Link] | None = None,
        trace_state: TraceState | None = None,  # noqa: ARG002
    ) -> SamplingResult:
        if links:
            is_recorded = links[0].context.trace_flags.sampled
            return SamplingResult(
                Decision.RECORD_AND_SAMPLE if is_recorded else Decision.DROP, attributes
            )
        return self._by_chance.should_sample(
            parent_context, trace_id, name, kind, attributes, links
        )

    def get_description(self) -> str:
        return f"Shared({self._by_chance.get_description()})"


def _context_of(ids: Correlation) -> SpanContext | None:
    """
    The span that what is done now stands below, if there is one.
    """
    span_id = ids.span_id if ids.is_span else ids.parent_span_id
    if span_id is None:
        return None
    return SpanContext(
        int(ids.trace_id, 16), int(span_id, 16), is_remote=True, trace_flags=_FLAGS[ids.sampled]
    )


def _above(ids: Correlation) -> Context:
    parent = _context_of(ids)
    return _ROOT if parent is None else set_span_in_context(NonRecordingSpan(parent), _ROOT)


def _links(ids: Correlation) -> list[Link]:
    context = _context_of(ids)
    return [] if context is None else [Link(context)]


def _with_ids_of(span: Span, ids: Correlation) -> Correlation:
    context = span.get_span_context()
    return ids._replace(
        trace_id=format_trace_id(context.trace_id),
        span_id=format_span_id(context.span_id),
        sampled=context.trace_flags.sampled,
        is_span=True,
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
