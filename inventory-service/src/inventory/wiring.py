"""
Builds the parts of this service from its settings, for the application and for the commands.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from inventory.events import StockEvents
from inventory.ledger.service import LedgerService
from inventory.products.service import ProductService
from inventory.settings import Settings
from inventory.stock.service import StockService
from servicekit import migrations
from servicekit.clock import Now, utc_now
from servicekit.database import Database
from servicekit.database.metrics import PoolMetrics
from servicekit.telemetry import Telemetry


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
    telemetry = telemetry or Telemetry()
    events = StockEvents(telemetry)
    database = Database.configured(settings)
    PoolMetrics(telemetry.registry, database)
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
