"""
The one place where errors of SQLAlchemy and the drivers become ours.

- Not reachable, connection lost, no free connection, locked or running too long, in conflict with
  another transaction: ``ServiceUnavailable``; the driver's error is its cause.
- Two rows where one may be: ``UniqueViolation``, which repositories turn into a business error.
- Everything else is a mistake of ours and passes unchanged.

It works as a listener on the engine, so a translated error comes out of the very statement
that met it, and a repository may catch it there.
"""

import re
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NoReturn

from sqlalchemy import exc
from sqlalchemy.engine import ExceptionContext

from servicekit.errors import ServiceUnavailable

#: Key in a connection's ``info``: a statement failed inside the present transaction.
STATEMENT_FAILED = "servicekit.statement_failed"

# https://www.postgresql.org/docs/current/errcodes-appendix.html
_UNIQUE_VIOLATION = "23505"
_CONFLICTS = frozenset({"40001", "40P01"})  # serialization failure, deadlock
_LOCK_TIMEOUT = "55P03"
_UNAVAILABLE_CLASSES = frozenset({"08", "53", "58"})  # connection, resources, system
_UNAVAILABLE = _CONFLICTS | {
    "25P03",  # idle in transaction for too long: the server has ended the session
    _LOCK_TIMEOUT,
    "57014",  # statement timeout
    "57P01",  # the server shuts down
    "57P02",  # the server crashed
    "57P03",  # the server is starting
}

_INVALID_AUTHORIZATION = "28"

# https://www.sqlite.org/rescode.html
_SQLITE_UNIQUE = ("SQLITE_CONSTRAINT_UNIQUE", "SQLITE_CONSTRAINT_PRIMARYKEY")
_SQLITE_CONFLICTS = ("SQLITE_BUSY", "SQLITE_LOCKED")
_SQLITE_UNAVAILABLE = (
    *_SQLITE_CONFLICTS,
    "SQLITE_CANTOPEN",
    "SQLITE_FULL",
    "SQLITE_IOERR",
    "SQLITE_PROTOCOL",
)


class UniqueViolation(Exception):
    """
    A row like this is there already.

    ``table`` and ``columns`` read the same on both databases. Where an index is on an expression,
    SQLite names the index alone: then ``constraint`` is what both databases tell.
    """

    def __init__(
        self, *, table: str | None, columns: tuple[str, ...], constraint: str | None
    ) -> None:
        super().__init__(f"not unique: {table or constraint} {', '.join(columns)}".rstrip())
        self.table = table
        self.columns = columns
        self.constraint = constraint


def translate(context: ExceptionContext) -> Exception | None:
    """
    Our error for what a statement met, or None to let it pass.
    """
    if context.connection is not None and not context.is_disconnect:
        context.connection.info[STATEMENT_FAILED] = True
    error = context.original_exception
    if isinstance(error, OSError):  # which TimeoutError is, too
        # The state of the conversation is unknown: this connection must not be used again.
        context.is_disconnect = True
        context.invalidate_pool_on_disconnect = False
        return _unavailable()
    if not isinstance(context.sqlalchemy_exception, exc.DBAPIError):
        return None
    if context.is_disconnect:
        return _unavailable()
    return _sqlite(error) if isinstance(error, sqlite3.Error) else _postgresql(error)


@contextmanager
def reaching_the_database() -> Iterator[None]:
    """
    Whatever prevents a transaction from beginning means that the database is not available.
    """
    try:
        yield
    except (OSError, exc.TimeoutError, exc.DBAPIError) as error:
        raise _unavailable() from error


def is_conflict(error: BaseException) -> bool:
    """
    Whether other transactions were in the way, so that repeating the whole transaction may help.
    """
    cause = error.__cause__
    return isinstance(error, ServiceUnavailable) and (
        getattr(cause, "sqlstate", None) in _CONFLICTS
        or getattr(cause, "sqlite_errorname", "").startswith(_SQLITE_CONFLICTS)
    )


def is_locked_out(error: BaseException) -> bool:
    """
    Whether it was rows that others hold, on PostgreSQL, and not the database that was not available.
    """
    state = getattr(error.__cause__, "sqlstate", None)
    return isinstance(error, ServiceUnavailable) and (state in _CONFLICTS or state == _LOCK_TIMEOUT)


def is_stranger(error: BaseException) -> bool:
    """
    Whether it is there, on PostgreSQL, and lets nobody in by this name and password.
    """
    cause = error.__cause__
    state = getattr(cause, "sqlstate", None) or getattr(
        getattr(cause, "orig", None), "sqlstate", None
    )
    return isinstance(error, ServiceUnavailable) and str(state).startswith(_INVALID_AUTHORIZATION)


def raise_ours(error: sqlite3.Error) -> NoReturn:
    """
    Raise our error for one of the driver's own; that itself where it is a mistake of ours.
    """
    ours = _sqlite(error)
    if ours is None:
        raise error
    raise ours from error


def _unavailable() -> ServiceUnavailable:
    return ServiceUnavailable("the database")


def _sqlite(error: sqlite3.Error) -> Exception | None:
    name: str = getattr(error, "sqlite_errorname", "")
    if name in _SQLITE_UNIQUE:
        return _sqlite_unique(str(error))
    return _unavailable() if name.startswith(_SQLITE_UNAVAILABLE) else None


def _sqlite_unique(message: str) -> UniqueViolation:
    # "UNIQUE constraint failed: users.tenant, users.email", or "...: index 'uq_users_email_lower'"
    what = message.partition(": ")[2]
    index = re.fullmatch("index '(.+)'", what)
    if index:
        return UniqueViolation(table=None, columns=(), constraint=index[1])
    names = [name.rpartition(".") for name in what.split(", ")]
    columns = tuple(column for _, _, column in names)
    return UniqueViolation(table=names[0][0], columns=columns, constraint=None)


def _postgresql(error: BaseException) -> Exception | None:
    state: str = getattr(error, "sqlstate", None) or ""
    if state == _UNIQUE_VIOLATION:
        return _postgresql_unique(error)
    is_unavailable = state in _UNAVAILABLE or state[:2] in _UNAVAILABLE_CLASSES
    return _unavailable() if is_unavailable else None


def _postgresql_unique(error: BaseException) -> UniqueViolation:
    # The detail reads `Key (tenant, email)=(1, a@b.c) already exists.` in the server's language;
    # the values are nobody's business and are left behind.
    detail: str = getattr(error, "detail", None) or ""
    columns = re.search(r"\((.+?)\)=\(", detail)
    driver_error = error.__cause__
    return UniqueViolation(
        table=getattr(driver_error, "table_name", None),
        columns=tuple(columns[1].split(", ")) if columns else (),
        constraint=getattr(driver_error, "constraint_name", None),
    )
