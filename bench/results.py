"""
``bench/results.md``: a section for each measurement, replaced when it is taken again.
"""

import math
import os
import platform
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

RESULTS: Final = Path(__file__).with_name("results.md")
_SECTION: Final = "\n## "


@dataclass(frozen=True, slots=True)
class Table:
    """
    Figures by row and column, and what a reader has to know of them. NaN is what could not be told.
    """

    rows: Mapping[str, Mapping[str, float]]
    notes: tuple[str, ...] = field(default=())

    @classmethod
    def of(cls, measured: "Table | Mapping[str, float]") -> "Table":
        """
        What a measurement has told; a plain list of figures has one column.
        """
        if isinstance(measured, Table):
            return measured
        return cls({name: {"figure": value} for name, value in measured.items()})

    @property
    def columns(self) -> list[str]:
        """
        The columns, as the rows name them.
        """
        return list(dict.fromkeys(column for row in self.rows.values() for column in row))

    def cells(self) -> list[list[str]]:
        """
        The text of each cell, the head first.
        """
        body = [
            [name, *(_text(row.get(column, math.nan)) for column in self.columns)]
            for name, row in self.rows.items()
        ]
        return [["what", *self.columns], *body]

    def markdown(self) -> str:
        """
        As a table for people who read the source or the page.
        """
        head, *body = (f"| {' | '.join(row)} |" for row in self.cells())
        rule = "|---" * (len(self.columns) + 1) + "|"
        return "\n".join([head, rule, *body, *(f"\n{note}" for note in self.notes)])

    def text(self) -> str:
        """
        As lines for the terminal.
        """
        widths = [max(map(len, column)) for column in zip(*self.cells(), strict=True)]
        lines = []
        for name, *figures in self.cells():
            told = (figure.rjust(width) for figure, width in zip(figures, widths[1:], strict=True))
            lines.append("  ".join(["", name.ljust(widths[0]), *told]))
        return "\n".join([*lines, *(f"  {note}" for note in self.notes)])


def write(title: str, table: Table) -> None:
    """
    Put a measurement in its section, and leave the others as they are.
    """
    before = RESULTS.read_text() if RESULTS.exists() else ""
    sections = dict(part.split("\n", 1) for part in before.split(_SECTION)[1:] if "\n" in part)
    sections[title] = (
        f"\n{datetime.now(UTC):%Y-%m-%d %H:%M} UTC, {_machine()}.\n\n{table.markdown()}\n"
    )
    told = "".join(
        _SECTION + name + "\n" + body.rstrip("\n") + "\n" for name, body in sections.items()
    )
    RESULTS.write_text("# Results\n\nMade by `make bench`.\n" + told)


def _text(value: float) -> str:
    if math.isnan(value):
        return "-"
    if abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.1f}" if abs(value) >= 10 else f"{value:.2f}"


def _machine() -> str:
    cores = f"{os.cpu_count()} cores, {platform.machine()}"
    return f"Python {platform.python_version()}, {cores}"
