"""
Rows made up for tables of which nothing is known but their form.

They stand for what a release writes: whether a database that takes them today still does tomorrow.
"""

import itertools
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from decimal import Decimal
from typing import Any, Final

from sqlalchemy import JSON, CheckConstraint, Column, Connection, DateTime, MetaData, Table
from sqlalchemy.exc import DBAPIError

from servicekit.migrations.shapes import columns_named_in

#: A table's checks are tried to be met so often; those of a table are few, and so are their words.
_TRIES: Final = 300
_QUOTED: Final = re.compile(r"'([^']*)'")
_NUMBER: Final = re.compile(r"(?<![\w.'])\d+(?:\.\d+)?(?![\w.'])")
_BY_TYPE: Final[Mapping[type, tuple[object, ...]]] = {
    bool: (True, False),
    int: (1, 0),
    float: (1.0,),
    Decimal: (Decimal(1),),
    str: ("x",),
    bytes: (b"x",),
    date: (date(2020, 2, 3),),
    time: (time(4, 5),),
}

Row = dict[str, object]


@dataclass(frozen=True, slots=True)
class MadeUp:
    """
    A row for each table that took one, in the order in which they can be written; and which took none.
    """

    rows: Mapping[str, Row]
    refused: tuple[str, ...]


def made_up(connection: Connection, tables: MetaData) -> MadeUp:
    """
    A row for each table, tried and taken back.
    """
    rows: dict[str, Row] = {}
    refused = []
    with connection.begin_nested() as trial:
        for table in tables.sorted_tables:
            for row in _candidates(table, rows):
                if refusal(connection, table, row) is None:
                    rows[table.name] = row
                    break
            else:
                refused.append(table.name)
        trial.rollback()
    return MadeUp(rows, tuple(refused))


def refusal(connection: Connection, table: Table, row: Row) -> str | None:
    """
    Write the row; what the database says against it, if it does.
    """
    try:
        with connection.begin_nested():
            connection.execute(table.insert().values(row))
    except DBAPIError as error:
        return str(error.orig).splitlines()[0]
    return None


def _candidates(table: Table, written: Mapping[str, Row]) -> Iterator[Row]:
    columns = [column for column in table.columns if column.computed is None]
    choices = [list(_values(column, table, written)) for column in columns]
    for values in itertools.islice(_few_changes_first(choices), _TRIES):
        yield {column.name: value for column, value in zip(columns, values, strict=True)}


def _few_changes_first(choices: list[list[object]]) -> Iterator[tuple[object, ...]]:
    """
    The first choice everywhere, then with one place changed, with two, and with three.
    """
    first = [of_place[0] for of_place in choices]
    for n_changed in range(4):
        for places in itertools.combinations(range(len(choices)), n_changed):
            for others in itertools.product(*(choices[place][1:] for place in places)):
                row = list(first)
                for place, value in zip(places, others, strict=True):
                    row[place] = value
                yield tuple(row)


def _values(column: Column[Any], table: Table, written: Mapping[str, Row]) -> Iterator[object]:
    for reference in column.foreign_keys:
        target_table, _, target = reference.target_fullname.rpartition(".")
        if target in (row := written.get(target_table, {})):
            yield row[target]
            return
    yield from _told_by_checks(column, table)
    yield from _of_type(column)
    if column.nullable:
        yield None


def _told_by_checks(column: Column[Any], table: Table) -> Iterator[object]:
    """
    What a check names is mostly what it wants.
    """
    kind = _python_type(column)
    for check in table.constraints:
        if isinstance(check, CheckConstraint) and column.name in columns_named_in(check, table):
            text = str(check.sqltext)
            if kind is str:
                yield from _QUOTED.findall(text)
            elif kind in (int, Decimal):
                yield from (
                    kind(float(one)) + more for one in _NUMBER.findall(text) for more in (0, 1)
                )


def _of_type(column: Column[Any]) -> Iterator[object]:
    if isinstance(column.type, JSON):
        yield {}
    elif isinstance(column.type, DateTime):
        moment = datetime(2020, 2, 3, 4, 5, tzinfo=UTC)
        yield moment if column.type.timezone else moment.replace(tzinfo=None)
    else:
        yield from _BY_TYPE.get(_python_type(column), ("x",))


def _python_type(column: Column[Any]) -> type:
    try:
        return column.type.python_type
    except NotImplementedError:
        return str
