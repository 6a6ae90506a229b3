"""
Inserts that leave out what is there already, made once: to make one costs as much as to send it.
"""

from collections.abc import Mapping

from sqlalchemy import Executable, Table
from sqlalchemy.dialects import postgresql, sqlite


def adding_new(table: Table, *columns: str) -> Mapping[str, Executable]:
    """
    By the name of the dialect: an insert of rows, but those that others are like in ``columns``; in any
    key where none are named.
    """
    unlike = list(columns) or None
    return {
        "postgresql": postgresql.insert(table).on_conflict_do_nothing(index_elements=unlike),
        "sqlite": sqlite.insert(table).on_conflict_do_nothing(index_elements=unlike),
    }
