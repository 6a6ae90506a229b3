"""
Spans as the services send them (OTLP), reduced to what is shown of them.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import IntEnum

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.trace.v1 import trace_pb2

Fact = str | int | float | bool


class Kind(IntEnum):
    """
    Which side of which call a span is, by OTLP's numbers.
    """

    UNSPECIFIED = 0
    INTERNAL = 1
    SERVER = 2
    CLIENT = 3
    PRODUCER = 4
    CONSUMER = 5


@dataclass(frozen=True, slots=True)
class Span:
    """
    One span. Ids are hexadecimal; a ``parent_id`` of None is a root; ``failure`` is None where all went well.
    ``linked`` are the traces that it names without belonging to them.
    """

    trace_id: str
    span_id: str
    parent_id: str | None
    service: str
    name: str
    kind: Kind
    start_ns: int
    end_ns: int
    facts: Mapping[str, Fact] = field(default_factory=dict)
    failure: str | None = None
    linked: Sequence[str] = ()

    @property
    def duration_ns(self) -> int:
        """
        Never below zero, whatever a clock did meanwhile.
        """
        return max(0, self.end_ns - self.start_ns)


def spans_in(body: bytes) -> Iterator[Span]:
    """
    The spans of one export.
    """
    for sent in ExportTraceServiceRequest.FromString(body).resource_spans:
        service = str(_facts(sent.resource.attributes).get("service.name", "(unnamed)"))
        for scope in sent.scope_spans:
            for span in scope.spans:
                yield _span(span, service)


def _span(sent: trace_pb2.Span, service: str) -> Span:
    is_failed = sent.status.code == trace_pb2.Status.STATUS_CODE_ERROR
    return Span(
        trace_id=sent.trace_id.hex(),
        span_id=sent.span_id.hex(),
        parent_id=sent.parent_span_id.hex() or None,
        service=service,
        name=sent.name,
        kind=Kind(sent.kind),
        start_ns=sent.start_time_unix_nano,
        end_ns=sent.end_time_unix_nano,
        facts=_facts(sent.attributes),
        failure=(sent.status.message or "failed") if is_failed else None,
        linked=tuple(link.trace_id.hex() for link in sent.links),
    )


def _facts(attributes: Sequence[KeyValue]) -> dict[str, Fact]:
    return {one.key: _fact(one.value) for one in attributes}


def _fact(value: AnyValue) -> Fact:
    match value.WhichOneof("value"):
        case "bool_value":
            return value.bool_value
        case "int_value":
            return value.int_value
        case "double_value":
            return value.double_value
        case _:
            return value.string_value
