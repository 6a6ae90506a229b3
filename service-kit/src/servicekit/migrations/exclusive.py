"""
The one connection at a time that may change a database's form.
"""

import hashlib
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

from sqlalchemy import event, make_url, text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from servicekit.database import Limits, postgresql, sqlite
from servicekit.database.translation import reaching_the_database, translate
from servicekit.database_url import normalised_url
from servicekit.migrations.scripts import MigrationError

#: Migrations may take long, and may wait long for those of another replica.
_LIMITS = Limits(
    connect_s=10.0, pool_s=10.0, lock_s=120.0, statement_s=0.0, idle_in_transaction_s=0.0
)
#: A change that waits for a table's lock holds up everyone who comes after it.
_TABLE_LOCK_S = 10


@asynccontextmanager
async def migrating(database_url: str, package: str) -> AsyncIterator[AsyncConnection]:
    """
    A transaction that no other migration runs beside; it commits at the end.

    On SQLite the file's own write lock does it, on PostgreSQL an advisory lock named after the
    package; both are given back when the process dies.
    """
    engine = _engine(database_url, package)
    try:
        async with AsyncExitStack() as stack:
            with reaching_the_database():
                connection = await stack.enter_async_context(engine.connect())
                await connection.begin()
            if connection.dialect.name == "postgresql":
                await _take_turn(connection, package)
            yield connection
            await _check_references(connection)
            await connection.commit()
    finally:
        await engine.dispose()


def _engine(database_url: str, package: str) -> AsyncEngine:
    address = make_url(normalised_url(database_url))
    if address.get_backend_name() == "sqlite":
        # SQLite changes a table by copying it and dropping the old one. With foreign keys on, the
        # drop would take along every row that refers to it.
        engine = sqlite.writing_engine(address, _LIMITS, foreign_keys=False)
    else:
        engine = postgresql.writing_engine(
            address, _LIMITS, pool_size=1, max_overflow=0, application_name=f"{package} migrate"
        )
    event.listen(engine.sync_engine, "handle_error", translate)
    return engine


async def _take_turn(connection: AsyncConnection, package: str) -> None:
    digest = hashlib.sha256(f"migrations of {package}".encode()).digest()
    key = int.from_bytes(digest[:8], "big", signed=True)
    await connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": key})
    await connection.execute(text(f"SET LOCAL lock_timeout = '{_TABLE_LOCK_S}s'"))


async def _check_references(connection: AsyncConnection) -> None:
    if connection.dialect.name != "sqlite":
        return
    broken = (await connection.execute(text("PRAGMA foreign_key_check"))).all()
    if broken:
        tables = ", ".join(sorted({row[0] for row in broken}))
        raise MigrationError(f"rows would refer to what is not there, in: {tables}")
