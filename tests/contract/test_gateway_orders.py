"""
What orders get of inventory and pricing: the same questions in the same order, asked of the real
services and of the fakes that the gateway's own tests use.
"""

import asyncio
import random
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import httpx
import inventory_app
import pricing_app
import pytest
import pytest_asyncio
from fake_backends import Code, FakeBackends, price, product
from fastapi import FastAPI

from inventory.main import create_app as inventory_service
from pricing.main import create_app as pricing_service
from servicekit import migrations
from servicekit.http import ServiceClient
from servicekit.testing.clock import FakeClock
from tests.contract.order_cases import CASES, Case, Step
from tests.contract.order_side import CODES, Side, Told

pytestmark = pytest.mark.asyncio(loop_scope="module")

TAX = "0.19"


class Twice(httpx.AsyncBaseTransport):
    """
    A network that delivers every request twice at once, and one of the answers.
    """

    def __init__(self, inner: httpx.AsyncBaseTransport) -> None:
        self._inner = inner

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        one, other = (self._inner.handle_async_request(request) for _ in range(2))
        _, answer = await asyncio.gather(one, other)
        return answer


@dataclass(frozen=True, slots=True)
class RealServices:
    """
    Clients of both services, and what a merchant changes them by.
    """

    inventory: ServiceClient
    pricing: ServiceClient
    goods: httpx.AsyncClient
    prices: pricing_app.RunningPricing
    clock: FakeClock

    async def side(self, mark: str) -> Side:
        """
        New products, and a new code that is good for one order.
        """
        for letter, stock in (("A", 5), ("B", 3)):
            body = {"id": f"{mark}-{letter}", "name": letter, "category": "home"}
            made = await self.goods.post("/products", json=body | {"stockLevel": stock})
            assert made.status_code == 201, made.text
        for letter, amount, currency in (
            ("A", "4.00", "USD"),
            ("A", "3.70", "EUR"),
            ("B", "10.05", "USD"),
        ):
            assert (await self.prices.set_price(f"{mark}-{letter}", amount, currency)).is_success
        await self.put_code(f"{mark}-ONCE", CODES["ONCE"], useLimit=1)
        return Side(self.inventory, self.pricing, self.clock, mark)

    async def put_code(self, code: str, percent: str, **more: str | int | bool) -> None:
        """
        A code, which a merchant may make.
        """
        kind = {"type": "PERCENTAGE", "percent": percent}
        assert (await self.prices.put_discount(code, {**kind}, **more)).is_success


@pytest.fixture(scope="module")
def urls(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """
    Each service's new database.
    """
    folder: Path = tmp_path_factory.mktemp("backends")
    urls = {name: f"sqlite:///{folder}/{name}.db" for name in ("inventory", "pricing")}
    for name, url in urls.items():
        migrations.migrate(url, name)
    return urls


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def services(urls: dict[str, str]) -> AsyncIterator[RealServices]:
    """
    Both services, with all codes but those of one case.
    """
    clock = FakeClock()
    rates = f'{{"default":"{TAX}"}}'
    inventory = inventory_service(inventory_app.settings_for(urls["inventory"]), now=clock.now)
    pricing = pricing_service(
        pricing_app.settings_for(urls["pricing"], tax_rates=rates),
        now=clock.now,
        monotonic=clock.monotonic,
    )
    async with (
        running("inventory", inventory, inventory_app.bearer(inventory_app.SERVICE)) as stock,
        running("pricing", pricing, pricing_app.gateway()) as quotes,
        inventory_app.client_of(inventory, inventory_app.MERCHANT) as goods,
        httpx.AsyncClient(
            transport=httpx.ASGITransport(pricing), base_url="http://pricing"
        ) as http,
    ):
        prices = pricing_app.RunningPricing(http, clock)
        made = RealServices(stock, quotes, goods, prices, clock)
        for code in ("TEN", "THIRD"):
            await made.put_code(code, CODES[code])
        await made.put_code("LONE", CODES["LONE"], stackable=False)
        over = (clock.now() - timedelta(days=1)).isoformat()
        await made.put_code("GONE", CODES["GONE"], validUntil=over)
        yield made


@asynccontextmanager
async def running(name: str, app: FastAPI, header: dict[str, str]) -> AsyncIterator[ServiceClient]:
    """
    A client of the service, which runs without a socket and gets everything twice.
    """

    async def authorize() -> str:
        return header["Authorization"]

    network = Twice(httpx.ASGITransport(app, raise_app_exceptions=False))
    client = ServiceClient(
        name, f"http://{name}", caller="api-gateway", network=network, authorize=authorize
    )
    async with app.router.lifespan_context(app):
        try:
            yield client
        finally:
            await client.aclose()


def fake_side(mark: str) -> Side:
    """
    The same products and codes, of fakes.
    """
    clock = FakeClock()
    a, b = f"{mark}-A", f"{mark}-B"
    words = {code: f"What {code} gives" for code in (*CODES, f"{mark}-ONCE")}
    backends = FakeBackends(
        products={a: product(a, stock=5), b: product(b, stock=3)},
        prices={a: price(a, "4.00"), b: price(b, "10.05")},
        codes={
            "TEN": Code(CODES["TEN"], words["TEN"]),
            "THIRD": Code(CODES["THIRD"], words["THIRD"]),
            "LONE": Code(CODES["LONE"], words["LONE"], is_stackable=False),
            "GONE": Code(CODES["GONE"], words["GONE"], refused="EXPIRED"),
            f"{mark}-ONCE": Code(CODES["ONCE"], words[f"{mark}-ONCE"], use_limit=1),
        },
        now=clock.now,
    )
    backends.pricing.quotes.tax_rate = TAX
    backends.pricing.quotes.elsewhere = {"EUR": {a: "3.70"}}
    return Side(backends.inventory_client(), backends.pricing_client(), clock, mark)


async def answers(side: Side, steps: Sequence[Step]) -> list[Told]:
    """
    What comes of one step after the other.
    """
    return [await step(side) for step in steps]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
async def test_both_answer_an_order_alike(case: Case, services: RealServices) -> None:
    """
    Whatever an order asks, its answers are the real services', though these get it twice, and the
    fakes' to the last fact.
    """
    steps = [step for step, _ in case.steps]
    mark = f"C{CASES.index(case)}"

    told_by_real = await answers(await services.side(mark), steps)
    told_by_fake = await answers(fake_side(mark), steps)

    assert [words for words, _ in told_by_real] == [expected for _, expected in case.steps]
    assert told_by_fake == told_by_real


ORDERS = ("1", "2", "3", "4")
FORMS = ("1A", "2A 1B", "1B 2A", "2B", "6A", "1A 1X")


def some_step(dice: random.Random) -> Step:
    """
    Any question, of one of a few orders.
    """
    order, form = dice.choice(ORDERS), dice.choice(FORMS)
    codes = dice.choice(["", "TEN", "ONCE", "ONCE THIRD", "TYPO"])
    steps: list[Step] = [
        lambda s: s.reserve(form, order=order),
        lambda s: s.reserve(form, order=order),
        lambda s: s.release(order),
        lambda s: s.commit(order),
        lambda s: s.commit(order),
        lambda s: s.give_back(order),
        lambda s: s.quote(form, codes, order=order),
        lambda s: s.unquote(order),
        lambda s: s.wait(200),
    ]
    return dice.choice(steps)


@pytest.mark.parametrize("seed", range(6))
async def test_both_answer_orders_alike_however_they_come(
    seed: int, services: RealServices
) -> None:
    """
    Any questions of several orders in any order come to the same, and leave the same stock.
    """
    dice = random.Random(seed)
    steps = [some_step(dice) for _ in range(40)] + [lambda s: s.levels()]

    told_by_real = await answers(await services.side(f"S{seed}"), steps)
    told_by_fake = await answers(fake_side(f"S{seed}"), steps)

    assert told_by_fake == told_by_real
