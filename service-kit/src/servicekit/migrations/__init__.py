"""
Brings a service's database to the form that its code expects, and notices where it is not.

A service keeps ``<package>/migrations/__init__.py``, which names its tables as ``metadata``, and
``<package>/migrations/versions/``. All else is here: the environment in which Alembic runs, and the
template for new migrations. They only go forward; a mistake is mended by the next one.

All migrations of one run are one transaction, and one process at a time is in it: several replicas
may migrate at once, and the later ones find nothing to do.
"""

import asyncio
import tempfile
from pathlib import Path

import structlog
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from alembic.script import Script
from alembic.util import CommandError
from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError

from servicekit.database import Database
from servicekit.migrations.exclusive import migrating
from servicekit.migrations.scripts import MigrationError, Scripts, Standing

__all__ = [
    "MigrationError",
    "MigrationsPending",
    "ensure_current",
    "is_current",
    "migrate",
    "new_revision",
    "pending_model_changes",
    "upgrade",
]

_log = structlog.get_logger(__name__)


class MigrationsPending(MigrationError):
    """
    The database is older than the code.
    """

    def __init__(self, package: str) -> None:
        super().__init__(f"the database is not up to date; run: python -m {package} migrate")


def migrate(database_url: str, package: str) -> None:
    """
    As ``upgrade``, where no event loop runs: for the command line and for tests.
    """
    asyncio.run(upgrade(database_url, package))


async def upgrade(database_url: str, package: str) -> None:
    """
    Apply every migration of ``package`` that the database lacks, or none of them.

    A database that a newer release has migrated stays as it is: an older release that is rolled
    back to can then still be deployed.
    """
    scripts = Scripts.of(package)
    try:
        async with migrating(database_url, package) as connection:
            await connection.run_sync(_upgrade, scripts)
    except (CommandError, DBAPIError) as error:
        reason = error.orig if isinstance(error, DBAPIError) else error
        raise MigrationError(f"a migration failed: {str(reason).splitlines()[0]}") from error


async def is_current(database: Database, package: str) -> bool:
    """
    Whether every migration of ``package`` is applied.
    """
    scripts = Scripts.of(package)
    async with database.read() as connection:
        standing, _ = await connection.run_sync(_standing, scripts)
    return standing is not Standing.BEHIND


async def ensure_current(database: Database, package: str) -> None:
    """
    Raise ``MigrationsPending``, which says what to run, unless every migration is applied.

    On a database that a newer release has migrated a service starts all the same, and says so: in the
    middle of an upgrade replicas of the release before are started anew, too. That they can work there
    is held by ``compatibility``.
    """
    scripts = Scripts.of(package)
    async with database.read() as connection:
        standing, applied = await connection.run_sync(_standing, scripts)
    if standing is Standing.BEHIND:
        raise MigrationsPending(package)
    if standing is Standing.AHEAD:
        _log.warning("migrations.database_is_newer", applied=applied, known=scripts.head)


def new_revision(package: str, message: str) -> Path:
    """
    Write the migration that the tables need, as found on a new SQLite file; returns its path.

    Read it before it is committed: what Alembic cannot see (renames, data) is for people.
    """
    with tempfile.TemporaryDirectory() as folder:
        return asyncio.run(_new_revision(f"sqlite:///{folder}/new.db", package, message))


async def pending_model_changes(database_url: str, package: str) -> list[str]:
    """
    What the tables have and the migrations have not, or the reverse; empty where they agree.

    The database, which should be a new one, is migrated first.
    """
    await upgrade(database_url, package)
    scripts = Scripts.of(package)
    async with migrating(database_url, package) as connection:
        return await connection.run_sync(_differences, scripts)


def _standing(connection: Connection, scripts: Scripts) -> tuple[Standing, str | None]:
    return scripts.standing(connection), scripts.applied(connection)


def _upgrade(connection: Connection, scripts: Scripts) -> None:
    standing, before = _standing(connection, scripts)
    if standing is Standing.AHEAD:
        _log.warning("migrations.database_is_newer", applied=before, known=scripts.head)
    elif standing is Standing.BEHIND:
        command.upgrade(scripts.config(connection), "head")
        _log.info("migrations.applied", before=before, now=scripts.head)


async def _new_revision(database_url: str, package: str, message: str) -> Path:
    await upgrade(database_url, package)
    scripts = Scripts.of(package)
    async with migrating(database_url, package) as connection:
        return await connection.run_sync(_write_revision, scripts, message)


def _write_revision(connection: Connection, scripts: Scripts, message: str) -> Path:
    script = command.revision(
        scripts.config(connection), message, autogenerate=True, rev_id=scripts.next_id()
    )
    assert isinstance(script, Script)  # noqa: S101  # one head makes one script
    return Path(script.path)


def _differences(connection: Connection, scripts: Scripts) -> list[str]:
    context = MigrationContext.configure(connection, opts={"compare_server_default": True})
    return [str(difference) for difference in compare_metadata(context, scripts.metadata())]
