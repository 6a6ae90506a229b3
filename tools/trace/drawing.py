"""
Draws the trees of a trace: what was done where, when it began, how long it took, what came of it.
"""

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from shutil import get_terminal_size
from typing import Final, Self, TextIO

from tools.trace.spans import Kind, Span
from tools.trace.tree import Node

_COLOURS: Final = (36, 33, 32, 35, 34, 31)
_DIM, _BAD, _PLAIN = 2, 31, 0
_BAR_COLUMNS: Final = 24
#: Where nobody sees where a line would break, nothing is cut.
_UNBOUNDED: Final = 1000
_ID_COLUMNS: Final = 16
#: The facts of a span that stand beside its outcome.
_TOLD: Final = ("saga.code", "http.request.resend_count")


@dataclass(frozen=True, slots=True)
class Glyphs:
    """
    What the tree and the bars are made of.
    """

    branch: str
    last: str
    line: str
    bar: str
    tick: str
    call: str


_UNICODE: Final = Glyphs("├─ ", "└─ ", "│  ", "█", "▏", "→")
_ASCII: Final = Glyphs("|- ", "`- ", "|  ", "#", "|", "->")


@dataclass(frozen=True, slots=True)
class Style:
    """
    How wide it may be, in colours or not, and of which characters.
    """

    columns: int
    has_colours: bool
    glyphs: Glyphs

    @classmethod
    def of(cls, stream: TextIO, variables: Mapping[str, str] = os.environ) -> Self:
        """
        What ``stream`` can show: colours on a terminal only, and where nobody has said no.
        """
        is_seen = stream.isatty() and variables.get("TERM") != "dumb"
        encoding = (stream.encoding or "ascii").lower()
        return cls(
            columns=get_terminal_size().columns if stream.isatty() else _UNBOUNDED,
            has_colours=is_seen and not variables.get("NO_COLOR"),
            glyphs=_UNICODE if encoding.startswith("utf") else _ASCII,
        )

    def painted(self, text: str, colour: int) -> str:
        """
        ``text`` in a colour, where there are any.
        """
        return f"\x1b[{colour}m{text}\x1b[0m" if self.has_colours and colour else text


def drawn(roots: Sequence[Node], style: Style) -> str:
    """
    One line for each span, below a line that says what stands where.
    """
    picture = _Picture(roots, style)
    lines = [picture.head()]
    for root in roots:
        lines += picture.lines(root)
    return "\n".join(line.rstrip() for line in lines)


def services_of(roots: Sequence[Node]) -> list[str]:
    """
    The services that have a part in it, in the order in which they came to it.
    """
    nodes = [node for root in roots for node in root.walk() if not node.is_missing]
    return list(dict.fromkeys(node.span.service for node in nodes))


class _Picture:
    """
    The columns, as wide as what stands in them.
    """

    def __init__(self, roots: Sequence[Node], style: Style) -> None:
        nodes = [node for root in roots for node in root.walk()]
        self._style = style
        self._start_ns = min(node.span.start_ns for node in nodes)
        self._end_ns = max(node.span.end_ns for node in nodes)
        services = list(dict.fromkeys(node.span.service for node in nodes))
        self._colours = {
            service: _COLOURS[place % len(_COLOURS)] for place, service in enumerate(services)
        }
        self._service_columns = max(map(len, services), default=0)
        self._outcome_columns = max(len(_outcome(node)) for node in nodes)
        taken = self._service_columns + _BAR_COLUMNS + self._outcome_columns + _ID_COLUMNS + 32
        longest = max(_width(root, style.glyphs) for root in roots)
        self._name_columns = max(24, min(longest, style.columns - taken))

    def head(self) -> str:
        """
        What stands in each column, and how long the whole trace took.
        """
        whole = f"0 .. {_ms(self._end_ns - self._start_ns)}"
        cells = ("service", "what", "at", "took", whole, "came to", "span")
        return self._style.painted("  ".join(self._filled(cells)).rstrip(), _DIM)

    def lines(self, node: Node, above: str = "", here: str = "") -> Iterator[str]:
        glyphs = self._style.glyphs
        yield self._line(node, here)
        for place, child in enumerate(node.children, start=1):
            is_last = place == len(node.children)
            yield from self.lines(
                child,
                above + ("   " if is_last else glyphs.line),
                above + (glyphs.last if is_last else glyphs.branch),
            )

    def _line(self, node: Node, prefix: str) -> str:
        span = node.span
        cells = self._filled(
            (
                span.service,
                prefix + _name(span, self._style.glyphs),
                _ms(span.start_ns - self._start_ns),
                "" if node.is_missing else _ms(span.duration_ns),
                self._bar(span),
                _outcome(node),
                span.span_id,
            )
        )
        own = _DIM if node.is_missing else self._colours[span.service]
        colours = (own, _PLAIN, _PLAIN, _PLAIN, own, _BAD if span.failure else _PLAIN, _DIM)
        return "  ".join(map(self._style.painted, cells, colours))

    def _filled(self, cells: Sequence[str]) -> Sequence[str]:
        """
        The cells, each as wide as its column.
        """
        service, what, at, took, bar, outcome, span_id = cells
        return (
            f"{service:<{self._service_columns}}",
            f"{_cut(what, self._name_columns):<{self._name_columns}}",
            f"{at:>10}",
            f"{took:>10}",
            f"{bar:<{_BAR_COLUMNS}}",
            f"{outcome:<{self._outcome_columns}}",
            span_id,
        )

    def _bar(self, span: Span) -> str:
        whole_ns = max(1, self._end_ns - self._start_ns)
        begin = (span.start_ns - self._start_ns) * _BAR_COLUMNS // whole_ns
        begin = min(begin, _BAR_COLUMNS - 1)
        length = round(span.duration_ns * _BAR_COLUMNS / whole_ns)
        glyphs = self._style.glyphs
        bar = glyphs.bar * min(length, _BAR_COLUMNS - begin) or glyphs.tick
        return f"{' ' * begin + bar:<{_BAR_COLUMNS}}"


def _name(span: Span, glyphs: Glyphs) -> str:
    name = f"{glyphs.call} {span.name}" if span.kind is Kind.CLIENT else span.name
    attempt = span.facts.get("saga.attempt", 1)
    if attempt != 1:
        name += f" (attempt {attempt})"
    return f"{name} (again)" if span.facts.get("saga.again") else name


def _width(node: Node, glyphs: Glyphs, depth: int = 0) -> int:
    """
    The columns that the names of it and of those below take, three more for each level.
    """
    below = (_width(child, glyphs, depth + 1) for child in node.children)
    return max(3 * depth + len(_name(node.span, glyphs)), *below, 0)


def _outcome(node: Node) -> str:
    """
    An answer's status, or how a step ended; and why, where it did not end well.
    """
    span = node.span
    told = span.facts.get("http.response.status_code", span.facts.get("saga.outcome"))
    facts = [str(told)] if told is not None else []
    facts += [_told(name, span.facts[name]) for name in _TOLD if name in span.facts]
    if span.failure and span.failure not in facts:
        facts.append(span.failure)
    if node.moved_ns:
        facts.append(f"clock {node.moved_ns / 1e6:+.1f} ms")
    return " ".join(facts)


def _told(name: str, fact: object) -> str:
    return f"{fact} more" if name == "http.request.resend_count" else str(fact)


def _ms(duration_ns: int) -> str:
    return f"{duration_ns / 1e6:.1f} ms"


def _cut(text: str, columns: int) -> str:
    return text if len(text) <= columns else text[: columns - 1] + "~"
