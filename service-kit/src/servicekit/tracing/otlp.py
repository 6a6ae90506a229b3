"""
Spans as OpenTelemetry's exporter sends them.

This module alone uses OpenTelemetry, and is imported only where an endpoint is configured.
"""

import logging
import os
import socket
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Literal, Self, cast

from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace import Link, SpanContext, SpanKind, Status, StatusCode, TraceFlags

from servicekit.tracing.posting import Session
from servicekit.tracing.spans import Fact

#: One delivery to the collector, with its repeats; s.
_DELIVERY_S: Final = 5.0
_RECORDED: Final = TraceFlags(TraceFlags.SAMPLED)

Kind = Literal["server", "client", "internal"]

_KINDS: Final[Mapping[Kind, SpanKind]] = {
    "server": SpanKind.SERVER,
    "client": SpanKind.CLIENT,
    "internal": SpanKind.INTERNAL,
}


@dataclass(slots=True, eq=False)
class Recorded:
    """
    A span. Ids are hexadecimal; ``link`` is another trace's id and a span's of it.
    """

    name: str
    kind: Kind
    facts: dict[str, Fact]
    trace_id: str
    span_id: str
    parent_id: str | None
    link: tuple[str, str] | None = None
    start_ns: int = field(default_factory=time.time_ns)
    end_ns: int = 0
    #: Why it did not do what it should; empty where that is not known.
    failure: str | None = None

    def note(self, name: str, fact: Fact) -> None:
        """
        Something to tell of it.
        """
        self.facts[name] = fact

    def fail(self, why: str) -> None:
        """
        It did not do what it should.
        """
        self.failure = why


class Otlp:
    """
    Sends the spans of one service by ``exporter``.
    """

    def __init__(self, exporter: SpanExporter, *, service: str, version: str) -> None:
        # It would tell of each attempt.
        logging.getLogger("opentelemetry").setLevel(logging.CRITICAL)
        self._exporter = exporter
        self._scope = InstrumentationScope("servicekit", version)
        self._resource = Resource({
            "service.name": service,
            "service.version": version,
            "service.instance.id": f"{socket.gethostname()}-{os.getpid()}",
        })  # fmt: skip

    @classmethod
    def to(
        cls, endpoint: str, *, service: str, version: str, timeout_s: float = _DELIVERY_S
    ) -> Self:
        """
        By OTLP over HTTP, as the exporter's own variables say (OTEL_EXPORTER_OTLP_HEADERS, ...).
        """
        # It asks for requests' own class, and uses a part of it.
        session = cast("Any", Session())
        exporter = OTLPSpanExporter(f"{endpoint}/v1/traces", timeout=timeout_s, session=session)
        return cls(exporter, service=service, version=version)

    def deliver(self, spans: Sequence[Recorded]) -> bool:
        """
        Whether they were taken. It may take a while, and may raise anything.
        """
        return self._exporter.export([*map(self._readable, spans)]) is SpanExportResult.SUCCESS

    def close(self) -> None:
        """
        Nothing more is sent.
        """
        self._exporter.shutdown()

    def _readable(self, span: Recorded) -> ReadableSpan:
        parent = None if span.parent_id is None else _context(span.trace_id, span.parent_id)
        is_failed = span.failure is not None
        return ReadableSpan(
            name=span.name,
            context=_context(span.trace_id, span.span_id),
            parent=parent,
            resource=self._resource,
            attributes=span.facts,
            links=[] if span.link is None else [Link(_context(*span.link))],
            kind=_KINDS[span.kind],
            status=Status(StatusCode.ERROR, span.failure or None) if is_failed else Status(),
            start_time=span.start_ns,
            end_time=span.end_ns,
            instrumentation_scope=self._scope,
        )


def _context(trace_id: str, span_id: str) -> SpanContext:
    return SpanContext(int(trace_id, 16), int(span_id, 16), is_remote=False, trace_flags=_RECORDED)
