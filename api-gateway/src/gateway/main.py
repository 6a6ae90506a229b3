"""
The composition root of the gateway: what it is made of, and what it serves where.
"""

from contextlib import aclosing
from functools import partial
from typing import Final

from fastapi import APIRouter, FastAPI

from gateway import module_table
from gateway.accounts.routes import OPEN_PATHS, accounts_router
from gateway.accounts.service import Accounts
from gateway.catalog.metrics import CatalogMetrics
from gateway.catalog.routes import catalog_router, pictures_router
from gateway.catalog.service import Catalog
from gateway.front_page import front_page_router
from gateway.settings import Settings
from gateway.upstreams.identity import Identity
from gateway.upstreams.inventory import Inventory
from gateway.upstreams.pricing import Pricing
from servicekit.app import create_service
from servicekit.clients import Clients
from servicekit.outside import REAL_WORLD, Outside
from servicekit.telemetry import Telemetry

TITLE: Final = "Storefront Gateway"
DESCRIPTION: Final = "One API in front of the shop."


def create_app(settings: Settings, outside: Outside = REAL_WORLD) -> FastAPI:
    """
    The application.
    """
    module_table.check(module_table.MODULES)
    telemetry = Telemetry.configured(settings)
    clients = Clients(settings, telemetry, outside)
    identity = clients.to("identity", settings.identity_service_url, policy=settings.policy)
    # Apart from the keys: a crowd that signs in may open this breaker, and that one stays closed.
    people = clients.to("accounts", settings.identity_service_url, policy=settings.policy)
    catalog = _catalog(settings, clients, outside)
    CatalogMetrics(telemetry.registry, catalog)
    prefix = settings.api_v1_prefix
    app = create_service(
        settings,
        title=TITLE,
        description=DESCRIPTION,
        verifier=clients.token_verifier(identity),
        routers=[
            catalog_router(prefix, catalog),
            pictures_router(catalog),
            accounts_router(prefix, Accounts(Identity(people))),
            _front_page(settings),
        ],
        resources=[clients.running, partial(aclosing, catalog)],
        checks=clients.checks(),
        details={"upstreams": clients.details},
        open_paths=[prefix + path for path in OPEN_PATHS],
        telemetry=telemetry,
    )
    app.state.catalog = catalog
    return app


def _catalog(settings: Settings, clients: Clients, outside: Outside) -> Catalog:
    """
    Reads without a token: the backends let everybody read, and a token would make reading
    depend on identity, too (docs/architecture.md).
    """
    at, policy, single = (
        settings.inventory_service_url,
        settings.reading_policy,
        settings.single_policy,
    )
    inventory = Inventory(
        clients.to("inventory", at, policy=policy),
        lists=clients.to("inventory-lists", at, policy=single),
        pictures=clients.to("inventory-pictures", at, policy=single),
    )
    pricing = clients.to("pricing", settings.pricing_service_url, policy=policy)
    return Catalog(
        inventory,
        Pricing(pricing),
        stale_if_error_s=settings.stale_if_error_seconds,
        max_last_known=settings.last_known_products,
        now=outside.monotonic,
    )


def _front_page(settings: Settings) -> APIRouter:
    return front_page_router(
        name=TITLE,
        version=settings.service_version,
        description=DESCRIPTION,
        prefix=settings.api_v1_prefix,
    )
