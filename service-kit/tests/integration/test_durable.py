"""
The engine in one process, on both databases.
"""

import asyncio
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import structlog
from prometheus_client import generate_latest
from toy_sagas import SAGA, WHO_ASKS, Toy, toy_engine, with_journal

from servicekit import correlation, deadline
from servicekit.durable import DurableError, DurableSettings, Engine, upgrade
from servicekit.errors import ServiceUnavailable
from servicekit.outside import Outside
from servicekit.sagas import Done, Refused, Unknown
from servicekit.telemetry import Telemetry
from servicekit.testing import FakeClock, eventually
from servicekit.testing.fixtures import DatabaseCopy

#: What ends by itself, on a machine that is busy with other tests.
_SOON_S = 20.0


@pytest.fixture
async def url(database_copy: DatabaseCopy) -> str:
    """
    The address of a service's database, whose journal is migrated.
    """
    return await with_journal(database_copy)


@pytest.fixture
def toy() -> Toy:
    return Toy.with_ledger()


async def test_started_work_is_carried_out_and_its_end_is_told(url: str, toy: Toy) -> None:
    """
    Who started a work can wait for its end, which has been told by then.
    """
    engine = toy_engine(url, toy)
    async with engine.running():
        await engine.start(SAGA, "w1", {"x": 7})

        assert await engine.ended(SAGA, "w1", within_s=_SOON_S)

        assert toy.told == [("w1", "done")]
        assert toy.ledger == [
            "w1 first",
            "w1 second begun",
            "w1 second",
            "w1 third",
            "w1 ended done",
        ]


async def test_work_started_a_hundred_times_is_carried_out_once(url: str, toy: Toy) -> None:
    """
    Starting the same work again changes nothing, at the same moment or after its end.
    """
    engine = toy_engine(url, toy)
    async with engine.running():
        await asyncio.gather(*(engine.start(SAGA, "w1", {"x": n}) for n in range(100)))
        assert await engine.ended(SAGA, "w1", within_s=_SOON_S) or toy.told
        await engine.start(SAGA, "w1", {"x": 7})

        assert toy.ledger.count("w1 first") == 1
        assert toy.told == [("w1", "done")]
        assert not await engine.ended(SAGA, "w1", within_s=_SOON_S)


async def test_works_of_one_id_in_two_sagas_are_two(url: str, toy: Toy) -> None:
    """
    A work's id is its own within its saga only; what was started is known by both.
    """
    engine = toy_engine(url, toy)
    async with engine.running():
        await engine.start(SAGA, "w1", {})
        await engine.ended(SAGA, "w1", within_s=_SOON_S)

        assert [*await engine.standings(SAGA, ["w1", "w2"])] == ["w1"]
        assert await engine.standings("other", ["w1"]) == {}
        assert await engine.standings(SAGA, []) == {}


async def test_waiting_ends_when_its_time_is_over(url: str, toy: Toy) -> None:
    """
    ``ended`` tells False for work that goes on, after the time, and at once for what does not run here.
    """
    is_held = True
    toy.held = lambda: is_held
    engine = toy_engine(url, toy)
    async with engine.running():
        await engine.start(SAGA, "w1", {})

        assert not await engine.ended(SAGA, "w1", within_s=0.05)
        async with asyncio.timeout(_SOON_S):
            assert not await engine.ended(SAGA, "unknown", within_s=3600)

        assert engine.running_count == 1
        is_held = False
        assert await engine.ended(SAGA, "w1", within_s=_SOON_S)
        await eventually(lambda: engine.running_count == 0)


async def test_work_begun_at_once_needs_no_engine_where_all_goes_well(url: str, toy: Toy) -> None:
    """
    Its end can be waited for from the first moment, and the engine's journal never hears of it.
    """
    engine = toy_engine(url, toy)
    async with engine.running():
        engine.begin(SAGA, "w1", {})

        assert await engine.ended(SAGA, "w1", within_s=_SOON_S)
        assert await engine.standings(SAGA, ["w1"]) == {}

    assert toy.told == [("w1", "done")]


async def test_work_begun_at_once_is_started_when_it_must_be_repeated(url: str, toy: Toy) -> None:
    """
    What has no answer is the engine's: it repeats that, and asks nothing again that is found out.
    """
    toy.outcomes["third"] = [Unknown("LOST")]
    engine = toy_engine(url, toy)
    async with engine.running():
        engine.begin(SAGA, "w1", {})

        assert await engine.ended(SAGA, "w1", within_s=_SOON_S)
        assert [*await engine.standings(SAGA, ["w1"])] == ["w1"]

    assert toy.told == [("w1", "done")]
    assert toy.ledger.count("w1 first") == 1


async def test_caller_who_leaves_does_not_stop_the_start(url: str, toy: Toy) -> None:
    """
    A start that was asked for happens, whoever is gone; so does the work.
    """
    engine = toy_engine(url, toy)
    async with engine.running():
        caller = asyncio.ensure_future(engine.start(SAGA, "w1", {}))
        await asyncio.sleep(0)
        caller.cancel()
        await asyncio.wait({caller})

        await eventually(lambda: toy.told == [("w1", "done")], within_s=_SOON_S)


async def test_work_keeps_the_callers_ids_and_nothing_else(url: str, toy: Toy) -> None:
    """
    Deeds belong to the request's correlation; its deadline is not theirs: they have the ten seconds of an attempt.
    """
    engine = toy_engine(url, toy)
    WHO_ASKS.set("a shopper")
    async with engine.running():
        with correlation.correlated(correlation.new("from-the-shop")), deadline.within(0.5):
            await engine.start(SAGA, "w1", {})
        await engine.ended(SAGA, "w1", within_s=_SOON_S)

    [(correlation_id, left_s, who_asks)] = toy.contexts
    assert correlation_id == "from-the-shop"
    assert left_s is not None
    assert 1 < left_s <= 10
    assert who_asks == "nobody"


async def test_refused_work_is_undone(url: str, toy: Toy) -> None:
    """
    A refusal is an end like another, and is counted as such.
    """
    telemetry = Telemetry()
    toy.outcomes["third"] = [Refused("NO")]
    engine = toy_engine(url, toy, telemetry=telemetry)
    async with engine.running():
        await engine.start(SAGA, "w1", {})
        await engine.ended(SAGA, "w1", within_s=_SOON_S)

    assert toy.ledger[-3:] == ["w1 undo second", "w1 undo first", "w1 ended refused"]
    metrics = generate_latest(telemetry.registry).decode()
    assert 'saga_ended_total{outcome="refused",saga="toy"} 1.0' in metrics
    assert "saga_running 0.0" in metrics


async def test_nudged_work_makes_its_next_attempt_at_once(url: str, toy: Toy) -> None:
    """
    Work that pauses between attempts does not wait when it is told to hurry.
    """
    clock = FakeClock()  # that stands still: no pause ends by itself
    toy.outcomes["third"] = [Unknown("LOST"), Unknown("LOST")]
    engine = toy_engine(url, toy, outside=_world_of(clock))
    async with engine.running():
        await engine.start(SAGA, "w1", {})
        for attempt in (1, 2):
            await eventually(lambda: toy.ledger.count("w1 third") == attempt, within_s=_SOON_S)  # noqa: B023
            await eventually(lambda: clock.sleepers > 1, within_s=_SOON_S)
            await engine.nudge("w1")

        assert await engine.ended(SAGA, "w1", within_s=_SOON_S)


async def test_unfinished_work_is_left_at_the_end_and_goes_on_at_the_next_start(
    url: str, toy: Toy
) -> None:
    """
    A stop waits for no pause. The next start takes up the work with its ids, and nothing is lost to the log.
    """
    clock, telemetry = FakeClock(), Telemetry()
    toy.outcomes["third"] = [Unknown("LOST")]
    engine = toy_engine(url, toy, outside=_world_of(clock))
    with structlog.testing.capture_logs() as lines:
        async with engine.running():
            with correlation.correlated(correlation.new("from-the-shop")):
                await engine.start(SAGA, "w1", {"x": 7})
            await eventually(lambda: "w1 third repeating LOST" in toy.ledger, within_s=_SOON_S)
        assert toy.told == []
        with pytest.raises(ServiceUnavailable):
            await engine.start(SAGA, "w2", {})

        again = toy_engine(url, toy, telemetry=telemetry)
        async with again.running():
            await eventually(lambda: toy.told == [("w1", "done")], within_s=_SOON_S)

    assert toy.ledger.count("w1 first") == 1
    assert 'saga_recoveries_total{saga="toy"} 1.0' in generate_latest(telemetry.registry).decode()
    assert [line["event"] for line in lines if line["log_level"] in ("error", "warning")] == []


async def test_work_in_progress_is_waited_for_at_the_end(url: str, toy: Toy) -> None:
    """
    A stop gives a deed that is under way the moment that it needs.
    """
    held_for = 3

    def held() -> bool:
        nonlocal held_for
        held_for -= 1
        return held_for > 0

    toy.held = held
    engine = toy_engine(url, toy)
    async with engine.running():
        await engine.start(SAGA, "w1", {})

    assert toy.told == [("w1", "done")]


async def test_threads_work_after_the_engine_has_stopped(url: str, toy: Toy) -> None:
    """
    What stops after the engine finds an event loop whose threads work.
    """
    engine = toy_engine(url, toy)
    async with engine.running():
        await engine.start(SAGA, "w1", {})

    assert await asyncio.to_thread(lambda: 7) == 7


async def test_mistake_in_the_journal_breaks_the_work_off_and_not_down(url: str, toy: Toy) -> None:
    """
    When an outcome cannot be recorded the work has not ended: it is taken up again.
    """
    toy.outcomes["second"] = [Done({"odd": object()})]  # type: ignore[dict-item]  # no JSON
    engine = toy_engine(url, toy)
    async with engine.running():
        await engine.start(SAGA, "w1", {})
        await eventually(lambda: toy.ledger.count("w1 second") == 1, within_s=_SOON_S)
        await eventually(lambda: _nudged(engine, "w1", toy), within_s=_SOON_S, every_s=0.1)

    assert toy.told == [("w1", "done")]
    assert toy.ledger.count("w1 second") == 2


async def _nudged(engine: Engine, work_id: str, toy: Toy) -> bool:
    await engine.nudge(work_id)
    return bool(toy.told)


async def test_ended_work_is_forgotten_after_a_while(url: str, toy: Toy) -> None:
    """
    The journal keeps what ended for SAGA_KEEP_HOURS, and what goes on for ever.
    """
    is_held = False
    toy.held = lambda: is_held
    clock = FakeClock(datetime.now(UTC))
    engine = Engine(
        DurableSettings(service_name="toy-service", database_url=url, saga_keep_hours=24),
        [toy.saga],
        telemetry=Telemetry(),
        outside=_world_of(clock),
        now=clock.now,
    )
    async with engine.running():
        await engine.start(SAGA, "w1", {})
        await engine.ended(SAGA, "w1", within_s=_SOON_S)
        is_held = True
        await engine.start(SAGA, "w2", {})

        clock.advance(timedelta(hours=23).total_seconds())
        await eventually(lambda: clock.sleepers >= 1, within_s=_SOON_S)
        assert {*await engine.standings(SAGA, ["w1", "w2"])} == {"w1", "w2"}
        clock.advance(timedelta(hours=2).total_seconds())

        async def only_w2() -> bool:
            return [*await engine.standings(SAGA, ["w1", "w2"])] == ["w2"]

        await eventually(only_w2, within_s=_SOON_S)
        is_held = False


async def test_long_trouble_is_counted_and_told(url: str, toy: Toy) -> None:
    """
    Work that repeats for longer than UNDO_ATTENTION_AFTER_SECONDS needs attention, and goes on.
    """
    clock, telemetry = FakeClock(), Telemetry()
    toy.outcomes["third"] = [Unknown("LOST")] * 30
    engine = Engine(
        DurableSettings(service_name="toy-service", database_url=url),
        [toy.saga],
        telemetry=telemetry,
        outside=_world_of(clock),
        now=clock.now,
    )
    async with engine.running():
        await engine.start(SAGA, "w1", {})

        async def has_ended() -> bool:
            clock.advance(10)
            return bool(toy.told)

        await eventually(has_ended, within_s=_SOON_S)

    assert toy.attention == ["w1 third LOST"]
    metrics = generate_latest(telemetry.registry).decode()
    assert 'saga_attention_total{saga="toy",step="third"} 1.0' in metrics


async def test_journal_that_is_not_migrated_stops_the_start(database_url: str, toy: Toy) -> None:
    """
    Serving migrates nothing: one line says what to run.
    """
    with pytest.raises(DurableError, match="migrate") as caught:
        async with toy_engine(database_url, toy).running():
            pass

    assert "\n" not in str(caught.value)


async def test_journal_is_migrated_by_several_at_once(database_url: str, toy: Toy) -> None:
    """
    Replicas may migrate at the same time, and again.
    """
    await asyncio.gather(*(upgrade(database_url) for _ in range(3)))

    async with toy_engine(database_url, toy).running():
        pass


async def test_database_that_is_away_stops_the_start(free_port: int, toy: Toy) -> None:
    """
    A start without its database is refused as every service's is.
    """
    with pytest.raises(ServiceUnavailable):
        async with toy_engine(f"postgresql://u@127.0.0.1:{free_port}/shop", toy).running():
            pass


async def test_process_has_one_engine(url: str, toy: Toy, tmp_path: Path) -> None:
    """
    A second engine in one process is refused, in place of being mixed up with the first.
    """
    other = f"sqlite:///{tmp_path}/other.db"
    await upgrade(other)
    async with toy_engine(url, toy).running():
        with pytest.raises(DurableError, match="this process"):
            async with toy_engine(other, toy).running():
                pass


async def test_health_tells_whether_the_engine_runs(url: str, toy: Toy) -> None:
    """
    The check fails before the start and after the stop.
    """
    engine = toy_engine(url, toy)
    with pytest.raises(ServiceUnavailable):
        await engine.check.ping()

    async with engine.running():
        await engine.check.ping()

    with pytest.raises(ServiceUnavailable):
        await engine.check.ping()


def _world_of(clock: FakeClock) -> Outside:
    return Outside(sleep=clock.sleep)
