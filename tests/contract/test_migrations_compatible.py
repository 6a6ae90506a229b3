"""
Every service's migrations, held to what the release before can live with; and services on databases
that a newer release has migrated.
"""

import asyncio
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine, create_engine, text

from servicekit import durable, migrations
from servicekit.durable.addresses import SCHEMA, journal_url
from servicekit.migrations.compatibility import compatibility
from servicekit.migrations.exclusive import migrating
from servicekit.migrations.rows import made_up
from servicekit.migrations.shapes import tables_of
from servicekit.testing import serve_process
from servicekit.testing.programs import run_command
from tools.demo.services import SERVICES

PACKAGES = tuple(service.program[-1] for service in SERVICES)
#: Read what the engine's new migrations do before this is raised: replicas with the engine of the release
#: before go on working on these tables. docs/operations.md tells how such a release goes out.
JOURNAL_FORM = 125


@pytest.mark.parametrize("package", PACKAGES)
async def test_the_release_before_can_live_with_every_migration(
    package: str, database_url: str
) -> None:
    """
    No migration takes away, tightens or requires what the release before it does not know of.
    """
    found = await compatibility(database_url, package)

    assert [str(breach) for breach in found.breaches] == []
    assert found.untried == []


@pytest.mark.parametrize("package", PACKAGES)
async def test_the_next_migration_can_be_tried_with_a_row_of_every_table(
    package: str, sqlite_url: str
) -> None:
    """
    What the next migration is held to is written today: each table takes a row that was made up.
    """
    await migrations.upgrade(sqlite_url, package)

    async with migrating(sqlite_url, package) as connection:
        rows = await connection.run_sync(lambda sync: made_up(sync, tables_of(sync)))

    assert len(rows.rows) >= 4
    assert rows.refused == ()


@pytest.fixture
def journal(database_url: str) -> Iterator[Engine]:
    """
    The engine's tables beside the gateway's, migrated.
    """
    migrations.migrate(database_url, "gateway")
    durable.migrate(database_url)
    engine = create_engine(journal_url(database_url))
    yield engine
    engine.dispose()


async def test_the_gateway_serves_on_databases_of_a_newer_release(
    journal: Engine, database_url: str, tmp_path: Path
) -> None:
    """
    A replica of the release before starts after the migrations have run, with its engine, and says so;
    its own ``migrate`` changes nothing.
    """
    _set_version(journal, 999)
    async with migrating(database_url, "gateway") as connection:
        await connection.execute(text("UPDATE alembic_version SET version_num = '0999'"))
    env = {"DATABASE_URL": database_url, "SERVICE_CLIENT_SECRET": "s" * 40}

    migrated = await asyncio.to_thread(run_command, "gateway", "migrate", env, tmp_path)
    async with serve_process(_program("serve"), env) as served:
        log = served.log

    assert migrated.returncode == 0
    assert "migrations.database_is_newer" in log
    assert _version(journal) == 999


async def test_the_gateway_refuses_a_journal_of_an_older_release(
    journal: Engine, database_url: str, tmp_path: Path, free_port: int
) -> None:
    """
    Where the engine's own migrations are missing the start is one line that says what to run.
    """
    _set_version(journal, _version(journal) - 1)
    env = {
        "DATABASE_URL": database_url,
        "SERVICE_CLIENT_SECRET": "s" * 40,
        "SERVICE_PORT": str(free_port),
    }

    refused = await asyncio.to_thread(run_command, "gateway", "serve", env, tmp_path)

    assert refused.returncode == 3
    assert "migrate" in refused.stdout


def test_the_form_of_the_journal_is_the_one_that_was_read(journal: Engine) -> None:
    """
    A new version of the engine brings new migrations of its own, which somebody has to have read.
    """
    assert _version(journal) == JOURNAL_FORM


def _program(command: str) -> list[str]:
    return [sys.executable, "-m", "gateway", command]


def _version(journal: Engine) -> int:
    with journal.connect() as connection:
        return int(connection.scalar(text(f"SELECT version FROM {_table(journal)}")) or 0)


def _set_version(journal: Engine, version: int) -> None:
    with journal.begin() as connection:
        connection.execute(text(f"UPDATE {_table(journal)} SET version = :v"), {"v": version})


def _table(journal: Engine) -> str:
    prefix = f"{SCHEMA}." if journal.dialect.name == "postgresql" else ""
    return f"{prefix}dbos_migrations"
