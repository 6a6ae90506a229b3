"""
Reads of one statement, which needs no transaction around it to see one state of the database.

To begin and to end a transaction costs as much as the statement between them.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias

from sqlalchemy import Engine, Executable, Row
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlalchemy.util import greenlet_spawn

from servicekit.database.translation import reaching_the_database


class Glance:
    """
    Executes reads, each by itself: two of them may see two states of the database.

    The database refuses to change anything. A connection is held for the statement only.
    """

    def __init__(self, engine: Callable[[], Engine]) -> None:
        self._engine = engine

    async def execute(
        self, statement: Executable, parameters: Mapping[str, object] | None = None
    ) -> Sequence[Row[*tuple[Any, ...]]]:
        """
        The rows of one statement.
        """
        # All of it in one greenlet: SQLAlchemy's asynchronous connection starts three, and a task.
        return await greenlet_spawn(self._rows, statement, parameters)

    def _rows(
        self, statement: Executable, parameters: Mapping[str, object] | None
    ) -> Sequence[Row[*tuple[Any, ...]]]:
        with reaching_the_database():
            connection = self._engine().connect()
        with connection:
            return connection.execute(statement, parameters).all()


#: What one statement can be read with: inside a transaction, or by itself.
Reading: TypeAlias = AsyncConnection | Glance
