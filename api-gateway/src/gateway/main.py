"""
The composition root of the gateway: what it is made of, and what it serves where.
"""

from typing import Final

from fastapi import FastAPI

from gateway import module_table
from gateway.accounts.routes import OPEN_PATHS, accounts_router
from gateway.accounts.service import Accounts
from gateway.front_page import front_page_router
from gateway.settings import Settings
from gateway.upstreams.identity import Identity
from servicekit.app import create_service
from servicekit.clients import Clients
from servicekit.telemetry import Telemetry

TITLE: Final = "Storefront Gateway"
DESCRIPTION: Final = "One API in front of the shop."


def create_app(settings: Settings) -> FastAPI:
    """
    The application.
    """
    module_table.check(module_table.MODULES)
    prefix = settings.api_v1_prefix
    telemetry = Telemetry.configured(settings)
    clients = Clients(settings, telemetry)
    identity = clients.to("identity", settings.identity_service_url, policy=settings.policy)
    # Apart from the keys: a crowd that signs in may open this breaker, and that one stays closed.
    accounts = clients.to("accounts", settings.identity_service_url, policy=settings.policy)
    return create_service(
        settings,
        title=TITLE,
        description=DESCRIPTION,
        verifier=clients.token_verifier(identity),
        routers=[
            accounts_router(prefix, Accounts(Identity(accounts))),
            front_page_router(
                name=TITLE,
                version=settings.service_version,
                description=DESCRIPTION,
                prefix=prefix,
            ),
        ],
        resources=[clients.running],
        details={"upstreams": clients.details},
        open_paths=[prefix + path for path in OPEN_PATHS],
        telemetry=telemetry,
    )
