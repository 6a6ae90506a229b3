"""
Rows of our own database as clients read them, without a stop in between.

What is read most (products, movements) goes from rows to JSON in one step. The models in
``schemas.py`` describe it, and tests hold what is sent to them.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Row

#: One thing, by the names that clients read.
Item = dict[str, object]


@dataclass(frozen=True, slots=True)
class Page:
    """
    Some items of a list, and how many there are in all.
    """

    items: Sequence[Item]
    total: int


class Shape:
    """
    Which columns are told, and by which names.
    """

    def __init__(self, **columns: ColumnElement[Any]) -> None:
        self._names = tuple(columns)
        self.columns = tuple(columns.values())

    def items(self, rows: Iterable[Row[Any]]) -> Iterator[Item]:
        """
        The items of a select of ``columns``.
        """
        return (dict(zip(self._names, row, strict=True)) for row in rows)
