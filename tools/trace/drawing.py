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
_TIME_COLUMNS: Final = 10
_ID_COLUMNS: Final = 16
_LEAST_NAME_COLUMNS: Final = 24
_GAP: Final = "  "
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
    The columns, as wide as what stands in them; where that is too wide, the least needed are left out.
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
        self._columns = {
            "service": max(map(len, services)),
            "what": max(_width(root, style.glyphs) for root in roots),
            "at": _TIME_COLUMNS,
            "took": _TIME_COLUMNS,
            "bar": _BAR_COLUMNS,
            "came to": max(len("came to"), *(len(_outcome(node)) for node in nodes)),
            "span": _ID_COLUMNS,
        }
        self._fit(style.columns)

    def head(self) -> str:
        """
        What stands in each column, and how long the whole trace took.
        """
        cells = {name: name for name in self._columns}
        return self._row(cells | {"bar": f"0 .. {_ms(self._end_ns - self._start_ns)}"}, {}, _DIM)

    def lines(self, node: Node, above: str = "", here: str = "") -> Iterator[str]:
        """
        One for it, and one for each below it.
        """
        glyphs = self._style.glyphs
        yield self._line(node, here)
        for place, child in enumerate(node.children, start=1):
            is_last = place == len(node.children)
            yield from self.lines(
                child,
                above + ("   " if is_last else glyphs.line),
                above + (glyphs.last if is_last else glyphs.branch),
            )

    def _fit(self, columns: int) -> None:
        """
        Leave out ids, then moments, for names to stand whole; then cut names, and leave out bars at last.
        """
        for spare in ("span", "at"):
            if self._over(columns) > 0:
                del self._columns[spare]
        longest = self._columns["what"]
        if self._over(columns) > longest - _LEAST_NAME_COLUMNS:
            del self._columns["bar"]
        self._columns["what"] = max(_LEAST_NAME_COLUMNS, longest - max(0, self._over(columns)))

    def _over(self, columns: int) -> int:
        return sum(self._columns.values()) + len(_GAP) * (len(self._columns) - 1) - columns

    def _line(self, node: Node, prefix: str) -> str:
        span = node.span
        cells = {
            "service": span.service,
            "what": prefix + _name(span, self._style.glyphs),
            "at": _ms(span.start_ns - self._start_ns),
            "took": "" if node.is_missing else _ms(span.duration_ns),
            "bar": self._bar(span),
            "came to": _outcome(node),
            "span": span.span_id,
        }
        own = _DIM if node.is_missing else self._colours[span.service]
        bad = _BAD if span.failure else _PLAIN
        return self._row(cells, {"service": own, "bar": own, "came to": bad, "span": _DIM}, _PLAIN)

    def _row(self, cells: Mapping[str, str], colours: Mapping[str, int], otherwise: int) -> str:
        parts = []
        for name, columns in self._columns.items():
            text = _cut(cells[name], columns)
            text = text.rjust(columns) if name in {"at", "took"} else text.ljust(columns)
            parts.append(self._style.painted(text, colours.get(name, otherwise)))
        return _GAP.join(parts)

    def _bar(self, span: Span) -> str:
        whole_ns = max(1, self._end_ns - self._start_ns)
        begin = (span.start_ns - self._start_ns) * _BAR_COLUMNS // whole_ns
        begin = min(begin, _BAR_COLUMNS - 1)
        length = round(span.duration_ns * _BAR_COLUMNS / whole_ns)
        glyphs = self._style.glyphs
        return " " * begin + (glyphs.bar * min(length, _BAR_COLUMNS - begin) or glyphs.tick)


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
