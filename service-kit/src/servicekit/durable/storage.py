"""
The engine's way to its database, tuned for many short transactions from a few threads.

On SQLite: a file in WAL mode with ``synchronous=FULL``, so that work which was accepted survives the
loss of power too. On PostgreSQL: no ping before each use; a connection that must be made anew is tried
until the database is back, since DBOS, left to itself, pauses for up to a minute longer.
"""

import threading
from pathlib import Path
from typing import Any, Final

import psycopg
import structlog
from sqlalchemy import URL, Engine, create_engine, event
from sqlalchemy.engine.interfaces import DBAPIConnection, Dialect
from sqlalchemy.exc import DBAPIError

from servicekit.database.wal import go_over_to_wal
from servicekit.errors import ServiceUnavailable

#: Threads in which DBOS speaks to the database; more gain nothing under Python's lock.
THREADS: Final = 4
#: DBOS's own: its queue, its clockwork and its listener, with one to spare.
_OTHER_CONNECTIONS: Final = 6
_RETRY_AFTER_S: Final = 0.25
_TOLD_EVERY: Final = 40
_BUSY_TIMEOUT_S: Final = 30

#: How soon a peer that is gone is noticed, on either side of a connection.
_KEEPALIVE: Final = {
    "connect_timeout": 3,
    "keepalives": 1,
    "keepalives_idle": 5,
    "keepalives_interval": 2,
    "keepalives_count": 3,
    "tcp_user_timeout": 10_000,
}
_SERVER_SIDE: Final = (
    "-c tcp_keepalives_idle=5 -c tcp_keepalives_interval=2 -c tcp_keepalives_count=3"
    " -c idle_in_transaction_session_timeout=4000 -c lock_timeout=10000 -c jit=off"
)

log = structlog.get_logger()


def connection_options(application_name: str) -> dict[str, Any]:
    """
    How psycopg connects, beside the address.
    """
    return {**_KEEPALIVE, "application_name": application_name, "options": _SERVER_SIDE}


class Storage:
    """
    Connections to the journal for DBOS's threads. ``close`` ends all waiting for the database.
    """

    def __init__(self, url: URL, *, application_name: str) -> None:
        self._is_patient = False
        self._is_closed = threading.Event()
        if url.get_backend_name() == "sqlite":
            self.engine = _sqlite(url)
        else:
            self.engine = _postgresql(url, application_name)
            event.listen(self.engine, "do_connect", self._connect)

    def check(self) -> None:
        """
        Raise ``ServiceUnavailable`` where the database cannot be reached now; wait for it from then on.
        """
        try:
            with self.engine.connect() as connection:
                connection.exec_driver_sql("SELECT 1")
        except DBAPIError as error:
            raise ServiceUnavailable("the database") from error
        self._is_patient = True

    def close(self) -> None:
        """
        Give up connections that are being made.
        """
        self._is_closed.set()

    def dispose(self) -> None:
        """
        Close all connections, after those in use were given a moment.
        """
        self.close()
        for _ in range(200):
            if not self.engine.pool.checkedout():  # type: ignore[attr-defined]  # both pools count
                break
            threading.Event().wait(0.01)
        self.engine.dispose()

    def _connect(
        self, dialect: Dialect, _record: object, arguments: list[Any], options: dict[str, Any]
    ) -> DBAPIConnection:
        attempts = 0
        while True:
            try:
                return dialect.connect(*arguments, **options)
            except psycopg.OperationalError as error:
                if not self._is_patient:
                    raise
                if attempts % _TOLD_EVERY == 0:
                    log.warning("sagas.database_unreachable", attempts=attempts + 1)
                attempts += 1
                if self._is_closed.wait(_RETRY_AFTER_S):
                    # An error that DBOS does not know: it would wait for the database for ever.
                    raise ServiceUnavailable("the database") from error


def _sqlite(url: URL) -> Engine:
    Path(url.database or "").parent.mkdir(parents=True, exist_ok=True)
    # One connection: who waits for it stands in line, where SQLite's own waiting is a loop of sleeps.
    # Of 32 works at once that carries half as many again, and the slowest wait half as long.
    engine = create_engine(url, pool_size=1, max_overflow=0)
    event.listen(engine, "connect", _prepare_sqlite)
    return engine


def _prepare_sqlite(connection: Any, _record: object) -> None:  # noqa: ANN401 - the driver's own
    # Writers take their lock when they begin, as DBOS's own engine has it.
    connection.isolation_level = "IMMEDIATE"
    for setting in (
        f"busy_timeout={_BUSY_TIMEOUT_S * 1000}",
        "foreign_keys=ON",
        "synchronous=FULL",
    ):
        connection.execute(f"PRAGMA {setting}").close()
    go_over_to_wal(connection, within_s=_BUSY_TIMEOUT_S)


def _postgresql(url: URL, application_name: str) -> Engine:
    return create_engine(
        url,
        pool_size=THREADS + _OTHER_CONNECTIONS,
        max_overflow=4,
        pool_timeout=30,
        pool_recycle=1800,
        hide_parameters=True,
        connect_args=connection_options(application_name),
    )
