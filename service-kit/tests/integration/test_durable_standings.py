"""
Works that nobody goes on with: the engine tells its service of them, and begins them again.
"""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from journal_rows import rewrite
from toy_sagas import SAGA, Toy, toy_engine, with_journal

from servicekit.durable import Engine, upgrade
from servicekit.outside import Outside
from servicekit.sagas import Standing
from servicekit.testing import FakeClock, eventually
from servicekit.testing.fixtures import DatabaseCopy

#: What ends by itself, on a machine that is busy with other tests.
_SOON_S = 20.0
STOPPED = ["SUCCESS", "ERROR", "CANCELLED", "MAX_RECOVERY_ATTEMPTS_EXCEEDED"]


@pytest.fixture
async def url(database_copy: DatabaseCopy) -> str:
    """
    The address of a service's database, whose journal is migrated.
    """
    return await with_journal(database_copy)


@pytest.fixture
def toy() -> Toy:
    return Toy.with_ledger()


@pytest.mark.parametrize("status", STOPPED)
async def test_work_that_stands_stopped_is_begun_again(url: str, toy: Toy, status: str) -> None:
    """
    However it came to that; what was found out the first time holds.
    """
    engine = toy_engine(url, toy)
    async with engine.running():
        await _is_done(engine, toy)
        await rewrite(url, "toy:w1", status=status)
        before = await engine.standings(SAGA, ["w1"])

        is_begun = await engine.begin_again(SAGA, "w1")

        await eventually(lambda: len(toy.told) == 2, within_s=_SOON_S)
        assert before == {"w1": Standing.STOPPED}
        assert is_begun
        assert toy.ledger.count("w1 first") == 1


@pytest.mark.parametrize("status", ["PENDING", "ENQUEUED"])
async def test_work_that_somebody_goes_on_with_is_let_alone(
    url: str, toy: Toy, status: str
) -> None:
    """
    It stands as going, and is not begun again; nor is what nobody has heard of.
    """
    engine = toy_engine(url, toy)
    async with engine.running():
        await _is_done(engine, toy)
        await rewrite(url, "toy:w1", status=status)

        standings = await engine.standings(SAGA, ["w1", "w2"])
        told = [await engine.begin_again(SAGA, one) for one in ("w1", "w2")]

        assert standings == {"w1": Standing.GOING}
        assert told == [False, False]


@pytest.mark.parametrize("status", ["PENDING", "ERROR"])
async def test_work_of_another_version_is_foreign(url: str, toy: Toy, status: str) -> None:
    """
    However it stands: what it means is known by its own release only.
    """
    engine = toy_engine(url, toy)
    async with engine.running():
        await _is_done(engine, toy)
        await rewrite(url, "toy:w1", status=status, application_version="another")

        assert await engine.standings(SAGA, ["w1"]) == {"w1": Standing.FOREIGN}


async def test_work_that_was_stopped_by_hand_is_forgotten_as_well(tmp_path: Path, toy: Toy) -> None:
    """
    The journal keeps for ever only what goes on.
    """
    url = f"sqlite:///{tmp_path}/service.db"
    await upgrade(url)
    clock = FakeClock(datetime.now(UTC))
    engine = toy_engine(url, toy, outside=Outside(sleep=clock.sleep), now=clock.now)
    async with engine.running():
        await _is_done(engine, toy)
        await rewrite(url, "toy:w1", status="CANCELLED")
        clock.advance(timedelta(hours=25).total_seconds())

        async def is_forgotten() -> bool:
            return await engine.standings(SAGA, ["w1"]) == {}

        await eventually(is_forgotten, within_s=_SOON_S)


async def _is_done(engine: Engine, toy: Toy) -> None:
    """
    A work that has ended, whose end the journal has.
    """
    await engine.start(SAGA, "w1", {})
    await eventually(lambda: bool(toy.told), within_s=_SOON_S)

    async def is_recorded() -> bool:
        return await engine.standings(SAGA, ["w1"]) == {"w1": Standing.STOPPED}

    await eventually(is_recorded, within_s=_SOON_S)
