"""
Where the journal is: beside the service's SQLite file, or inside its PostgreSQL database.
"""

from pathlib import Path
from typing import Any

from sqlalchemy import URL, make_url

from servicekit.database_url import normalised_url

#: The schema of the journal on PostgreSQL, where no migration of a service looks.
SCHEMA = "dbos"


def journal_url(database_url: str) -> URL:
    """
    The journal's address, in the words of the driver that DBOS uses.
    """
    address = make_url(normalised_url(database_url))
    if address.get_backend_name() == "sqlite":
        return URL.create("sqlite", database=str(_beside(Path(address.database or ""))))
    # What asyncpg calls ssl is libpq's sslmode; the statement cache is asyncpg's own.
    query = {"sslmode" if name == "ssl" else name: value for name, value in address.query.items()}
    query.pop("prepared_statement_cache_size", None)
    return address.set(drivername="postgresql+psycopg", query=query)


def libpq_options(url: URL) -> dict[str, Any]:
    """
    The same, for a connection that is made without SQLAlchemy, whose way to write an address is not libpq's.
    """
    _, options = url.get_dialect()().create_connect_args(url)
    return dict(options)


def _beside(database: Path) -> Path:
    """
    A file of its own: two writers of one file would wait for each other.
    """
    return database.with_name(f"{database.stem}_sagas{database.suffix}")
