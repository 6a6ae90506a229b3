"""
What was read of a price before it was set is used by nobody after that, whoever has left meanwhile.
"""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta

import pytest
from pricing_app import prepare, settings_for
from sqlalchemy import Engine, event

from pricing.money import parse_amount
from pricing.prices.cache import PriceCache
from pricing.prices.freshness import SteadyTime
from pricing.prices.models import NewPrice
from pricing.prices.service import PriceService
from servicekit.database import Database
from servicekit.redis import RedisStore
from servicekit.telemetry import Telemetry
from servicekit.testing.clock import FakeClock
from servicekit.testing.polling import eventually

NEW = NewPrice("TEST-001", parse_amount("1.00", "USD"), "USD")


class SlowCache(PriceCache):
    """
    A cache that takes its time to invalidate: until ``may_go``.
    """

    def __init__(self, store: RedisStore, clock: FakeClock) -> None:
        steady = SteadyTime(now=clock.now, monotonic=clock.monotonic)
        super().__init__(store, Telemetry(), steady, bound=timedelta(hours=1))
        self.was_asked, self.may_go = asyncio.Event(), asyncio.Event()

    async def invalidate(self, product_id: str, currency: str) -> None:
        self.was_asked.set()
        await self.may_go.wait()
        await super().invalidate(product_id, currency)


@pytest.fixture
async def cache(redis_url: str, clock: FakeClock) -> AsyncIterator[SlowCache]:
    """
    A cache in a Redis that it shares with nobody.
    """
    store = RedisStore(redis_url, service="pricing")
    yield SlowCache(store, clock)
    await store.aclose()


@pytest.fixture
async def prices(
    sqlite_url: str, cache: SlowCache, clock: FakeClock
) -> AsyncIterator[PriceService]:
    """
    Prices with that cache, which has the old price already.
    """
    await asyncio.to_thread(prepare, sqlite_url)
    database = Database(settings_for(sqlite_url).database_url)
    service = PriceService(database, cache, now=clock.now)
    assert b'"79.00"' in await service.one("TEST-001", "USD", at=None)
    clock.advance(1)
    yield service
    await database.aclose()


async def test_a_setter_that_leaves_while_it_commits_has_set_the_price(
    prices: PriceService, cache: SlowCache
) -> None:
    """
    Cancelled in the very commit, which goes through all the same: the cache knows.
    """
    setting = asyncio.ensure_future(prices.set(NEW, by=None))

    def leave(_connection: object) -> None:
        setting.cancel()

    cache.may_go.set()
    event.listen(Engine, "commit", leave)
    try:
        with pytest.raises(asyncio.CancelledError):
            await setting
    finally:
        event.remove(Engine, "commit", leave)

    assert b'"1.00"' in await prices.one("TEST-001", "USD", at=None)


async def test_a_setter_that_leaves_after_its_commit_has_set_the_price(
    prices: PriceService, cache: SlowCache
) -> None:
    """
    Cancelled between the commit and the cache: the cache gets to know.
    """
    setting = asyncio.ensure_future(prices.set(NEW, by=None))
    await cache.was_asked.wait()
    setting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await setting
    cache.may_go.set()

    async def is_seen() -> bool:
        return b'"1.00"' in await prices.one("TEST-001", "USD", at=None)

    await eventually(is_seen)
