"""
Builds the parts of this service from its settings, for the application and for the commands.
"""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime

from inventory.events import StockEvents
from inventory.ledger.service import LedgerService
from inventory.products.service import ProductService
from inventory.settings import Settings
from inventory.stock.service import StockService
from servicekit import migrations
from servicekit.database import Database
from servicekit.telemetry import Telemetry

Now = Callable[[], datetime]


def utc_now() -> datetime:
    """
    The time of day.
    """
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True)
class Services:
    """
    Everything that routes and commands use.
    """

    database: Database
    products: ProductService
    stock: StockService
    ledger: LedgerService

    @asynccontextmanager
    async def opened(self) -> AsyncIterator[None]:
        """
        Ready to be used while inside; raises MigrationsPending.
        """
        try:
            await migrations.ensure_current(self.database, "inventory")
            yield
        finally:
            await self.database.aclose()


def build_services(
    settings: Settings, *, telemetry: Telemetry | None = None, now: Now = utc_now
) -> Services:
    """
    The parts, put together; nothing is opened yet.
    """
    events = StockEvents(telemetry or Telemetry())
    database = Database(
        settings.database_url,
        pool_size=settings.database_pool_size,
        max_overflow=settings.database_max_overflow,
        application_name=settings.service_name,
    )
    stock = StockService(
        database,
        events,
        reservation_life=settings.reservation_life,
        sweep_batch=settings.sweep_batch,
        now=now,
    )
    return Services(
        database=database,
        products=ProductService(database, events, now=now),
        stock=stock,
        ledger=LedgerService(database),
    )
