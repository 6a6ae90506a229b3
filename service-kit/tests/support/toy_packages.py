"""
Packages with migrations, made up for one test.
"""

import importlib
import sys
import textwrap
from collections.abc import Mapping
from pathlib import Path

TABLES = """
from servicekit.database import Json, UtcDateTime, new_metadata
from sqlalchemy import Column, ForeignKey, Integer, String, Table

metadata = new_metadata()
shelves = Table(
    "shelves",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("name", String(20), nullable=False, unique=True),
)
books = Table(
    "books",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("shelf_id", ForeignKey("shelves.id", ondelete="CASCADE"), nullable=False),
    Column("added_at", UtcDateTime, nullable=False, index=True),
    Column("extra", Json),
)
"""

#: A migration's form; ``upgrade`` is filled in.
MIGRATION = '''
"""
Made up.
"""

import sqlalchemy as sa
from alembic import op

revision = {revision!r}
down_revision = {down!r}
ready_since = {ready_since!r}


def upgrade() -> None:
{body}
'''


class ToyPackage:
    """
    A package in ``folder``, which stands on ``sys.path``.
    """

    def __init__(self, folder: Path, name: str) -> None:
        self.name = name
        self.folder = folder / name
        self.versions = self.folder / "migrations" / "versions"
        self.versions.mkdir(parents=True)
        (self.folder / "__init__.py").touch()
        self.has_tables(TABLES)

    def has_tables(self, code: str) -> None:
        """
        Replace its tables, as a developer edits them.
        """
        module = self.folder / "migrations" / "__init__.py"
        module.write_text(code)
        for name in [name for name in sys.modules if name.split(".")[0] == self.name]:
            del sys.modules[name]
        importlib.invalidate_caches()
        # Two edits within a second would look the same to the cache of compiled code.
        for compiled in (module.parent / "__pycache__").glob("*"):
            compiled.unlink()

    def has_migration(
        self,
        revision: str,
        body: str,
        *,
        after: str | None = None,
        ready_since: Mapping[str, str] | None = None,
    ) -> None:
        """
        Add a migration, of which ``body`` is what it does.
        """
        code = MIGRATION.format(
            revision=revision,
            down=after,
            ready_since=dict(ready_since or {}),
            body=textwrap.indent(textwrap.dedent(body), "    "),
        )
        (self.versions / f"{revision}_made_up.py").write_text(code)
