"""
The gateway reads and orders in its own name: with the token that the identity service gives it.
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
from gateway.upstreams.models import Item
from gateway.upstreams.pricing import Pricing
from gateway.upstreams.quotes import Quotes
from gateway.upstreams.stock import Stock
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
    The gateway's own token as its clients show it: as it is, spoilt, or another's.
    """

    own: Callable[[], Awaitable[str]]
    others: Callable[[], Awaitable[str]]
    is_spoilt: bool = False
    is_anothers: bool = False
    n_shown: int = 0

    async def __call__(self) -> str:
        self.n_shown += 1
        header = await (self.others() if self.is_anothers else self.own())
        return header[:-8] + "AAAAAAAA" if self.is_spoilt else header


@dataclass(frozen=True, slots=True)
class Shop:
    """
    What the gateway reads and orders by, and the token that it shows.
    """

    inventory: Inventory
    pricing: Pricing
    stock: Stock
    quotes: Quotes
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
        async with asking(inventory, pricing, identity_url) as made:
            yield made


@asynccontextmanager
async def asking(inventory: FastAPI, pricing: FastAPI, identity_url: str) -> AsyncIterator[Shop]:
    """
    The gateway's clients of these services, as its composition root makes them.
    """
    clients = Clients(ServiceSettings(service_name="api-gateway"), Telemetry())
    identity = clients.to("identity", identity_url)
    own, others = (
        clients.service_token(identity, client_id=client_id, secret=secret)
        for client_id, secret in (running_identity.GATEWAY, running_identity.INVENTORY)
    )
    token = ShownToken(own, others)

    async with serve(inventory) as inventory_url, serve(pricing) as pricing_url, clients.running():
        goods = clients.to("inventory", inventory_url, authorize=token)
        prices = clients.to("pricing", pricing_url, authorize=token)
        yield Shop(Inventory(goods), Pricing(prices), Stock(goods), Quotes(prices), token)


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


def orders(shop: Shop) -> dict[str, Callable[[], Awaitable[object]]]:
    """
    All that is asked for an order, in the order of its life.
    """
    items = [Item("TEST-001", 1)]
    return {
        "reserve": lambda: shop.stock.reserve("order-1", items),
        "quote": lambda: shop.quotes.quote("order-1", items),
        "commit": lambda: shop.stock.commit("order-1"),
        "give back": lambda: shop.stock.give_back("order-1"),
        "release": lambda: shop.stock.release("order-1"),
        "release quote": lambda: shop.quotes.release("order-1"),
    }


async def test_the_gateways_own_token_orders(shop: Shop) -> None:
    """
    It carries the permissions for stock and for quotes.
    """
    asked = orders(shop)

    for ask in asked.values():
        await ask()

    assert shop.token.n_shown == len(asked)


async def test_whoever_has_no_such_permission_orders_nothing(shop: Shop) -> None:
    """
    A token that identity has not signed is refused as such, and another service's for what it lacks.
    """
    for is_spoilt, expected in ((True, (401, "AUTH_ERROR")), (False, (403, "FORBIDDEN"))):
        shop.token.is_spoilt, shop.token.is_anothers = is_spoilt, not is_spoilt
        for name, ask in orders(shop).items():
            with pytest.raises(UpstreamRefused) as refusal:
                await ask()
            told = (refusal.value.upstream_status, refusal.value.upstream_code)
            assert told == expected, name
