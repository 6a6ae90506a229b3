"""
What is told of load: how late the loop is, what waits together, and how many connections are in use.
"""

import asyncio
from collections.abc import AsyncIterator, Sequence

import pytest
from prometheus_client import CollectorRegistry
from sqlalchemy import Column, Connection, Integer, Table, insert

from servicekit.batching import Batcher
from servicekit.database import Database, Together, new_metadata
from servicekit.database.metrics import GroupMetrics, PoolMetrics
from servicekit.errors import NotFound
from servicekit.metrics.buckets import Buckets
from servicekit.metrics.loop_lag import LoopLag

metadata = new_metadata()
things = Table("things", metadata, Column("id", Integer, primary_key=True))


class HeldUpLoop(asyncio.SelectorEventLoop):
    """
    A loop that is as late as a test says; nothing runs in it.
    """

    now = 100.0

    def time(self) -> float:
        """
        As told.
        """
        return self.now


@pytest.fixture
def registry() -> CollectorRegistry:
    """
    Where the metrics go.
    """
    return CollectorRegistry()


@pytest.fixture
async def database(sqlite_url: str) -> AsyncIterator[Database]:
    """
    A database with one table.
    """
    database = Database(sqlite_url, pool_size=2, max_overflow=1)
    async with database.write() as connection:
        await connection.run_sync(metadata.create_all)
    yield database
    await database.aclose()


def _add_all(connection: Connection, rows: Sequence[int]) -> Sequence[int]:
    if 13 in rows and len(rows) > 1:
        raise NotFound("thing", "13")
    connection.execute(insert(things), [{"id": row} for row in rows])
    return rows


def test_a_loop_that_was_held_up_shows(registry: CollectorRegistry) -> None:
    """
    By as much as it came late to what was due.
    """
    lag = LoopLag(registry)
    loop = HeldUpLoop()
    try:
        for late_s in (0.0, 0.3):
            lag._look(loop, due=loop.now - late_s)
    finally:
        loop.close()

    assert registry.get_sample_value("event_loop_lag_seconds_count") == 2
    assert registry.get_sample_value("event_loop_lag_seconds_bucket", {"le": "0.25"}) == 1
    assert registry.get_sample_value("event_loop_lag_seconds_sum") == pytest.approx(0.3)


@pytest.mark.leaping_time
async def test_the_loop_is_looked_at_as_long_as_the_service_runs(
    registry: CollectorRegistry,
) -> None:
    """
    Twice a second, and not any more afterwards.
    """
    with LoopLag(registry).watched():
        await asyncio.sleep(10.1)
    looked = registry.get_sample_value("event_loop_lag_seconds_count")
    await asyncio.sleep(10)

    assert looked == 20
    assert registry.get_sample_value("event_loop_lag_seconds_count") == looked


async def test_connections_in_use_are_told(database: Database, registry: CollectorRegistry) -> None:
    """
    As they are when somebody asks, of as many as there may be: on SQLite one more, which writes.
    """
    PoolMetrics(registry, database)

    async with database.read(), database.read():
        inside = registry.get_sample_value("database_connections_in_use")
    after = registry.get_sample_value("database_connections_in_use")

    assert (inside, after) == (2, 0)
    assert registry.get_sample_value("database_connections_limit") == 4


async def test_rows_that_are_written_together_are_told(
    database: Database, registry: CollectorRegistry
) -> None:
    """
    Each row once, in fewer transactions than rows.
    """
    together = Together(database, watch=GroupMetrics(registry))

    await asyncio.gather(*(together.write(_add_all, number) for number in range(10)))

    groups = registry.get_sample_value("database_group_rows_count")
    assert registry.get_sample_value("database_group_rows_sum") == 10
    assert groups is not None
    assert groups < 10
    assert registry.get_sample_value("database_groups_apart_total") == 0


async def test_a_group_that_is_taken_apart_is_told(
    database: Database, registry: CollectorRegistry
) -> None:
    """
    One row's fault costs the others their company.
    """
    together = Together(database, watch=GroupMetrics(registry))

    await asyncio.gather(*(together.write(_add_all, number) for number in (11, 12, 13, 14)))
    await together.quiet()

    assert registry.get_sample_value("database_groups_apart_total") == 1


@pytest.mark.leaping_time
async def test_keys_and_waits_of_calls_are_told() -> None:
    """
    Of each call how many keys it asked for, and how long the first of them had waited: not who is long gone.
    """

    async def fetch(keys: Sequence[str]) -> dict[str, str | Exception]:
        await asyncio.sleep(1)
        return dict.fromkeys(keys, "x")

    batcher = Batcher(fetch, max_size=2, max_in_flight=1)
    waits_s = batcher.batches.waits_s

    first = asyncio.create_task(batcher.load_many(["a", "b"]))
    await asyncio.sleep(0.25)
    second = asyncio.create_task(batcher.load_many(["c", "d"]))
    await asyncio.sleep(0.5)
    # There is somebody in line from now on until all is over.
    third = asyncio.create_task(batcher.load_many(["e"]))
    await asyncio.gather(first, second, third)

    assert (sum(batcher.batches.keys.counts), batcher.batches.keys.total) == (3, 5)
    assert sum(waits_s.counts) == 3
    assert waits_s.total == pytest.approx(0 + (1 - 0.25) + (2 - 0.75), abs=0.05)


@pytest.mark.parametrize(
    ("value", "place"), [(0.5, 0), (1.0, 0), (1.5, 1), (2.0, 1), (2.1, 2), (1e9, 2)]
)
def test_a_value_counts_where_prometheus_would_count_it(value: float, place: int) -> None:
    """
    A bound belongs to its bucket; what is beyond all of them counts last.
    """
    buckets = Buckets((1.0, 2.0))

    buckets.observe(value)

    assert [place for place, count in enumerate(buckets.counts) if count] == [place]
    assert buckets.total == value
