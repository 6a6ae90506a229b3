"""
Writes of rows to several tables that go out together.

On PostgreSQL they are one message, where each by itself would be one more to wait for; on SQLite they go
to the driver without anything in between. SQLAlchemy makes their SQL, once for each dialect: to make it, and
what else SQLAlchemy does around a statement, costs several times what a database does for a small one.

::

    _ADD_BOOKS = Insertion(books, "id", "title")
    _MOVE_SHELVES = Change(shelves, "name", to=["room"])

    write_rows(connection, [(_ADD_BOOKS, new_books), (_MOVE_SHELVES, moved)])

Columns hold text, numbers, moments and JSON. The writes must not need one another: on PostgreSQL none of
them sees what the others do. That a row refers to one that another of them adds is looked at when all are
done.

Make each write once, at import: its SQL is kept for that object, and for as long as the process lives.
"""

import json
import sqlite3
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from functools import cache
from typing import Any, Final, TypeAlias

from sqlalchemy import (
    BindParameter,
    Column,
    Connection,
    Insert,
    Table,
    Update,
    bindparam,
    column,
    func,
    insert,
    select,
    update,
)
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.dialects.postgresql import asyncpg
from sqlalchemy.sql.selectable import TableValuedAlias

from servicekit.database.columns import Json
from servicekit.database.translation import raise_ours

Row: TypeAlias = Mapping[str, Any]

_POSTGRESQL: Final = asyncpg.dialect()  # type: ignore[no-untyped-call]  # theirs
_SQLITE: Final = sqlite.dialect()
#: Before the name of a column: what it holds, where the name alone stands for what it shall hold.
_OLD: Final = "old_"


class Insertion:
    """
    Adds rows of these columns; with ``unless``, only those that no other is like in the columns that it names.
    """

    def __init__(self, table: Table, *columns: str, unless: Sequence[str] = ()) -> None:
        self.columns: Final = [table.c[name] for name in columns]
        self._table = table
        self._unless = [*unless]

    def on_postgresql(self, rows: TableValuedAlias) -> Insert:
        """
        The statement, from all ``rows`` at once.
        """
        statement = postgresql.insert(self._table).from_select(
            [one.name for one in self.columns], select(*rows.c)
        )
        if self._unless:
            return statement.on_conflict_do_nothing(index_elements=self._unless)
        return statement

    def on_sqlite(self) -> Insert:
        """
        The statement, for one row.
        """
        values: dict[str, BindParameter[Any]] = {
            one.name: bindparam(one.name) for one in self.columns
        }
        if not self._unless:
            return insert(self._table).values(values)
        statement = sqlite.insert(self._table).values(values)
        return statement.on_conflict_do_nothing(index_elements=self._unless)


class Change:
    """
    Changes the columns ``to`` of rows that are found by the column ``by``.
    """

    def __init__(self, table: Table, by: str, *, to: Sequence[str]) -> None:
        self.columns: Final = [table.c[name] for name in (by, *to)]
        self._table = table
        self._by = by
        self._to = [*to]

    def on_postgresql(self, rows: TableValuedAlias) -> Update:
        """
        The statement, from all ``rows`` at once.
        """
        statement = update(self._table).where(self._table.c[self._by] == rows.c[self._by])
        return statement.values({name: rows.c[name] for name in self._to})

    def on_sqlite(self) -> Update:
        """
        The statement, for one row.
        """
        statement = update(self._table).where(self._table.c[self._by] == bindparam(_OLD + self._by))
        return statement.values({name: bindparam(name) for name in self._to})


Write: TypeAlias = Insertion | Change
#: What is written, and the rows that it is written of.
RowsOf: TypeAlias = tuple[Write, Sequence[Row]]


def write_rows(connection: Connection, parts: Sequence[RowsOf]) -> int:
    """
    Write rows, in one message where that can be; how many the last part wrote that has any. Rows may hold
    more than is written of them.

    Raises what the database's own errors are translated to.
    """
    whole = [(what, rows) for what, rows in parts if rows]
    if not whole:
        return 0
    if connection.dialect.name == "postgresql":
        documents = tuple(_document(what, rows) for what, rows in whole)
        message = _one_message(tuple(what for what, _ in whole))
        return connection.exec_driver_sql(message, documents).rowcount
    return [_write_each(connection, what, rows) for what, rows in whole][-1]


def _document(what: Write, rows: Sequence[Row]) -> str:
    names = [one.name for one in what.columns]
    chosen = [{name: row[name] for name in names} for row in rows]
    # As SQLAlchemy does it, and not by orjson: what others have told us may hold numbers of any length.
    return json.dumps(chosen, default=_moment)


def _moment(value: object) -> str:
    if not isinstance(value, datetime):
        raise TypeError(f"{type(value).__name__} cannot be told in JSON")
    if value.tzinfo is None:
        raise ValueError("a moment without a time zone cannot be stored")
    return value.isoformat()


@cache
def _one_message(writes: tuple[Write, ...]) -> str:
    """
    One statement, which takes the rows of each write as a JSON document.
    """
    statements = [
        what.on_postgresql(_rows_of(f"rows_{number}", what.columns))
        for number, what in enumerate(writes, start=1)
    ]
    *others, last = statements
    whole = last.add_cte(*(one.cte(f"write_{number}") for number, one in enumerate(others, 1)))
    compiled = whole.compile(dialect=_POSTGRESQL)
    # WITH keeps the order of the writes, and so do the documents.
    assert compiled.positiontup == [f"rows_{1 + n}" for n in range(len(writes))]  # noqa: S101
    return str(compiled)


def _rows_of(name: str, columns: Sequence[Column[Any]]) -> TableValuedAlias:
    rows = func.jsonb_to_recordset(bindparam(name, type_=Json))
    typed = [column(one.name, one.type) for one in columns]
    return rows.table_valued(*typed).render_derived(name=name, with_types=True)


def _write_each(connection: Connection, what: Write, rows: Sequence[Row]) -> int:
    sql, values_of = _for_one_row(what)
    values = [values_of(row) for row in rows]
    driver: object = connection.connection.dbapi_connection
    if not isinstance(driver, sqlite3.Connection):
        return connection.exec_driver_sql(sql, values).rowcount
    try:
        return driver.executemany(sql, values).rowcount
    except sqlite3.Error as error:
        raise_ours(error)


@cache
def _for_one_row(what: Write) -> tuple[str, Callable[[Row], tuple[Any, ...]]]:
    """
    The statement, and what makes its parameters of a row.
    """
    compiled = what.on_sqlite().compile(dialect=_SQLITE)
    assert compiled.positiontup is not None  # noqa: S101  # SQLite's parameters have places
    types = {one.name: one.type.dialect_impl(_SQLITE) for one in what.columns}
    names = [name.removeprefix(_OLD) for name in compiled.positiontup]
    makers = [(name, types[name].bind_processor(_SQLITE)) for name in names]

    def values_of(row: Row) -> tuple[Any, ...]:
        return tuple(make(row[name]) if make else row[name] for name, make in makers)

    return str(compiled), values_of
