"""
Builds the parts of this service from its settings, for the application and for the commands.
"""

import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta

from pricing.discounts.service import DiscountService
from pricing.prices.cache import TIMEOUT_S, PriceCache
from pricing.prices.freshness import SteadyTime
from pricing.prices.service import PriceService
from pricing.quotes.models import QuoteTerms
from pricing.quotes.service import QuoteService
from pricing.settings import Settings
from servicekit import migrations
from servicekit.clock import Now, utc_now
from servicekit.database import Database
from servicekit.database.metrics import PoolMetrics
from servicekit.redis import RedisStore
from servicekit.telemetry import Telemetry


@dataclass(frozen=True, slots=True)
class Services:
    """
    Everything that routes and commands use. ``redis`` is None where none is configured.
    """

    database: Database
    redis: RedisStore | None
    prices: PriceService
    discounts: DiscountService
    quotes: QuoteService

    @asynccontextmanager
    async def opened(self) -> AsyncIterator[None]:
        """
        Ready to be used while inside; raises MigrationsPending.
        """
        try:
            await migrations.ensure_current(self.database, "pricing")
            yield
        finally:
            if self.redis is not None:
                await self.redis.aclose()
            await self.database.aclose()


def build_services(
    settings: Settings,
    *,
    telemetry: Telemetry | None = None,
    now: Now = utc_now,
    monotonic: Callable[[], float] = time.monotonic,
) -> Services:
    """
    The parts, put together; nothing is opened yet.
    """
    telemetry = telemetry or Telemetry()
    database = Database.configured(settings)
    PoolMetrics(telemetry.registry, database)
    redis = _redis(settings)
    steady = SteadyTime(now=now, monotonic=monotonic)
    bound = timedelta(seconds=settings.price_cache_seconds)
    cache = PriceCache(redis, telemetry, steady, bound=bound) if redis else None
    return Services(
        database=database,
        redis=redis,
        prices=PriceService(database, cache, now=now),
        discounts=DiscountService(database, now=now),
        quotes=QuoteService(database, _terms(settings), telemetry, now=now),
    )


def _redis(settings: Settings) -> RedisStore | None:
    if settings.redis_address is None:
        return None
    return RedisStore(
        settings.redis_address,
        service="pricing",
        max_connections=settings.redis_max_connections,
        timeout_s=TIMEOUT_S,
    )


def _terms(settings: Settings) -> QuoteTerms:
    return QuoteTerms(
        tax_rates=settings.rates,
        hold_for=settings.quotes_hold_for,
        kept_for=settings.quotes_kept_for,
    )
