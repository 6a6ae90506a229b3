"""
The composition root of the pricing service: what it is made of, and what it serves where.
"""

import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from fastapi import FastAPI

from pricing.discounts.routes import discounts_router
from pricing.prices.routes import prices_router
from pricing.quotes.routes import quotes_router
from pricing.settings import Settings
from pricing.wiring import Services, build_services
from servicekit.app import create_service
from servicekit.clients import Clients
from servicekit.clock import Now, utc_now
from servicekit.health import HealthCheck
from servicekit.maintenance import Maintenance
from servicekit.telemetry import Telemetry

PREFIX = "/api/v1"


def create_app(
    settings: Settings, *, now: Now = utc_now, monotonic: Callable[[], float] = time.monotonic
) -> FastAPI:
    """
    The application. ``now`` and ``monotonic`` stand in for the clocks.
    """
    telemetry = Telemetry.configured(settings)
    services = build_services(settings, telemetry=telemetry, now=now, monotonic=monotonic)
    clients = Clients(settings, telemetry)
    identity = clients.to("identity", settings.identity_service_url)
    maintenance = Maintenance(
        {"forget-old-quotes": services.quotes.forget_old},
        interval_s=settings.maintenance_interval_seconds,
        runs=telemetry.task_runs,
    )

    @asynccontextmanager
    async def running() -> AsyncIterator[None]:
        async with services.opened(), maintenance.running():
            yield

    currency = settings.default_currency
    return create_service(
        settings,
        title="Pricing",
        description="Prices with their history, discounts, and quotes that hold.",
        verifier=clients.token_verifier(identity),
        routers=[
            prices_router(PREFIX, services.prices, default_currency=currency),
            quotes_router(PREFIX, services.quotes, default_currency=currency),
            discounts_router(PREFIX, services.discounts),
        ],
        resources=[clients.running, running],
        checks=_checks(services),
        details={"upstreams": clients.details},
        telemetry=telemetry,
    )


def _checks(services: Services) -> list[HealthCheck]:
    checks = [HealthCheck("database", services.database.ping)]
    if services.redis is not None:
        checks.append(HealthCheck("redis", services.redis.ping, is_required=False))
    return checks
