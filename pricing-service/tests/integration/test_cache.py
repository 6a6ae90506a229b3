"""
The cache of present prices: never older than its bound, never in the way, and never asked by quotes.

A price that is changed behind the service's back, in the database itself, shows which answers come
from the cache: nobody invalidates them.
"""

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, closing
from datetime import timedelta
from pathlib import Path

import pytest
from pricing_app import RunningPricing, prepare, running_pricing, settings_for
from sqlalchemy import update

from pricing.prices.cache import PAUSE_S, Entry, PriceCache
from pricing.prices.freshness import SteadyTime
from pricing.tables import price_versions
from servicekit.database import Database
from servicekit.redis import RedisStore
from servicekit.telemetry import Telemetry
from servicekit.testing.clock import FakeClock
from servicekit.testing.polling import eventually
from servicekit.testing.redis_server import RedisProcess

#: Not what it is by default.
BOUND_S = 7
OLD, NEW = "79.00", "1.00"


@asynccontextmanager
async def service(
    database_url: str, redis_url: str, clock: FakeClock, *, bound_s: int = BOUND_S
) -> AsyncIterator[RunningPricing]:
    """
    The service with a cache.
    """
    settings = settings_for(database_url, redis_url=redis_url, price_cache_seconds=bound_s)
    async with running_pricing(settings, clock) as running:
        yield running


@pytest.fixture(scope="module")
def seeded_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """
    A seeded database. What the cache does, does not depend on which of the two it is.
    """
    file = tmp_path_factory.mktemp("seeded") / "pricing.db"
    prepare(f"sqlite:///{file}")
    return file


@pytest.fixture
def prices_url(seeded_file: Path, tmp_path: Path) -> str:
    """
    A copy of it.
    """
    file = tmp_path / "pricing.db"
    with closing(sqlite3.connect(seeded_file)) as seeded, closing(sqlite3.connect(file)) as copy:
        seeded.backup(copy)
    return f"sqlite:///{file}"


@pytest.fixture
async def cached(
    prices_url: str, redis_url: str, clock: FakeClock
) -> AsyncIterator[RunningPricing]:
    """
    The service with a cache in a Redis that it shares with nobody.
    """
    async with service(prices_url, redis_url, clock) as running:
        yield running


@asynccontextmanager
async def reaching(redis_url: str) -> AsyncIterator[RedisStore]:
    """
    What the service has in a Redis.
    """
    store = RedisStore(redis_url, service="pricing")
    yield store
    await store.aclose()


@pytest.fixture
async def store(redis_url: str) -> AsyncIterator[RedisStore]:
    """
    What the service has in the Redis of ``cached``.
    """
    async with reaching(redis_url) as store:
        yield store


async def price(pricing: RunningPricing, product_id: str = "TEST-001") -> str:
    """
    What the service says a product costs.
    """
    answer = await pricing.price(product_id)
    assert answer.status_code == 200, answer.text
    return str(answer.json()["basePrice"])


async def changed_behind(database_url: str, product_id: str = "TEST-001") -> None:
    """
    Set the product's price to NEW in the database, so that no service knows.
    """
    database = Database(database_url)
    async with database.write() as connection:
        mine = price_versions.c.product_id == product_id
        await connection.execute(update(price_versions).where(mine).values(amount=100))
    await database.aclose()


async def lookups(pricing: RunningPricing) -> Mapping[str, float]:
    """
    How often the cache had what was asked for, and how often not.
    """
    metrics = (await pricing.http.get("/metrics")).text.splitlines()
    counts = dict.fromkeys(("hit", "miss", "unavailable"), 0.0)
    for outcome in counts:
        for line in metrics:
            if line.startswith("price_cache_lookups_total") and f'"{outcome}"' in line:
                counts[outcome] += float(line.rsplit(" ", 1)[1])
    return counts


async def test_a_price_is_never_older_than_the_bound(
    cached: RunningPricing, prices_url: str
) -> None:
    """
    Up to the bound a price comes from the cache, from there on from the database, however long
    Redis keeps the key: here no real time passes at all.
    """
    assert await price(cached) == OLD
    await changed_behind(prices_url)

    cached.clock.advance(BOUND_S - 0.001)
    within = await price(cached)
    cached.clock.advance(0.001)
    beyond = await price(cached)

    assert (within, beyond) == (OLD, NEW)
    assert await lookups(cached) == {"hit": 1, "miss": 2, "unavailable": 0}


async def test_a_clock_that_is_put_makes_no_price_older(
    cached: RunningPricing, prices_url: str
) -> None:
    """
    Put forward or back, with or without a request meanwhile: what was read before is not used any
    more, since nobody can tell how old it is.
    """
    clock = cached.clock
    cases = [(step_s, noticed) for step_s in (-3600, -3, 1, 3600) for noticed in (True, False)]
    for number, (step_s, is_noticed) in enumerate(cases, start=21):
        product_id = f"TEST-{number:03}"
        clock.advance(4000)
        old = await price(cached, product_id)
        assert old != NEW
        await changed_behind(prices_url, product_id)

        clock.set_wall(clock.now() + timedelta(seconds=step_s))
        if is_noticed:
            await price(cached)
        if step_s < 0:
            # So much later it is the moment again at which the price was read.
            clock.advance(-step_s)

        assert await price(cached, product_id) == NEW, (step_s, is_noticed)


async def test_a_change_to_come_is_not_missed(
    prices_url: str, redis_url: str, clock: FakeClock
) -> None:
    """
    A cached price ends where the next begins, however far away the bound is.
    """
    async with service(prices_url, redis_url, clock, bound_s=300) as pricing:
        begins, ends = (clock.now() + timedelta(seconds=at) for at in (60, 120))
        window = {"validFrom": begins.isoformat(), "validUntil": ends.isoformat()}
        sale = await pricing.set_price("TEST-001", "50.00", priceType="SALE", **window)
        assert sale.status_code == 200, sale.text

        seen = []
        for _ in range(5):
            seen.append(await price(pricing))
            clock.advance(30)

    assert seen == [OLD, OLD, "50.00", "50.00", OLD]


async def test_a_price_that_is_set_is_seen_at_once(
    prices_url: str, redis_url: str, clock: FakeClock
) -> None:
    """
    By all replicas that share a Redis, in this currency, and by no other product's readers.
    """
    async with (
        service(prices_url, redis_url, clock) as one,
        service(prices_url, redis_url, clock) as other,
    ):
        for pricing in (one, other):
            assert await price(pricing) == OLD
            await pricing.prices("TEST-001", "TEST-002", currency="EUR")
        clock.advance(1)
        await one.set_price("TEST-001", NEW)

        assert [await price(pricing) for pricing in (one, other)] == [NEW, NEW]
        before = await lookups(other)
        in_euros = await other.prices("TEST-001", "TEST-002", currency="EUR")

        assert [item["basePrice"] for item in in_euros.json()["items"]] == ["74.90", "399.00"]
        assert (await lookups(other))["hit"] == before["hit"] + 2


async def test_a_late_reader_does_not_bring_the_old_price_back(
    store: RedisStore, clock: FakeClock
) -> None:
    """
    Who read before a price was set, and stores what was read after that, stores it for nobody.
    """
    steady = SteadyTime(now=clock.now, monotonic=clock.monotonic)
    cache = PriceCache(store, Telemetry(), steady, bound=timedelta(seconds=BOUND_S))
    until = clock.now() + timedelta(days=1)

    async def slow(ids: list[str], currency: str, _: object) -> dict[str, Entry]:
        read = {one: Entry(b"old", clock.now(), until) for one in ids}
        await cache.invalidate("A", currency)
        return read

    async def quick(ids: list[str], *_: object) -> dict[str, Entry]:
        return {one: Entry(b"new", clock.now(), until) for one in ids}

    assert await cache.through(["A"], "USD", slow) == {"A": b"old"}
    assert await cache.through(["A"], "USD", quick) == {"A": b"new"}
    assert await cache.through(["A"], "USD", slow) == {"A": b"new"}


async def test_unknown_products_are_not_remembered(cached: RunningPricing) -> None:
    """
    A product that has no price yet has one as soon as it is set.
    """
    for _ in range(2):
        assert (await cached.price("NEW-1")).status_code == 404
        assert (await cached.prices("NEW-1")).json() == {"items": []}

    await cached.set_price("NEW-1", "5.00")

    assert await price(cached, "NEW-1") == "5.00"


async def test_quotes_and_the_past_are_read_from_the_database(
    cached: RunningPricing, prices_url: str
) -> None:
    """
    What is charged never comes from the cache, nor does a price at a moment that was named.
    """
    assert await price(cached) == OLD
    await changed_behind(prices_url)

    quote = await cached.quote({"TEST-001": 1}, order_id="order")
    calculation = await cached.calculate("TEST-001")
    at = await cached.price("TEST-001", at=cached.clock.now().isoformat())

    assert quote.json()["finalPrice"] == NEW
    assert calculation.json()["finalPrice"] == NEW
    assert at.json()["basePrice"] == NEW
    assert await price(cached) == OLD


async def test_many_products_are_one_question(cached: RunningPricing, store: RedisStore) -> None:
    """
    However many products are asked for: one command reads them, and what is missing is filled in.
    """
    ids = [f"TEST-{number:03}" for number in range(1, 61)]
    expected = (await cached.prices(*ids)).json()
    with store.reached() as redis:
        await redis.config_resetstat()
        assert (await cached.prices(*reversed(ids), "NO-SUCH")).json()["items"] == [
            *reversed(expected["items"])
        ]
        commands = await redis.info("commandstats")

    assert commands["cmdstat_mget"]["calls"] == 1
    assert await lookups(cached) == {"hit": 60, "miss": 61, "unavailable": 0}


async def test_what_others_left_in_redis_does_no_harm(
    cached: RunningPricing, store: RedisStore
) -> None:
    """
    An entry in another form, as another release may write it, counts as none.
    """
    with store.reached() as redis:
        for left in ("", "x", "1 2", "a b c {}", "9" * 40 + " 2  {}", '{"basePrice":"0.01"}'):
            await redis.set(store.key("price", "USD:TEST-001"), left)
            assert await price(cached) == OLD


async def test_redis_is_killed_in_the_middle(
    prices_url: str, own_redis: RedisProcess, clock: FakeClock
) -> None:
    """
    While prices are read and set, Redis dies and comes back: nobody notices but the metrics, no
    price is older than the one that was set last, and in the end the cache is used again.
    """
    async with service(prices_url, own_redis.server.url(), clock) as pricing:
        latest = 0

        async def set_prices() -> None:
            nonlocal latest
            for cents in range(1, 25):
                clock.advance(0.01)
                answer = await pricing.set_price("TEST-001", f"{cents / 100:.2f}")
                assert answer.status_code == 200, answer.text
                latest = cents
                if cents == 8:
                    await asyncio.to_thread(own_redis.kill)

        async def read_prices() -> None:
            while latest < 24:
                known = latest
                assert round(float(await price(pricing)) * 100) >= known or known == 0

        await asyncio.gather(set_prices(), *(read_prices() for _ in range(4)))
        assert await price(pricing) == "0.24"
        assert (await lookups(pricing))["unavailable"] > 0
        health = (await pricing.http.get("/health")).json()
        assert (health["status"], health["dependencies"]["redis"]) == ("degraded", "unhealthy")

        await asyncio.to_thread(own_redis.start)
        before = await lookups(pricing)
        assert await price(pricing) == "0.24"
        assert (await lookups(pricing))["hit"] == before["hit"]

        async def is_used_again() -> bool:
            clock.advance(PAUSE_S)
            assert await price(pricing) == "0.24"
            return (await lookups(pricing))["hit"] > before["hit"]

        await eventually(is_used_again)


async def test_a_redis_that_hangs_costs_one_short_wait(
    prices_url: str, own_redis: RedisProcess, clock: FakeClock
) -> None:
    """
    A Redis that takes commands and answers none is left alone after the first wait; what it held
    is not used when it comes back too late.
    """
    async with (
        service(prices_url, own_redis.server.url(), clock) as pricing,
        reaching(own_redis.server.url()) as asked,
    ):
        assert await price(pricing) == OLD
        with asked.reached() as redis:
            await redis.config_resetstat()
        own_redis.pause()
        for _ in range(20):
            assert await price(pricing) == OLD
        await changed_behind(prices_url)
        assert await price(pricing) == NEW
        clock.advance(BOUND_S)
        own_redis.resume()
        with asked.reached() as redis:
            # What came meanwhile is done first. Who asks again needs a new connection.
            assert (await redis.info("commandstats"))["cmdstat_mget"]["calls"] == 1
            assert (await redis.info("stats"))["total_connections_received"] == 0

        async def is_used_again() -> bool:
            clock.advance(PAUSE_S)
            assert await price(pricing) == NEW
            return (await lookups(pricing))["hit"] > 0

        await eventually(is_used_again)


async def test_without_redis_there_is_no_cache(prices_url: str, clock: FakeClock) -> None:
    """
    Where none is configured, every price is read anew.
    """
    async with running_pricing(settings_for(prices_url), clock) as pricing:
        assert await price(pricing) == OLD
        await changed_behind(prices_url)

        assert await price(pricing) == NEW
        assert "redis" not in (await pricing.http.get("/health")).json()["dependencies"]
