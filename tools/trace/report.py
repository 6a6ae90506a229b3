"""
What is told of an order: its traces, one after the other, as text or as JSON.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Self

from tools.trace.drawing import Style, drawn, services_of
from tools.trace.spans import Span
from tools.trace.story import Told
from tools.trace.tree import Node, is_whole, trees


@dataclass(frozen=True, slots=True)
class Trace:
    """
    One trace, as trees.
    """

    trace_id: str
    roots: Sequence[Node]

    @property
    def is_whole(self) -> bool:
        """
        Whether nothing of it is missing, as far as can be seen.
        """
        return is_whole(self.roots)

    @property
    def size(self) -> int:
        """
        The spans that came.
        """
        nodes = [node for root in self.roots for node in root.walk()]
        return sum(not node.is_missing for node in nodes)


@dataclass(frozen=True, slots=True)
class Report:
    """
    An order and its traces: of the requests that did it, and those that are linked with them.
    """

    told: Told
    traces: Sequence[Trace]

    @classmethod
    def of(cls, told: Told, spans: Iterable[Span]) -> Self:
        """
        Pick from all that was received.
        """
        every = list(spans)
        linked = {one.trace_id for one in every if {*one.linked} & {*told.trace_ids}}
        wanted = [*told.trace_ids, *sorted(linked - {*told.trace_ids})]
        found = (
            (wanted_id, trees(one for one in every if one.trace_id == wanted_id))
            for wanted_id in wanted
        )
        return cls(told, [Trace(trace_id, roots) for trace_id, roots in found])

    @property
    def is_whole(self) -> bool:
        """
        Whether all of them are.
        """
        return all(trace.is_whole for trace in self.traces)

    def as_text(self, style: Style) -> str:
        """
        For people.
        """
        parts = [f"Order {self.told.order_id}: {self.told.became}"]
        for trace in self.traces:
            services = services_of(trace.roots)
            parts.append(
                f"Trace {trace.trace_id}: {trace.size} spans of {', '.join(services) or 'nobody'}"
            )
            if trace.roots:
                parts.append(drawn(trace.roots, style))
            if not trace.is_whole:
                parts.append("Something of this trace did not come.")
            parts.append("")
        return "\n".join(parts).rstrip()

    def as_json(self) -> dict[str, object]:
        """
        For programs: spans with those below them.
        """
        return {
            "orderId": self.told.order_id,
            "status": self.told.became,
            "isWhole": self.is_whole,
            "traces": [
                {
                    "traceId": trace.trace_id,
                    "isWhole": trace.is_whole,
                    "roots": [*map(_json, trace.roots)],
                }
                for trace in self.traces
            ],
        }


def _json(node: Node) -> dict[str, object]:
    span = node.span
    return {
        "spanId": span.span_id,
        "service": span.service,
        "name": span.name,
        "kind": span.kind.name.lower(),
        "startNs": span.start_ns,
        "durationNs": span.duration_ns,
        "facts": dict(span.facts),
        "failure": span.failure,
        "linkedTraces": [*span.linked],
        "isMissing": node.is_missing,
        "children": [*map(_json, node.children)],
    }
