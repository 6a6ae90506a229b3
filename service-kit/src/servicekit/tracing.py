"""
Traces by OpenTelemetry, for services that have an endpoint to send them to.

This module and ``servicekit.outbox`` alone use OpenTelemetry, and are imported only where an endpoint
is configured. Spans take up the ids of ``servicekit.correlation``, so
that logs, headers and traces speak of the same trace.
"""

import asyncio
import os
import random
import socket
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SpanExporter
from opentelemetry.sdk.trace.sampling import ALWAYS_ON
from opentelemetry.trace import (
    Link,
    NonRecordingSpan,
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
from servicekit.outbox import Outbox
from servicekit.spans import Fact, Span

#: One delivery to the collector, with its repeats; s.
_DELIVERY_S = 5.0
_RECORDED = TraceFlags(TraceFlags.SAMPLED)
_ROOT = Context()


class Tracing:
    """
    Makes spans for requests, calls and pieces of work, and sends them on in the background.

    A ``share`` of the traces that begin here is recorded; where somebody has decided before, so it is.
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
        self._share = share
        self._provider = TracerProvider(
            sampler=ALWAYS_ON,  # what is not recorded does not come there
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
        if not self._is_recorded(ids):
            yield _unrecorded(ids)
            return
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
    def client_span(self, upstream: str, method: str) -> Iterator[Span]:
        """
        The span of one call to ``upstream``: what is sent inside carries its ids.
        """
        ids = correlation.current() or correlation.new()
        if not self._is_recorded(ids):
            with correlation.correlated(_unrecorded(ids)):
                yield _UNSEEN
            return
        span = self._tracer.start_span(
            f"{method} {upstream}",
            _above(ids),
            SpanKind.CLIENT,
            {"peer.service": upstream, "http.request.method": method},
        )
        try:
            with correlation.correlated(_with_ids_of(span, ids)):
                yield _Recorded(span)
        except BaseException as error:  # noted on the span, and raised on
            span.set_status(StatusCode.ERROR, type(error).__name__)
            raise
        finally:
            span.end()

    @contextmanager
    def span(
        self, name: str, facts: Mapping[str, Fact], *, is_apart: bool = False
    ) -> Iterator[Span]:
        """
        The span of a piece of work, as ``servicekit.spans.Spans`` wants it.
        """
        ids = correlation.current() or correlation.new()
        if not self._is_recorded(ids):
            with correlation.correlated(_unrecorded(ids)):
                yield _UNSEEN
            return
        if is_apart:
            span = self._tracer.start_span(name, _ROOT, attributes=facts, links=_links(ids))
        else:
            span = self._tracer.start_span(name, _above(ids), attributes=facts)
        try:
            with correlation.correlated(_with_ids_of(span, ids)):
                yield _Recorded(span)
        finally:
            span.end()

    async def aclose(self) -> None:
        """
        Send what is left, within a bound.
        """
        await asyncio.to_thread(self._provider.shutdown)

    def _is_recorded(self, ids: Correlation) -> bool:
        """
        Whoever began the trace has decided; where it begins here, chance does.
        """
        if ids.is_span or ids.parent_span_id is not None:
            return ids.sampled
        return random.random() < self._share  # noqa: S311  # nobody gains by guessing it


class _Recorded:
    """
    A span that is not over, for who knows nothing of OpenTelemetry.
    """

    __slots__ = ("_span",)

    def __init__(self, span: trace.Span) -> None:
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


class _Unseen:
    """
    What is not recorded: nothing is kept of it.
    """

    def note(self, name: str, fact: Fact) -> None:
        """
        Let go.
        """

    def fail(self, why: str) -> None:
        """
        Let go.
        """


_UNSEEN = _Unseen()


def _context_of(ids: Correlation) -> SpanContext | None:
    """
    The span that what is done now stands below, if there is one.
    """
    span_id = ids.span_id if ids.is_span else ids.parent_span_id
    if span_id is None:
        return None
    return SpanContext(
        int(ids.trace_id, 16), int(span_id, 16), is_remote=True, trace_flags=_RECORDED
    )


def _above(ids: Correlation) -> Context:
    parent = _context_of(ids)
    return _ROOT if parent is None else set_span_in_context(NonRecordingSpan(parent), _ROOT)


def _links(ids: Correlation) -> list[Link]:
    context = _context_of(ids)
    return [] if context is None else [Link(context)]


def _with_ids_of(span: trace.Span, ids: Correlation) -> Correlation:
    context = span.get_span_context()
    return ids._replace(
        trace_id=format_trace_id(context.trace_id),
        span_id=format_span_id(context.span_id),
        is_span=True,
    )


def _unrecorded(ids: Correlation) -> Correlation:
    """
    The same, telling whoever is called that nobody records this.
    """
    return ids if ids.is_span else ids._replace(sampled=False, is_span=True)


def _describe(span: trace.Span, scope: Scope) -> None:
    route = scope.get("servicekit.route")
    status = scope.get("servicekit.status")
    if route is not None:
        span.update_name(f"{scope['method']} {route}")
        span.set_attribute("http.route", route)
    if status is not None:
        span.set_attribute("http.response.status_code", status)
        if status >= 500:
            span.set_status(StatusCode.ERROR)
