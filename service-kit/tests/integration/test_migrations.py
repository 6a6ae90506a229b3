"""
Bringing a database to the form that the code expects, on both databases.
"""

import asyncio
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from uuid import uuid4

import pytest
import structlog
from sqlalchemy import inspect, text
from toy_packages import TABLES, ToyPackage

from servicekit import migrations
from servicekit.database import Database
from servicekit.errors import ServiceUnavailable
from servicekit.migrations import MigrationError, MigrationsPending
from servicekit.migrations.exclusive import migrating
from servicekit.testing import eventually
from servicekit.testing.postgres import PostgresServer

CREATE_SHELVES = """
op.create_table(
    "shelves",
    sa.Column("id", sa.Integer(), primary_key=True),
    sa.Column("name", sa.String(20), nullable=False),
)
"""


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ToyPackage:
    monkeypatch.syspath_prepend(tmp_path)
    return ToyPackage(tmp_path, f"toy_{uuid4().hex}")


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    database = Database(database_url)
    yield database
    await database.aclose()


async def _tables(database: Database) -> set[str]:
    async with database.read() as connection:
        return set(await connection.run_sync(lambda sync: inspect(sync).get_table_names()))


async def _count(database: Database, table: str) -> int:
    async with database.read() as connection:
        count: int = (await connection.execute(text(f"SELECT count(*) FROM {table}"))).scalar_one()
        return count


async def test_migrations_make_the_database_current(
    package: ToyPackage, database: Database, database_url: str
) -> None:
    """
    Before, a service refuses and says what to run; afterwards it is content; twice changes nothing.
    """
    package.has_migration("0001", CREATE_SHELVES)

    assert not await migrations.is_current(database, package.name)
    with pytest.raises(MigrationsPending) as caught:
        await migrations.ensure_current(database, package.name)
    assert str(caught.value).endswith(f"run: python -m {package.name} migrate")

    await migrations.upgrade(database_url, package.name)
    await migrations.upgrade(database_url, package.name)

    await migrations.ensure_current(database, package.name)
    assert await _tables(database) == {"alembic_version", "shelves"}


def test_migrate_needs_no_event_loop(package: ToyPackage, sqlite_url: str, tmp_path: Path) -> None:
    """
    The command line migrates by a plain call, which also makes the file.
    """
    package.has_migration("0001", CREATE_SHELVES)

    migrations.migrate(sqlite_url, package.name)

    assert (tmp_path / "test.db").exists()


async def test_failed_migration_leaves_the_database_as_it_was(
    package: ToyPackage, database: Database, database_url: str
) -> None:
    """
    When one migration fails none of the run is kept, and one line says what was wrong.
    """
    package.has_migration("0001", CREATE_SHELVES)
    package.has_migration("0002", 'op.execute("SELECT nonsense")', after="0001")

    with pytest.raises(MigrationError, match="nonsense") as caught:
        await migrations.upgrade(database_url, package.name)

    assert "\n" not in str(caught.value)
    assert await _tables(database) == set()


async def test_processes_may_migrate_at_once(
    package: ToyPackage, database: Database, database_url: str, tmp_path: Path
) -> None:
    """
    Of two processes that migrate at the same time one does it, and the other finds it done.
    """
    package.has_migration("0001", CREATE_SHELVES)
    package.has_migration(
        "0002", "op.execute(\"INSERT INTO shelves (id, name) VALUES (1, 'a')\")", after="0001"
    )
    script = (
        "import sys; from servicekit.migrations import migrate; print('ready', flush=True);"
        "sys.stdin.readline(); migrate(*sys.argv[1:])"
    )
    replicas = [
        await asyncio.create_subprocess_exec(
            *(sys.executable, "-c", script, database_url, package.name),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            cwd=tmp_path,
        )
        for _ in range(2)
    ]
    for replica in replicas:
        assert replica.stdout is not None
        await asyncio.wait_for(replica.stdout.readline(), 60)

    await asyncio.gather(*(replica.communicate(b"\n") for replica in replicas))

    assert [replica.returncode for replica in replicas] == [0, 0]
    assert await _count(database, "shelves") == 1


async def test_replica_waits_for_one_that_migrates(
    package: ToyPackage, postgres_url: str, postgres_server: PostgresServer
) -> None:
    """
    While one replica migrates another one of the same service stands in line behind it.
    """
    package.has_migration("0001", CREATE_SHELVES)
    waiting = (
        "SELECT count(*) FROM pg_locks JOIN pg_stat_activity USING (pid)"
        f" WHERE locktype = 'advisory' AND NOT granted AND application_name LIKE '{package.name}%'"
    )

    async with migrating(postgres_url, package.name):
        replica = asyncio.ensure_future(migrations.upgrade(postgres_url, package.name))
        await eventually(lambda: postgres_server.sql(waiting) == "1\n")
        assert not replica.done()

    await asyncio.wait_for(replica, 30)


async def test_changing_a_table_keeps_what_refers_to_it(
    package: ToyPackage, database: Database, database_url: str
) -> None:
    """
    A table that is changed keeps its rows, and so do the tables whose rows would go with them.
    """
    package.has_migration("0001", CREATE_SHELVES)
    package.has_migration(
        "0002",
        """
        op.create_table(
            "books",
            sa.Column("id", sa.Integer(), primary_key=True),
            sa.Column("shelf_id", sa.Integer(), sa.ForeignKey("shelves.id", ondelete="CASCADE")),
        )
        op.execute("INSERT INTO shelves (id, name) VALUES (1, 'a')")
        op.execute("INSERT INTO books (id, shelf_id) VALUES (1, 1)")
        """,
        after="0001",
    )
    await migrations.upgrade(database_url, package.name)

    package.has_migration(
        "0003",
        """
        with op.batch_alter_table("shelves") as batch:
            batch.alter_column("name", type_=sa.String(200), nullable=True)
        """,
        after="0002",
    )
    await migrations.upgrade(database_url, package.name)

    assert await _count(database, "shelves") == 1
    assert await _count(database, "books") == 1


async def test_migration_may_not_break_references(package: ToyPackage, sqlite_url: str) -> None:
    """
    Foreign keys sleep while SQLite migrates, and are checked before the migration counts.
    """
    package.has_migration(
        "0001",
        CREATE_SHELVES
        + """
op.create_table(
    "books",
    sa.Column("id", sa.Integer(), primary_key=True),
    sa.Column("shelf_id", sa.Integer(), sa.ForeignKey("shelves.id")),
)
op.execute("INSERT INTO books (id, shelf_id) VALUES (1, 99)")
""",
    )

    with pytest.raises(MigrationError, match="books"):
        await migrations.upgrade(sqlite_url, package.name)

    database = Database(sqlite_url)
    assert await _tables(database) == set()
    await database.aclose()


async def test_database_of_a_newer_release_is_left_alone(
    package: ToyPackage, database: Database, database_url: str
) -> None:
    """
    An older release that is rolled back to starts on the newer database, says so, and does not touch it.
    """
    package.has_migration("0001", CREATE_SHELVES)
    await migrations.upgrade(database_url, package.name)
    async with database.write() as connection:
        await connection.execute(text("UPDATE alembic_version SET version_num = '0009'"))

    with structlog.testing.capture_logs() as log:
        await migrations.upgrade(database_url, package.name)
        await migrations.ensure_current(database, package.name)

    assert await migrations.is_current(database, package.name)
    told = {"event": "migrations.database_is_newer", "applied": "0009", "known": "0001"}
    assert log == [told | {"log_level": "warning"}] * 2
    async with database.read() as connection:
        version = await connection.scalar(text("SELECT version_num FROM alembic_version"))
    assert version == "0009"


async def test_new_revision_writes_what_the_tables_need(
    package: ToyPackage, database_url: str
) -> None:
    """
    A written migration makes tables and migrations agree on both databases, with our own types.
    """
    first = await asyncio.to_thread(migrations.new_revision, package.name, "Keep books")
    package.has_tables(TABLES.replace("String(20)", "String(80)"))
    second = await asyncio.to_thread(migrations.new_revision, package.name, "Longer names")

    assert first.name == "0001_keep_books.py"
    assert second.name == "0002_longer_names.py"
    assert "from servicekit.database import UtcDateTime" in first.read_text()
    assert await migrations.pending_model_changes(database_url, package.name) == []


async def test_forgotten_migration_is_noticed(package: ToyPackage, database_url: str) -> None:
    """
    Tables that no migration makes are named.
    """
    await asyncio.to_thread(migrations.new_revision, package.name, "Keep books")
    package.has_tables(
        TABLES.replace('Column("extra", Json)', 'Column("extra", Json), Column("pages", Integer)')
    )

    differences = await migrations.pending_model_changes(database_url, package.name)

    assert len(differences) == 1
    assert "pages" in differences[0]


async def test_migrations_that_fork_are_refused(package: ToyPackage, sqlite_url: str) -> None:
    """
    Two migrations that follow the same one are named, instead of applied in some order.
    """
    package.has_migration("0001", CREATE_SHELVES)
    package.has_migration("0002", "pass", after="0001")
    package.has_migration("0003", "pass", after="0001")

    with pytest.raises(MigrationError, match=r"0002, 0003|0003, 0002"):
        await migrations.upgrade(sqlite_url, package.name)


async def test_broken_line_of_migrations_is_one_clear_line(
    package: ToyPackage, sqlite_url: str
) -> None:
    """
    A migration that follows one which is not there is told in one line.
    """
    package.has_migration("0002", "pass", after="0001")

    with pytest.raises(MigrationError) as caught:
        await migrations.upgrade(sqlite_url, package.name)

    assert "0001" in str(caught.value)
    assert "\n" not in str(caught.value)


async def test_number_that_occurs_twice_is_refused(package: ToyPackage, sqlite_url: str) -> None:
    """
    Two branches of work that used the same number notice it before anything is applied.
    """
    package.has_migration("0001", CREATE_SHELVES)
    (package.versions / "0001_other.py").write_text(
        (package.versions / "0001_made_up.py").read_text()
    )

    with pytest.raises(MigrationError, match="0001"):
        await migrations.upgrade(sqlite_url, package.name)


@pytest.mark.parametrize("package_name", ["json", "no_such_package"])
async def test_package_without_migrations_is_named(sqlite_url: str, package_name: str) -> None:
    """
    A package that has no migrations is told so.
    """
    with pytest.raises(MigrationError, match=package_name):
        await migrations.upgrade(sqlite_url, package_name)


async def test_package_that_names_no_tables_is_told_so(
    package: ToyPackage, sqlite_url: str
) -> None:
    """
    The tables are found as ``metadata``, and where they are not the error says so.
    """
    package.has_migration("0001", CREATE_SHELVES)
    package.has_tables("")

    with pytest.raises(MigrationError, match="`metadata`"):
        await migrations.upgrade(sqlite_url, package.name)


async def test_unreachable_database_is_unavailable(package: ToyPackage, free_port: int) -> None:
    """
    A database that is away is no fault of the migrations.
    """
    package.has_migration("0001", CREATE_SHELVES)

    with pytest.raises(ServiceUnavailable):
        await migrations.upgrade(f"postgresql://u@127.0.0.1:{free_port}/shop", package.name)
