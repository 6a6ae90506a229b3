"""
Brings the journal's tables to the form that the engine expects.
"""

import asyncio
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from sqlalchemy import URL, Connection, text
from sqlalchemy.exc import DBAPIError

from servicekit.durable.addresses import SCHEMA, journal_url
from servicekit.durable.errors import DurableError
from servicekit.durable.storage import Storage
from servicekit.durable.transact import migrate_journal

#: Which replicas live; see ``takeover``. In the journal's schema, where no service's migrations look.
_REPLICAS: Final = f"""
CREATE TABLE IF NOT EXISTS {SCHEMA}.saga_replicas (
    executor_id text PRIMARY KEY,
    seen_at timestamptz NOT NULL
)
"""
#: "sagas", as a number.
_LOCK: Final = int.from_bytes(b"sagas")
_TURN_WITHIN_S: Final = 120.0
_TURN_EVERY_S: Final = 0.1


def migrate(database_url: str) -> None:
    """
    Apply what the journal beside or inside the service's database lacks; several may do so at once.

    Raises ``ServiceUnavailable`` where the database is away.
    """
    url = journal_url(database_url)
    storage = Storage(url, application_name="sagas migrate")
    try:
        # On SQLite the file is in WAL mode after it, which DBOS would not wait for.
        storage.check()
        _migrate(url, storage)
    except DBAPIError as error:
        raise DurableError(f"a migration failed: {str(error.orig).splitlines()[0]}") from error
    finally:
        storage.dispose()


async def upgrade(database_url: str) -> None:
    """
    As ``migrate``, where an event loop runs.
    """
    await asyncio.to_thread(migrate, database_url)


def _migrate(url: URL, storage: Storage) -> None:
    if url.get_backend_name() == "sqlite":
        migrate_journal(url)
        return
    with storage.engine.connect() as connection:
        _migrate_postgresql(url, connection.execution_options(isolation_level="AUTOCOMMIT"))


def _migrate_postgresql(url: URL, connection: Connection) -> None:
    with _turn(connection):
        migrate_journal(url)
        connection.execute(text(_REPLICAS))


@contextmanager
def _turn(connection: Connection) -> Iterator[None]:
    """
    One process at a time. DBOS has a lock of its own, which it disregards after half a minute.

    It is asked for again and again: who stood in line inside a statement would keep indexes from being
    made, and whoever makes them from giving the lock back.
    """
    give_up_at = time.monotonic() + _TURN_WITHIN_S
    while not connection.scalar(text("SELECT pg_try_advisory_lock(:key)"), {"key": _LOCK}):
        if time.monotonic() > give_up_at:
            raise DurableError("another process has been migrating the journal for two minutes")
        time.sleep(_TURN_EVERY_S)
    try:
        yield
    finally:
        connection.execute(text("SELECT pg_advisory_unlock(:key)"), {"key": _LOCK})
