"""
A cache whose Redis holds odd values, or does not take what it is told.

A Redis that follows another answers questions and takes no writes, as after a failover.
"""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from pricing_app import RunningPricing, prepare, running_pricing, settings_for
from sqlalchemy import update

from pricing.prices.cache import OWED_AT_MOST, PAUSE_S, Entry, PriceCache
from pricing.prices.freshness import SteadyTime
from pricing.tables import price_versions
from servicekit.database import Database
from servicekit.redis import RedisStore
from servicekit.telemetry import Telemetry
from servicekit.testing.clock import FakeClock
from servicekit.testing.polling import eventually
from servicekit.testing.redis_server import RedisProcess

#: So long that nothing ends by itself while a test lasts.
BOUND_S = 300
OLD, NEW = "79.00", "8.88"
KEY = "USD:TEST-001"


@pytest.fixture
def prices_url(tmp_path: Path) -> str:
    """
    A seeded database. What the cache does, does not depend on which of the two it is.
    """
    url = f"sqlite:///{tmp_path / 'pricing.db'}"
    prepare(url)
    return url


@asynccontextmanager
async def service(
    database_url: str, redis_url: str, clock: FakeClock
) -> AsyncIterator[RunningPricing]:
    """
    The service with a cache.
    """
    settings = settings_for(database_url, redis_url=redis_url, price_cache_seconds=BOUND_S)
    async with running_pricing(settings, clock) as running:
        yield running


@asynccontextmanager
async def opened(redis_url: str) -> AsyncIterator[RedisStore]:
    """
    What the service has in that Redis.
    """
    store = RedisStore(redis_url, service="pricing")
    try:
        yield store
    finally:
        await store.aclose()


async def price(pricing: RunningPricing, product_id: str = "TEST-001") -> str:
    """
    What the service says a product costs.
    """
    answer = await pricing.price(product_id)
    assert answer.status_code == 200, answer.text
    return str(answer.json()["basePrice"])


async def hits(pricing: RunningPricing) -> float:
    """
    How often the cache had what was asked for.
    """
    metrics = (await pricing.http.get("/metrics")).text.splitlines()
    found = [
        line for line in metrics if line.startswith("price_cache_lookups_total") and "hit" in line
    ]
    return sum(float(line.rsplit(" ", 1)[1]) for line in found)


async def changed_behind(database_url: str) -> None:
    """
    Set the product's price to NEW in the database, so that no service knows.
    """
    database = Database(database_url)
    async with database.write() as connection:
        mine = price_versions.c.product_id == "TEST-001"
        await connection.execute(update(price_versions).where(mine).values(amount=888))
    await database.aclose()


async def set_to_new(pricing: RunningPricing) -> None:
    """
    Set the product's price to NEW, a moment after what was read before.
    """
    pricing.clock.advance(0.001)
    answer = await pricing.set_price("TEST-001", NEW)
    assert answer.status_code == 200, answer.text


def without_checksum(json: str, clock: FakeClock) -> str:
    """
    An entry that was read now, as an earlier release wrote it.
    """
    read_at = (clock.now() - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)
    return f"{read_at} {read_at + 4_000_000}  {json}"


ALTERED: dict[str, Callable[[str], str]] = {
    "another amount": lambda entry: entry.replace("79.00", "0.79"),
    "an end cut off": lambda entry: entry[:-1],
    "an end added": lambda entry: f"{entry} ",
}


@pytest.mark.parametrize("alter", ALTERED.values(), ids=ALTERED)
async def test_an_entry_that_was_altered_is_not_used(
    prices_url: str, redis_url: str, clock: FakeClock, alter: Callable[[str], str]
) -> None:
    """
    Whatever part of it is another than was written.
    """
    async with service(prices_url, redis_url, clock) as pricing, opened(redis_url) as store:
        assert await price(pricing) == OLD
        await changed_behind(prices_url)
        with store.reached() as redis:
            entry = str(await redis.get(store.key("price", KEY)))
            assert alter(entry) != entry
            await redis.set(store.key("price", KEY), alter(entry))

        assert await price(pricing) == NEW


@pytest.mark.parametrize("other", ["USD:TEST-002", "EUR:TEST-001"])
async def test_an_entry_of_another_price_is_not_used(
    prices_url: str, redis_url: str, clock: FakeClock, other: str
) -> None:
    """
    Of another product, or of this one in another currency.
    """
    async with service(prices_url, redis_url, clock) as pricing, opened(redis_url) as store:
        await pricing.price("TEST-002")
        await pricing.price("TEST-001", currency="EUR")
        with store.reached() as redis:
            assert await redis.copy(store.key("price", other), store.key("price", KEY))

        assert await price(pricing) == OLD


@pytest.mark.parametrize(
    "json", ["<b>not json", "", '{"productId":"TEST-001","basePrice":"0.01"}', '{"productId":"X"}']
)
async def test_an_entry_of_another_release_is_not_used(
    prices_url: str, redis_url: str, clock: FakeClock, json: str
) -> None:
    """
    Though its moments are such that it might be.
    """
    async with service(prices_url, redis_url, clock) as pricing, opened(redis_url) as store:
        with store.reached() as redis:
            await redis.set(store.key("price", KEY), without_checksum(json, clock))

        assert await price(pricing) == OLD


@pytest.mark.parametrize("kind", ["price", "generation"])
async def test_what_is_no_text_is_not_used(
    prices_url: str, redis_url: str, clock: FakeClock, kind: str
) -> None:
    """
    Bytes that cannot be read, or a value of another type: the database answers instead, and a
    price can be set.
    """
    async with service(prices_url, redis_url, clock) as pricing, opened(redis_url) as store:
        with store.reached() as redis:
            await redis.set(store.key(kind, KEY), b"\xff\xfe")
            assert await price(pricing) == OLD
            await redis.delete(store.key(kind, KEY))
            await redis.sadd(store.key(kind, KEY), "member")
            clock.advance(PAUSE_S)
            assert await price(pricing) == OLD

        await set_to_new(pricing)
        assert await price(pricing) == NEW


async def test_a_frozen_redis_brings_no_old_price_back(
    prices_url: str, own_redis: RedisProcess, clock: FakeClock
) -> None:
    """
    A price that is set while Redis is frozen is what is seen from then on, and the cache is used
    again when Redis goes on.
    """
    async with service(prices_url, own_redis.server.url(), clock) as pricing:
        assert await price(pricing) == OLD
        own_redis.pause()
        await set_to_new(pricing)
        assert await price(pricing) == NEW
        own_redis.resume()
        before = await hits(pricing)

        async def is_used_again() -> bool:
            clock.advance(PAUSE_S)
            assert await price(pricing) == NEW
            return await hits(pricing) > before

        await eventually(is_used_again)


async def test_who_set_a_price_never_sees_the_old_one_again(
    prices_url: str, own_redis: RedisProcess, clock: FakeClock
) -> None:
    """
    Though Redis did not take the change and still shows the old one; as soon as it takes writes,
    any look tells the other replicas too, and the cache is used again.
    """
    url = own_redis.server.url()
    async with (
        service(prices_url, url, clock) as one,
        service(prices_url, url, clock) as other,
        opened(url) as store,
    ):
        assert [await price(one), await price(other)] == [OLD, OLD]
        with store.reached() as redis:
            await redis.replicaof("127.0.0.1", "1")
            await set_to_new(one)
            for _ in range(3):
                clock.advance(PAUSE_S)
                assert await price(one) == NEW
            assert await price(other) == OLD

            await redis.replicaof("NO", "ONE")
        clock.advance(PAUSE_S)
        await price(one, "TEST-002")

        before = await hits(one)
        assert [await price(other), await price(one)] == [NEW, NEW]
        assert await hits(one) == before + 1


async def test_however_many_prices_are_set_meanwhile_none_is_old(
    own_redis: RedisProcess, clock: FakeClock
) -> None:
    """
    Where more prices are set than the cache remembers, it uses nothing for so long that all is
    too old, and then is used again.
    """
    bound = timedelta(seconds=BOUND_S)
    steady = SteadyTime(now=clock.now, monotonic=clock.monotonic)
    ids = [f"P-{number}" for number in range(OWED_AT_MOST + 1)]
    current = b"old"

    async def fetch(asked: list[str], _: str, until: datetime) -> dict[str, Entry]:
        return {one: Entry(current, clock.now(), until) for one in asked}

    async with opened(own_redis.server.url()) as store:
        cache = PriceCache(store, Telemetry(), steady, bound=bound)
        with store.reached() as redis:
            await cache.through(ids, "USD", fetch)
            await redis.replicaof("127.0.0.1", "1")
            current = b"new"
            for one in ids:
                await cache.invalidate(one, "USD")
            await redis.replicaof("NO", "ONE")
            await redis.config_resetstat()

            for _ in range(3):
                assert set((await cache.through(ids, "USD", fetch)).values()) == {b"new"}
                clock.advance(BOUND_S - 1)
            assert "cmdstat_mget" not in await redis.info("commandstats")
            clock.advance(PAUSE_S)
            assert set((await cache.through(ids, "USD", fetch)).values()) == {b"new"}
            current = b"unseen"
            assert set((await cache.through(ids, "USD", fetch)).values()) == {b"new"}
