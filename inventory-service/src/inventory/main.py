"""
The composition root of the inventory service: what it is made of, and what it serves where.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

from fastapi import APIRouter, FastAPI

from inventory.ledger.routes import ledger_router
from inventory.products.routes import pictures_router, products_router
from inventory.settings import Settings
from inventory.stock.routes import stock_router
from inventory.wiring import Services, build_services
from servicekit.app import create_service
from servicekit.clients import Clients
from servicekit.clock import Now, utc_now
from servicekit.health import HealthCheck
from servicekit.maintenance import Maintenance
from servicekit.telemetry import Telemetry

PREFIX: Final = "/api/v1"


def create_app(settings: Settings, *, now: Now = utc_now) -> FastAPI:
    """
    The application. ``now`` stands in for the clock.
    """
    telemetry = Telemetry.configured(settings)
    clients = Clients(settings, telemetry)
    identity = clients.to("identity", settings.identity_service_url)
    services = build_services(settings, telemetry=telemetry, now=now)
    maintenance = Maintenance(
        {"expire-reservations": services.stock.sweep},
        interval_s=settings.sweep_interval_seconds,
        runs=telemetry.task_runs,
    )

    @asynccontextmanager
    async def running() -> AsyncIterator[None]:
        async with services.opened(), maintenance.running():
            yield

    return create_service(
        settings,
        title="Inventory",
        description="Products, their stock, and the reservations of orders.",
        verifier=clients.token_verifier(identity),
        routers=_routers(services, settings),
        resources=[clients.running, running],
        checks=[HealthCheck("database", services.database.ping)],
        details={"upstreams": clients.details},
        telemetry=telemetry,
    )


def _routers(services: Services, settings: Settings) -> list[APIRouter]:
    threshold = settings.low_stock_threshold
    return [
        products_router(PREFIX, services.products, low_stock_threshold=threshold),
        stock_router(PREFIX, services.stock),
        ledger_router(PREFIX, services.ledger),
        pictures_router(services.products),
    ]
