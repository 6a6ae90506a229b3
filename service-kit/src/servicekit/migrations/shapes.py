"""
The form that a database has, as found there: what two releases' forms are compared by.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import CheckConstraint, Column, Connection, MetaData, Table, UniqueConstraint
from sqlalchemy.types import TypeEngine

_BOOKKEEPING: Final = "alembic_version"

#: What a rule names: its kind, its columns, and what else it says.
Rule = tuple[str, frozenset[str], str]


@dataclass(frozen=True, slots=True)
class Field:
    """
    A column, as far as whoever writes rows depends on it. ``fills_itself``: it may be left out.
    """

    type: TypeEngine[Any]
    is_nullable: bool
    fills_itself: bool


@dataclass(frozen=True, slots=True)
class Shape:
    """
    One table: its columns, its primary key, and what else its rows are held to.
    """

    fields: Mapping[str, Field]
    primary_key: tuple[str, ...]
    rules: frozenset[Rule]

    @property
    def keys(self) -> set[frozenset[str]]:
        """
        Columns that are unique together, always.
        """
        unique = {columns for kind, columns, where in self.rules if kind == "unique" and not where}
        return unique | {frozenset(self.primary_key)}


def tables_of(connection: Connection) -> MetaData:
    """
    The tables as the database has them, without Alembic's own.
    """
    found = MetaData()
    found.reflect(connection)
    if _BOOKKEEPING in found.tables:
        found.remove(found.tables[_BOOKKEEPING])
    return found


def shapes(tables: MetaData) -> dict[str, Shape]:
    """
    The form of each table.
    """
    return {name: _shape(table) for name, table in tables.tables.items()}


def columns_named_in(check: CheckConstraint, table: Table) -> frozenset[str]:
    """
    The columns that a check speaks of; it is known as text only.
    """
    words = set(_words(str(check.sqltext)))
    return frozenset(name for name in table.columns.keys() if name in words)  # noqa: SIM118 - no dict


def _shape(table: Table) -> Shape:
    return Shape(
        fields={column.name: _field(column) for column in table.columns},
        primary_key=tuple(column.name for column in table.primary_key.columns),
        rules=frozenset({*_unique(table), *_checks(table), *_references(table)}),
    )


def _field(column: Column[Any]) -> Field:
    counts_itself = column.table.autoincrement_column is column
    return Field(
        type=column.type,
        is_nullable=bool(column.nullable),
        fills_itself=bool(
            column.nullable
            or counts_itself
            or column.server_default is not None
            or column.identity is not None
            or column.computed is not None
        ),
    )


def _unique(table: Table) -> set[Rule]:
    found: set[Rule] = set()
    for constraint in table.constraints:
        if isinstance(constraint, UniqueConstraint):
            found.add(("unique", frozenset(one.name for one in constraint.columns), ""))
    for index in table.indexes:
        if index.unique:
            where = "".join(
                str(options["where"])
                for dialect in ("postgresql", "sqlite")
                if (options := index.dialect_options[dialect]).get("where") is not None
            )
            names = frozenset(getattr(one, "name", str(one)) for one in index.expressions)
            found.add(("unique", names, where))
    return found


def _checks(table: Table) -> set[Rule]:
    return {
        ("check", columns_named_in(one, table), " ".join(_words(str(one.sqltext))))
        for one in table.constraints
        if isinstance(one, CheckConstraint)
    }


def _references(table: Table) -> set[Rule]:
    return {
        (
            "reference",
            frozenset(one.columns.keys()),
            ",".join(sorted(part.target_fullname for part in one.elements)),
        )
        for one in table.foreign_key_constraints
    }


def _words(text: str) -> list[str]:
    """
    Words, numbers and signs, without quotes and brackets, which databases put as they like.
    """
    parts = "".join(sign if sign.isalnum() or sign in "_<>=!.'-+*/" else " " for sign in text)
    return parts.split()
