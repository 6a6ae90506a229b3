"""
The composition root of the gateway: what it is made of, and what it serves where.
"""

from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from functools import partial
from typing import Final

import structlog
from fastapi import APIRouter, FastAPI

from gateway import module_table
from gateway.accounts.routes import OPEN_PATHS, accounts_router
from gateway.accounts.service import Accounts
from gateway.backends import Backends
from gateway.catalog.metrics import CatalogMetrics
from gateway.catalog.routes import catalog_router, pictures_router
from gateway.catalog.service import Catalog
from gateway.checkout.routes import checkout_router
from gateway.checkout.sales import Sales
from gateway.checkout.wiring import Terms, build_checkout
from gateway.front_page import front_page_router
from gateway.reports.routes import reports_router
from gateway.reports.service import Reports
from gateway.settings import Settings
from gateway.upstreams.identity import Identity
from servicekit import migrations
from servicekit.app import create_service
from servicekit.clients import Clients
from servicekit.clock import Now, utc_now
from servicekit.database import Database
from servicekit.durable import Engine
from servicekit.health import HealthCheck
from servicekit.middleware.lifetime import Allowance
from servicekit.outside import REAL_WORLD, Outside
from servicekit.telemetry import Telemetry

log = structlog.get_logger()

TITLE: Final = "Storefront Gateway"
DESCRIPTION: Final = "One API in front of the shop."
#: What there is beside the waiting for an order, until its caller is answered; s.
ANSWER_S: Final = 2.0
#: A report may read a hundred thousand orders, or all of inventory; s.
REPORT_S: Final = 60.0


def create_app(settings: Settings, outside: Outside = REAL_WORLD, *, now: Now = utc_now) -> FastAPI:
    """
    The application. ``outside`` and ``now`` stand in for the world around it.
    """
    module_table.check(module_table.MODULES)
    telemetry = Telemetry.configured(settings)
    clients = Clients(settings, telemetry, outside)
    database = Database.configured(settings)
    identity = clients.to("identity", settings.identity_service_url, policy=settings.policy)
    # Apart from the keys: a crowd that signs in may open this breaker, and that one stays closed.
    people = clients.to("accounts", settings.identity_service_url, policy=settings.policy)
    backends = Backends(settings, clients, own_token=clients.own_token(identity, settings))
    catalog = _catalog(settings, backends, outside)
    CatalogMetrics(telemetry.registry, catalog)
    orders = build_checkout(
        database,
        backends.stock(),
        backends.quotes(),
        _terms(settings),
        telemetry=telemetry,
        engine_for=partial(Engine, settings, telemetry=telemetry, outside=outside, now=now),
        now=now,
    )
    reports = Reports(
        Sales(database), *backends.of_reports(), keeps_unsold=settings.keep_unsold, now=now
    )
    prefix = settings.api_v1_prefix
    app = create_service(
        settings,
        title=TITLE,
        description=DESCRIPTION,
        verifier=clients.token_verifier(identity),
        routers=[
            catalog_router(prefix, catalog),
            pictures_router(catalog),
            checkout_router(prefix, orders.checkout, wait_s=settings.order_wait_seconds),
            accounts_router(prefix, Accounts(Identity(people))),
            reports_router(prefix, reports),
            _front_page(settings),
        ],
        resources=[
            clients.running,
            partial(_opened, database),
            *([orders.engine.running, orders.upkeep.running] if settings.takes_orders else []),
            partial(aclosing, catalog),
        ],
        checks=[
            HealthCheck("database", database.ping, is_required=False),
            # Without it nothing is ordered, and everything is read.
            *([replace(orders.engine.check, is_required=False)] if settings.takes_orders else []),
            *clients.checks(),
        ],
        details={"upstreams": clients.details},
        open_paths=[prefix + path for path in OPEN_PATHS],
        allowances=[
            Allowance("POST", f"{prefix}/orders", settings.order_wait_seconds + ANSWER_S),
            Allowance("GET", f"{prefix}/reports", REPORT_S),
        ],
        telemetry=telemetry,
    )
    app.state.catalog, app.state.orders = catalog, orders
    if settings.takes_orders and settings.service_client_secret is None:
        log.warning(
            "orders.without_secret", mend="set SERVICE_CLIENT_SECRET, or TAKES_ORDERS=false"
        )
    return app


@asynccontextmanager
async def _opened(database: Database) -> AsyncIterator[None]:
    try:
        await migrations.ensure_current(database, "gateway")
        yield
    finally:
        await database.aclose()


def _catalog(settings: Settings, backends: Backends, outside: Outside) -> Catalog:
    return Catalog(
        backends.inventory(),
        backends.pricing(),
        stale_if_error_s=settings.stale_if_error_seconds,
        max_last_known=settings.last_known_products,
        now=outside.monotonic,
    )


def _terms(settings: Settings) -> Terms:
    return Terms(
        deadline=timedelta(seconds=settings.order_deadline_seconds),
        attention_after=timedelta(seconds=settings.undo_attention_after_seconds),
        max_running=settings.max_running_orders,
        keep_keys=settings.keep_keys,
        keep_unsold=settings.keep_unsold,
    )


def _front_page(settings: Settings) -> APIRouter:
    return front_page_router(
        name=TITLE,
        version=settings.service_version,
        description=DESCRIPTION,
        prefix=settings.api_v1_prefix,
    )
