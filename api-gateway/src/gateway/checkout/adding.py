"""
Inserts that leave out what is there already, made once: to make one costs as much as to send it.
"""

from collections.abc import Mapping, Sequence

from sqlalchemy import Column, Executable, Table
from sqlalchemy.dialects import postgresql, sqlite


def adding_new(
    table: Table, *columns: str, returning: Sequence[Column[str]] = ()
) -> Mapping[str, Executable]:
    """
    By the name of the dialect: an insert of rows, but those that others are like in ``columns``; in any
    key where none are named. ``returning``: what tells the rows that were added.
    """
    unlike = list(columns) or None
    postgres = postgresql.insert(table).on_conflict_do_nothing(index_elements=unlike)
    lite = sqlite.insert(table).on_conflict_do_nothing(index_elements=unlike)
    if not returning:
        return {"postgresql": postgres, "sqlite": lite}
    return {"postgresql": postgres.returning(*returning), "sqlite": lite.returning(*returning)}
