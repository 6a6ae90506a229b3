"""
Spans of one trace as trees.

What is missing is told and not made up: spans whose parent never came hang below a place for it. Clocks of
two machines differ: where a request seems to begin before the call that caused it, it is moved below it.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace

from tools.trace.spans import Kind, Span


@dataclass(slots=True)
class Node:
    """
    A span and those below it, the earliest first. ``moved_ns``: by how much its clock was put right.

    ``is_missing``: nobody sent it; its times are those of what is below.
    """

    span: Span
    children: "list[Node]" = field(default_factory=list)
    moved_ns: int = 0
    is_missing: bool = False

    def walk(self) -> "Iterator[Node]":
        """
        It, and all below.
        """
        yield self
        for child in self.children:
            yield from child.walk()


def trees(spans: Iterable[Span]) -> list[Node]:
    """
    The trees of spans of one trace, the earliest first. A span that came twice counts once.
    """
    known = {span.span_id: span for span in spans}
    below: dict[str | None, list[Span]] = defaultdict(list)
    for span in known.values():
        below[span.parent_id].append(span)
    roots = [_node(span, below) for span in below.pop(None, [])]
    roots += [_stand_in(lost, below) for lost in [*below] if lost and lost not in known]
    while circling := known.keys() - {node.span.span_id for root in roots for node in root.walk()}:
        # Parents of each other: nobody sends such, and nothing that came may be lost.
        first = min((known[span_id] for span_id in circling), key=lambda one: one.start_ns)
        below[first.parent_id].remove(first)
        roots.append(_node(first, below))
    for root in roots:
        _put_clocks_right(root)
    return sorted(roots, key=lambda root: root.span.start_ns)


def is_whole(roots: Sequence[Node]) -> bool:
    """
    Whether there is one root, whoever is named as a parent has come, and each answered call has its other side.
    """
    nodes = [node for root in roots for node in root.walk()]
    return (
        len(roots) == 1
        and not any(node.is_missing for node in nodes)
        and not any(_lacks_other_side(node) for node in nodes)
    )


def _lacks_other_side(node: Node) -> bool:
    is_answered = "http.response.status_code" in node.span.facts
    return node.span.kind is Kind.CLIENT and is_answered and not node.children


def _node(span: Span, below: dict[str | None, list[Span]]) -> Node:
    children = sorted(below.get(span.span_id, []), key=lambda one: (one.start_ns, one.end_ns))
    return Node(span, [_node(child, below) for child in children])


def _stand_in(span_id: str, below: dict[str | None, list[Span]]) -> Node:
    spans = sorted(below[span_id], key=lambda one: one.start_ns)
    missing = Span(
        trace_id=spans[0].trace_id,
        span_id=span_id,
        parent_id=None,
        service="",
        name="(not received)",
        kind=Kind.UNSPECIFIED,
        start_ns=spans[0].start_ns,
        end_ns=max(span.end_ns for span in spans),
    )
    return Node(missing, [_node(span, below) for span in spans], is_missing=True)


def _put_clocks_right(node: Node) -> None:
    for child in node.children:
        is_across = not node.is_missing and child.span.service != node.span.service
        if is_across and child.span.start_ns < node.span.start_ns:
            # In the middle of what it cannot account for, as if both ways took as long.
            spare_ns = max(0, node.span.duration_ns - child.span.duration_ns)
            _move(child, node.span.start_ns + spare_ns // 2 - child.span.start_ns)
        _put_clocks_right(child)


def _move(node: Node, by_ns: int) -> None:
    for one in node.walk():
        if one.span.service == node.span.service:
            one.moved_ns += by_ns
            one.span = replace(
                one.span, start_ns=one.span.start_ns + by_ns, end_ns=one.span.end_ns + by_ns
            )
