"""
Waits until somebody else has migrated the database: for what starts beside the migration, and must not serve before it.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Final

import structlog

from servicekit.database import Database
from servicekit.errors import ServiceUnavailable
from servicekit.migrations import MigrationsPending, ensure_current

_EVERY_S: Final = 1.0

_log = structlog.get_logger(__name__)


async def wait_until_current(
    database_url: str,
    package: str,
    *,
    within_s: float,
    sleep: Callable[[float], Awaitable[object]] = asyncio.sleep,
    clock: Callable[[], float] = time.monotonic,
) -> None:
    """
    Return once every migration of ``package`` is applied; a database that is away is waited for, too.

    Raises what kept it from that, ``MigrationsPending`` or ``ServiceUnavailable``, after ``within_s``.
    """
    give_up_at = clock() + within_s
    database = Database(database_url)
    try:
        while True:
            try:
                await ensure_current(database, package)
            except (MigrationsPending, ServiceUnavailable) as reason:
                if clock() >= give_up_at:
                    raise
                _log.info("migrations.awaited", reason=str(reason))
            else:
                return
            await sleep(_EVERY_S)
    finally:
        await database.aclose()
