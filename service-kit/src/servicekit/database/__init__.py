"""
One way to a service's database, the same on SQLite and PostgreSQL.

``Database`` hands out connections, already inside a transaction, for reading or
for writing. Tables are SQLAlchemy Core with the column types of ``columns``;
drivers' errors become ours in ``translation`` and nowhere else.
"""

from servicekit.database.bundle import Change, Insertion, RowsOf, write_rows
from servicekit.database.columns import (
    NAMING_CONVENTION,
    Json,
    UtcDateTime,
    insert_on,
    new_metadata,
)
from servicekit.database.engine import Database
from servicekit.database.glance import Glance, Reading
from servicekit.database.limits import Limits
from servicekit.database.together import Together
from servicekit.database.translation import UniqueViolation

__all__ = [
    "NAMING_CONVENTION",
    "Change",
    "Database",
    "Glance",
    "Insertion",
    "Json",
    "Limits",
    "Reading",
    "RowsOf",
    "Together",
    "UniqueViolation",
    "UtcDateTime",
    "insert_on",
    "new_metadata",
    "write_rows",
]
