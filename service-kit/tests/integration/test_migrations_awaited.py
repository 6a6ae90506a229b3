"""
Waiting until somebody else has migrated the database, on both databases.
"""

from collections.abc import Awaitable, Callable
from pathlib import Path
from uuid import uuid4

import pytest
from fastapi import FastAPI
from toy_packages import ToyPackage

from servicekit import migrations
from servicekit.commands import Service, main
from servicekit.errors import ServiceUnavailable
from servicekit.migrations import MigrationsPending
from servicekit.migrations.waiting import wait_until_current
from servicekit.settings import ServiceSettings

CREATE_SHELVES = 'op.create_table("shelves", sa.Column("id", sa.Integer(), primary_key=True))'


class Time:
    """
    A clock that goes on only where somebody sleeps; ``meanwhile`` is what happens in his sleep.
    """

    def __init__(self, meanwhile: Callable[[], Awaitable[None]] | None = None) -> None:
        self.now_s = 0.0
        self._meanwhile = meanwhile

    def __call__(self) -> float:
        return self.now_s

    async def sleep(self, seconds: float) -> None:
        self.now_s += seconds
        if self._meanwhile is not None:
            await self._meanwhile()


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ToyPackage:
    monkeypatch.syspath_prepend(tmp_path)
    package = ToyPackage(tmp_path, f"toy_{uuid4().hex}")
    package.has_migration("0001", CREATE_SHELVES)
    return package


async def test_the_wait_ends_with_the_migration(package: ToyPackage, database_url: str) -> None:
    """
    Whoever waits goes on as soon as another has migrated, and at once where that was before.
    """
    time = Time(meanwhile=lambda: migrations.upgrade(database_url, package.name))

    for _ in range(2):
        await wait_until_current(
            database_url, package.name, within_s=60, sleep=time.sleep, clock=time
        )

    assert time.now_s == 1


async def test_the_wait_has_an_end(package: ToyPackage, database_url: str) -> None:
    """
    After its time it says what is missing, and has migrated nothing itself.
    """
    time = Time()

    with pytest.raises(MigrationsPending, match=r"run: python -m \w+ migrate"):
        await wait_until_current(
            database_url, package.name, within_s=3, sleep=time.sleep, clock=time
        )

    assert time.now_s == 3


async def test_a_database_that_is_away_is_waited_for(package: ToyPackage, free_port: int) -> None:
    """
    A database that is only about to start is no reason to give up before the time is over.
    """
    time = Time()
    away = f"postgresql://somebody:secret@127.0.0.1:{free_port}/nowhere"

    with pytest.raises(ServiceUnavailable):
        await wait_until_current(away, package.name, within_s=3, sleep=time.sleep, clock=time)

    assert time.now_s == 3


def test_the_command_line_waits(
    package: ToyPackage,
    sqlite_url: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """
    ``migrated`` is one line and exit code 2 before the migration, and 0 after it.
    """
    monkeypatch.setenv("DATABASE_URL", sqlite_url)
    service = Service(package.name, ServiceSettings, create_app=_no_app)

    before = main(service, ["migrated", "--within", "0"])
    said = capsys.readouterr().err
    assert main(service, ["migrate"]) == 0
    after = main(service, ["migrated", "--within", "0"])

    assert (before, after) == (2, 0)
    assert said.splitlines()[-1].endswith(f"run: python -m {package.name} migrate")


def _no_app(_settings: ServiceSettings) -> FastAPI:
    raise AssertionError("nobody serves here")
