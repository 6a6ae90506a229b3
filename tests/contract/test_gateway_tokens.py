"""
The gateway reads in its own name: with the token that the identity service gives it.
"""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass

import inventory_app
import pricing_app
import pytest
import running_identity
from fastapi import FastAPI

from gateway.upstreams.inventory import Inventory
from gateway.upstreams.pricing import Pricing
from identity.main import create_app as identity_service
from inventory.main import create_app as inventory_service
from pricing.main import create_app as pricing_service
from servicekit.clients import Clients
from servicekit.errors import UpstreamRefused
from servicekit.settings import ServiceSettings
from servicekit.telemetry import Telemetry
from servicekit.testing import serve


@dataclass
class ShownToken:
    """
    The gateway's own token as its clients show it: as it is, or spoilt.
    """

    own: Callable[[], Awaitable[str]]
    is_spoilt: bool = False
    n_shown: int = 0

    async def __call__(self) -> str:
        self.n_shown += 1
        header = await self.own()
        return header[:-8] + "AAAAAAAA" if self.is_spoilt else header


@dataclass(frozen=True, slots=True)
class Shop:
    """
    What the gateway reads by, and the token that it shows.
    """

    inventory: Inventory
    pricing: Pricing
    token: ShownToken


@pytest.fixture(scope="module")
def urls(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """
    Each service's database, with what the demo begins with.
    """
    folder = tmp_path_factory.mktemp("shop")
    urls = {name: f"sqlite:///{folder}/{name}.db" for name in ("identity", "inventory", "pricing")}
    running_identity.prepare(urls["identity"])
    inventory_app.prepare_demo(urls["inventory"])
    pricing_app.prepare(urls["pricing"])
    return urls


@pytest.fixture
async def shop(urls: dict[str, str]) -> AsyncIterator[Shop]:
    """
    All three services, of which two trust the third.
    """
    identity_settings = running_identity.settings_for(urls["identity"])
    identity = identity_service(identity_settings, hash_cost=running_identity.CHEAP)
    async with serve(identity) as identity_url:
        trusting = {
            "jwt_algorithm": "EdDSA",
            "jwt_secret_key": None,
            "jwt_issuer": identity_settings.jwt_issuer,
            "jwt_audience": identity_settings.jwt_audience,
            "identity_service_url": identity_url,
        }
        inventory = inventory_service(inventory_app.settings_for(urls["inventory"], **trusting))
        pricing = pricing_service(pricing_app.settings_for(urls["pricing"], **trusting))
        async with reading(inventory, pricing, identity_url) as made:
            yield made


@asynccontextmanager
async def reading(inventory: FastAPI, pricing: FastAPI, identity_url: str) -> AsyncIterator[Shop]:
    """
    The gateway's clients of these services, as its composition root makes them.
    """
    clients = Clients(ServiceSettings(service_name="api-gateway"), Telemetry())
    client_id, secret = running_identity.GATEWAY
    identity = clients.to("identity", identity_url)
    token = ShownToken(clients.service_token(identity, client_id=client_id, secret=secret))

    async with serve(inventory) as inventory_url, serve(pricing) as pricing_url, clients.running():
        yield Shop(
            Inventory(clients.to("inventory", inventory_url, authorize=token)),
            Pricing(clients.to("pricing", pricing_url, authorize=token)),
            token,
        )


async def test_the_services_believe_the_gateways_own_token(shop: Shop) -> None:
    """
    Every read carries it, and is answered.
    """
    products = await shop.inventory.products(["TEST-001"])
    prices = await shop.pricing.prices(["TEST-001"])

    assert [*products, *prices] == ["TEST-001", "TEST-001"]
    assert shop.token.n_shown == 2


async def test_the_services_look_at_the_token(shop: Shop) -> None:
    """
    What identity has not signed is refused, also for what anybody may read.
    """
    shop.token.is_spoilt = True

    for ask in (shop.inventory.products, shop.pricing.prices):
        with pytest.raises(UpstreamRefused) as refusal:
            await ask(["TEST-001"])
        assert (refusal.value.upstream_status, refusal.value.upstream_code) == (401, "AUTH_ERROR")
