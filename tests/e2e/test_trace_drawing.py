"""
How ``make trace`` makes trees of spans, and pictures of trees; by spans that are written by hand.
"""

import io
from collections.abc import Sequence
from dataclasses import replace
from typing import Final

import pytest

from tools.trace.drawing import Style, drawn, services_of
from tools.trace.report import Report
from tools.trace.spans import Kind, Span
from tools.trace.story import Told
from tools.trace.tree import Node, is_whole, trees

_MS: Final = 1_000_000


def span(
    name: str,
    parent: str | None = None,
    *,
    at: float = 0.0,
    took: float = 1.0,
    service: str = "gateway",
    kind: Kind = Kind.INTERNAL,
    **facts: str | int,
) -> Span:
    """
    A span whose id is its name; moments and durations in milliseconds.
    """
    start_ns = int(at * _MS)
    told = {key.replace("__", "."): fact for key, fact in facts.items()}
    end_ns = start_ns + int(took * _MS)
    return Span("t1", name, parent, service, name, kind, start_ns, end_ns, told)


def outline(roots: Sequence[Node]) -> list[str]:
    """
    Each span's name, one blank deeper than the one above it.
    """

    def lines(node: Node, depth: int) -> list[str]:
        below = [line for child in node.children for line in lines(child, depth + 1)]
        return [f"{' ' * depth}{node.span.name}", *below]

    return [line for root in roots for line in lines(root, 0)]


def plain(columns: int = 1000) -> Style:
    """
    As for a file.
    """
    return replace(Style.of(io.TextIOWrapper(io.BytesIO(), encoding="utf-8"), {}), columns=columns)


def test_spans_stand_below_their_parents_in_the_order_in_which_they_began() -> None:
    """
    In whatever order they come, and however often.
    """
    sent = [
        span("b", "root", at=5),
        span("root", took=9),
        span("c", "a", at=3),
        span("a", "root", at=2),
        span("b", "root", at=5),
    ]

    roots = trees(sent)

    assert outline(roots) == ["root", " a", "  c", " b"]
    assert is_whole(roots)


def test_what_is_missing_has_a_place_that_says_so() -> None:
    """
    Spans of a parent that never came hang below it together; its time is theirs, and the trace is not whole.
    """
    roots = trees([span("root", took=9), span("a", "lost", at=2, took=3), span("b", "lost", at=4)])

    assert outline(roots) == ["root", "(not received)", " a", " b"]
    assert (roots[1].span.start_ns, roots[1].span.end_ns) == (2 * _MS, 5 * _MS)
    assert roots[1].is_missing
    assert not is_whole(roots)


def test_several_roots_are_shown_in_their_order() -> None:
    """
    Nothing is hung below what did not cause it.
    """
    roots = trees([span("later", at=7), span("first", at=1), span("below", "later", at=8)])

    assert outline(roots) == ["first", "later", " below"]
    assert not is_whole(roots)


def test_spans_that_are_parents_of_each_other_are_shown_once() -> None:
    """
    Nonsense that somebody sends is no reason to lose it, or to never end.
    """
    roots = trees([span("a", "b", at=1), span("b", "a", at=2), span("self", "self", at=3)])

    assert outline(roots) == ["a", " b", "self"]


def test_a_clock_that_is_behind_is_put_right() -> None:
    """
    A request cannot begin before the call that caused it: it is moved into the call's middle, with all that its
    service did, and what was moved is told. What others did below it stays where their clocks say.
    """
    sent = [
        span("call", at=100, took=10, kind=Kind.CLIENT),
        span("request", "call", at=40, took=6, service="inventory", kind=Kind.SERVER),
        span("inside", "request", at=42, took=2, service="inventory"),
        span("keys", "inside", at=104.5, took=0.5, service="identity"),
    ]

    (root,) = trees(sent)

    starts = {node.span.name: node.span.start_ns / _MS for node in root.walk()}
    assert starts == {"call": 100, "request": 102, "inside": 104, "keys": 104.5}
    assert "clock +62.0 ms" in drawn([root], plain())


def test_what_ends_after_its_caller_left_is_not_moved() -> None:
    """
    A server that goes on when nobody waits any more is the truth, and no matter of clocks.
    """
    sent = [
        span("call", at=0, took=10, kind=Kind.CLIENT),
        span("request", "call", at=500, took=6, service="inventory", kind=Kind.SERVER),
    ]

    (root,) = trees(sent)

    assert root.children[0].span.start_ns == 500 * _MS


def test_a_call_that_was_answered_by_nobody_seen_is_not_whole() -> None:
    """
    Its other side has not sent its part.
    """
    call = span("call", kind=Kind.CLIENT, http__response__status_code=200)

    assert not is_whole(trees([call]))
    assert is_whole(trees([replace(call, facts={})]))


def test_a_picture_tells_where_when_how_long_and_what_came_of_it() -> None:
    """
    A line each, with a bar on one scale for all.
    """
    sent = [
        span("POST /orders", took=100, kind=Kind.SERVER, http__response__status_code=201),
        span("reserve", "POST /orders", at=25, took=50, saga__outcome="done", saga__attempt=2),
        replace(
            span("POST inventory", "reserve", at=50, took=25, kind=Kind.CLIENT),
            failure="UpstreamFailed",
        ),
    ]

    picture = drawn(trees(sent), plain()).splitlines()

    assert [" ".join(line.split()) for line in picture[1:]] == [
        f"gateway POST /orders 0.0 ms 100.0 ms {'█' * 24} 201 POST /orders",
        f"gateway └─ reserve (attempt 2) 25.0 ms 50.0 ms {'█' * 12} done reserve",
        f"gateway └─ → POST inventory 50.0 ms 25.0 ms {'█' * 6} UpstreamFailed POST inventory",
    ]
    bars = [line.index("█") for line in picture[1:]]
    assert [bar - bars[0] for bar in bars] == [0, 6, 12]


def test_colours_are_for_terminals_and_for_those_who_want_them() -> None:
    """
    A file has none, and neither has a terminal whose owner said no.
    """

    class Terminal(io.StringIO):
        encoding = "utf-8"

        def isatty(self) -> bool:
            return True

    roots = trees([span("a")])

    assert "\x1b[" in drawn(roots, Style.of(Terminal(), {"TERM": "xterm"}))
    assert "\x1b[" not in drawn(roots, Style.of(Terminal(), {"TERM": "xterm", "NO_COLOR": "1"}))
    assert "\x1b[" not in drawn(roots, Style.of(Terminal(), {"TERM": "dumb"}))
    assert "\x1b[" not in drawn(roots, plain())


def test_a_terminal_that_knows_no_lines_gets_letters() -> None:
    """
    Nothing is printed that the output cannot hold.
    """
    style = Style.of(io.TextIOWrapper(io.BytesIO(), encoding="ascii"), {})
    sent = [span("a", took=9), span("b", "a", kind=Kind.CLIENT), span("c", "a", at=2, took=3)]

    assert drawn(trees(sent), style).isascii()


@pytest.mark.parametrize("columns", [80, 100, 120, 160])
def test_a_terminal_is_not_overrun(columns: int) -> None:
    """
    Ids go first, then moments, then bars; names are cut where somebody sees their end. A file has it all.
    """
    sent = [span("x" * 300, service="inventory-service", saga__outcome="refused SOLD_OUT")]

    lines = drawn(trees(sent), plain(columns)).splitlines()

    assert max(map(len, lines)) <= columns
    assert lines[0].split()[:2] == ["service", "what"]
    assert "x" * 300 in drawn(trees(sent), plain())


def test_services_are_told_in_the_order_in_which_they_had_a_part() -> None:
    """
    Without the places of spans that did not come.
    """
    sent = [span("a"), span("b", "a", service="pricing"), span("c", "lost", service="identity")]

    assert services_of(trees(sent)) == ["gateway", "pricing", "identity"]


def test_a_report_has_the_traces_of_the_order_and_those_linked_with_them() -> None:
    """
    And of all else that was received, nothing.
    """
    linked = replace(span("again"), trace_id="t2", span_id="s2", linked=("t1",))
    other = replace(span("health"), trace_id="t3", span_id="s3")

    report = Report.of(Told("order-1", "CONFIRMED", ("t1",)), [other, linked, span("root")])

    assert [trace.trace_id for trace in report.traces] == ["t1", "t2"]
    assert report.is_whole
    assert report.as_text(plain()).startswith(
        "Order order-1: CONFIRMED\nTrace t1: 1 spans of gateway\n"
    )


def test_a_trace_of_which_nothing_came_is_told_so() -> None:
    """
    An empty picture would look like a quick order.
    """
    report = Report.of(Told("order-1", "CONFIRMED", ("t1",)), [])

    assert not report.is_whole
    assert "Something of this trace did not come." in report.as_text(plain())
