"""
What the gateway's clients get of inventory and pricing: one table of questions, asked of the real
services over a socket and of the fakes that the gateway's own tests use.
"""

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import inventory_app
import pricing_app
import pytest
import pytest_asyncio
from fake_backends import FakeBackends

from gateway.upstreams.inventory import Inventory
from gateway.upstreams.models import Price
from inventory.main import create_app as inventory_service
from pricing.main import create_app as pricing_service
from servicekit.http import ServiceClient
from servicekit.testing import serve
from servicekit.testing.clock import FakeClock
from tests.contract.upstream_cases import ALL, CASES, Backends, Case, outcome

pytestmark = pytest.mark.asyncio(loop_scope="module")


@dataclass(frozen=True, slots=True)
class Databases:
    """
    Both databases, as they were prepared.
    """

    inventory: str
    pricing: str


@pytest.fixture(scope="module")
def databases(tmp_path_factory: pytest.TempPathFactory) -> Databases:
    """
    The demo's products and prices, which no test here changes.
    """
    folder: Path = tmp_path_factory.mktemp("backends")
    prepared = Databases(f"sqlite:///{folder}/inventory.db", f"sqlite:///{folder}/pricing.db")
    inventory_app.prepare_demo(prepared.inventory)
    pricing_app.prepare(prepared.pricing)
    return prepared


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def real(databases: Databases) -> AsyncIterator[Backends]:
    """
    The real services. All of TEST-016 is reserved, and then TEST-002 was changed.
    """
    clock = FakeClock()
    inventory_settings = inventory_app.settings_for(databases.inventory)
    async with inventory_app.running_inventory(inventory_settings, clock) as shop:
        clock.advance(60)
        assert (await shop.reserve("order-1", "TEST-016", 3)).is_success
        clock.advance(60)
        changed = await shop.merchant.patch("/products/TEST-002", json={"description": "Changed"})
        assert changed.is_success
    pricing_settings = pricing_app.settings_for(databases.pricing)
    async with (
        serve(inventory_service(inventory_settings, now=clock.now)) as inventory_url,
        serve(
            pricing_service(pricing_settings, now=clock.now, monotonic=clock.monotonic)
        ) as pricing_url,
        client_of("inventory", inventory_url) as inventory,
        client_of("pricing", pricing_url) as pricing,
    ):
        yield Backends(inventory, pricing)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def fake(real: Backends) -> Backends:
    """
    Fakes that know the same products and prices, each by its own means.
    """
    products = (await real.inventory.get("/api/v1/products", params={"size": 200})).json()
    prices = (await real.pricing.get("/api/v1/prices", params={"ids": ",".join(ALL)})).json()
    backends = FakeBackends(
        products={one["id"]: one for one in items_of(products)},
        prices={one["productId"]: one for one in items_of(prices)},
    )
    return Backends(backends.inventory_client(), backends.pricing_client())


@asynccontextmanager
async def client_of(name: str, url: str) -> AsyncIterator[ServiceClient]:
    """
    A client on a real network.
    """
    client = ServiceClient(name, url, caller="api-gateway")
    try:
        yield client
    finally:
        await client.aclose()


def items_of(answer: object) -> Iterator[dict[str, str]]:
    """
    The items of a list that must not be empty.
    """
    assert isinstance(answer, dict)
    assert answer["items"]
    yield from answer["items"]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
async def test_both_tell_the_same(case: Case, real: Backends, fake: Backends) -> None:
    """
    A question has one outcome: the real service's, which is the fake's to the last field.
    """
    told_by_real, found_by_real = await outcome(case, real)
    told_by_fake, found_by_fake = await outcome(case, fake)

    assert told_by_real == case.expected
    assert told_by_fake == case.expected
    assert found_by_real == found_by_fake


async def test_prices_are_those_of_the_shops_currency(real: Backends) -> None:
    """
    Without a word on it, pricing tells what its shop takes: text with all its decimals.
    """
    assert await real.prices("TEST-001") == {"TEST-001": Price("TEST-001", "79.00", "USD")}


async def test_reserved_units_are_not_available(real: Backends) -> None:
    """
    What others have reserved is in stock, and cannot be bought.
    """
    product = (await Inventory(real.inventory).products(["TEST-016"]))["TEST-016"]

    assert not isinstance(product, Exception)
    assert (product.stock_level, product.reserved, product.available) == (3, 3, 0)
