"""
What a database's address may look like, and the one form that we use inside: for settings, too, which need no engine.
"""

from collections.abc import Iterable

from sqlalchemy import make_url
from sqlalchemy.engine import URL
from sqlalchemy.exc import ArgumentError

_SQLITE = frozenset({"sqlite", "sqlite+aiosqlite"})
_POSTGRESQL = frozenset({"postgres", "postgresql", "postgresql+asyncpg"})
#: What may stand after the ``?`` of a PostgreSQL address. ``sslmode`` is libpq's name for ``ssl``.
_POSTGRESQL_OPTIONS = frozenset({"host", "port", "ssl", "sslmode", "prepared_statement_cache_size"})


def normalised_url(url: str) -> str:
    """
    ``url`` with the driver that we use. Otherwise a ValueError of one line, never with a password.
    """
    try:
        address = make_url(url)
    except (ArgumentError, ValueError):
        # `from None`: SQLAlchemy's own message may quote the address, and with it a password.
        raise ValueError(
            "must be sqlite:///path/to/file.db or postgresql://user:password@host:5432/database"
        ) from None
    if address.drivername in _SQLITE:
        return _sqlite(address)
    if address.drivername in _POSTGRESQL:
        return _postgresql(address)
    raise ValueError(
        f"must begin with sqlite:/// or postgresql://, not with {address.drivername}://"
    )


def _sqlite(address: URL) -> str:
    if address.host or address.username or address.password:
        raise ValueError("sqlite takes three slashes, or four before an absolute path")
    if not address.database or address.database.startswith((":", "file:")):
        raise ValueError("sqlite needs a file: sqlite:///path/to/file.db")
    if address.query:
        raise ValueError(f"sqlite takes no option {_names(address.query)}")
    return str(address.set(drivername="sqlite+aiosqlite"))


def _postgresql(address: URL) -> str:
    unknown = set(address.query) - _POSTGRESQL_OPTIONS
    if unknown:
        raise ValueError(f"postgresql takes no option {_names(unknown)}")
    if not address.database:
        raise ValueError("postgresql needs the name of a database after the last slash")
    query = {"ssl" if name == "sslmode" else name: value for name, value in address.query.items()}
    return address.set(drivername="postgresql+asyncpg", query=query).render_as_string(
        hide_password=False
    )


def _names(options: Iterable[str]) -> str:
    return ", ".join(sorted(options))
