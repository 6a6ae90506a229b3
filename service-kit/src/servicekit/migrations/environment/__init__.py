"""
What Alembic reads instead of an environment in each service: ``env.py`` calls ``run``.
"""

from typing import Literal

from alembic import context
from alembic.autogenerate.api import AutogenContext

from servicekit.database import Json, UtcDateTime


def _our_types(kind: str, item: object, autogen_context: AutogenContext) -> str | Literal[False]:
    """
    How a new migration writes our column types; False leaves all else to Alembic.
    """
    if kind != "type" or not isinstance(item, (Json, UtcDateTime)):
        return False
    name = type(item).__name__
    autogen_context.imports.add(f"from servicekit.database import {name}")
    return f"{name}()"


def run() -> None:
    """
    Do what Alembic's command asks, on the connection that ``servicekit.migrations`` gave it.
    """
    context.configure(
        connection=context.config.attributes["connection"],
        target_metadata=context.config.attributes["metadata"],
        render_as_batch=True,  # SQLite cannot alter a table; PostgreSQL takes the same operations
        render_item=_our_types,
        compare_server_default=True,
    )
    with context.begin_transaction():
        context.run_migrations()
