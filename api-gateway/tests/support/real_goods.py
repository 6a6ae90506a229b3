"""
Inventory and pricing as they are, in this process, on networks that fall ill as those of the fakes do.

::

    async with real_goods(folder, clock) as backends, running_checkout(backends, clock=clock) as shop:
        backends.inventory.on("commit").fail_next(lost())
"""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Final

import httpx
import inventory_app
import pricing_app
from fake_backends import After, FakeBackends, FakeUpstream, Held
from fake_faults import met
from fastapi import FastAPI

import inventory.main
import pricing.main
from servicekit import migrations
from servicekit.testing.clock import FakeClock

#: How many there are of each product; all of them have a price in dollars, and one in no other money.
STOCK: Final[Mapping[str, int]] = {"TEST-001": 1_000, "TEST-002": 2, "TEST-003": 1}
#: A code that is over, and one that is good for one order.
OVER, ONCE = "OVER10", "ONCE20"
_OPERATIONS: Final[Mapping[str, str]] = {
    "/api/v1/stock/reservations": "reserve",
    "/api/v1/stock/release": "release",
    "/api/v1/stock/commit": "commit",
    "/api/v1/stock/return": "return",
    "/api/v1/prices/quote": "quote",
    "/api/v1/prices/quotes/release": "release",
}


class _Network(httpx.AsyncBaseTransport):
    """
    The way to a service for a caller who shows ``header``, with the faults that a fake is told. A call
    that was held meets what comes after the hold.
    """

    def __init__(self, app: FastAPI, header: Mapping[str, str], faults: FakeUpstream) -> None:
        self._inner = httpx.ASGITransport(app, raise_app_exceptions=False)
        self._header = header
        self._faults = faults

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        request.headers.update(self._header)
        operation = self._faults.on(_OPERATIONS[request.url.path])
        operation.asked.append(request)
        fault = self._faults.fault_of(request)
        if fault is None:
            fault = operation.fault_of(request)
        while isinstance(fault, Held):
            await fault.wait()
            fault = operation.fault_of(request)
        if fault is None or isinstance(fault, After):
            good = await self._inner.handle_async_request(request)
            return await met(fault, lambda _: good, request)
        return await met(fault, operation.answer, request)


class RealGoods(FakeBackends):
    """
    Faults are told as ever; whoever gets through is answered by the real services.
    """

    def __init__(self, goods: FastAPI, prices: FastAPI) -> None:
        super().__init__()
        header = inventory_app.bearer(inventory_app.SERVICE)
        self._goods = _Network(goods, header, self.inventory)
        self._prices = _Network(prices, pricing_app.gateway(), self.pricing)

    @property
    def inventory_network(self) -> httpx.AsyncBaseTransport:
        """
        To the real one.
        """
        return self._goods

    @property
    def pricing_network(self) -> httpx.AsyncBaseTransport:
        """
        The same.
        """
        return self._prices


@asynccontextmanager
async def real_goods(folder: Path, clock: FakeClock) -> AsyncIterator[RealGoods]:
    """
    Both, with new databases in ``folder`` and the goods and codes that are named above.
    """
    urls = {name: f"sqlite:///{folder}/{name}.db" for name in ("inventory", "pricing")}
    for name, url in urls.items():
        await asyncio.to_thread(migrations.migrate, url, name)
    goods = inventory.main.create_app(inventory_app.settings_for(urls["inventory"]), now=clock.now)
    prices = pricing.main.create_app(
        pricing_app.settings_for(urls["pricing"]), now=clock.now, monotonic=clock.monotonic
    )
    async with goods.router.lifespan_context(goods), prices.router.lifespan_context(prices):
        await _fill(goods, prices, clock)
        yield RealGoods(goods, prices)


async def _fill(goods: FastAPI, prices: FastAPI, clock: FakeClock) -> None:
    async with (
        inventory_app.client_of(goods, inventory_app.MERCHANT) as shelf,
        httpx.AsyncClient(transport=httpx.ASGITransport(prices), base_url="http://pricing") as http,
    ):
        priced = pricing_app.RunningPricing(http, clock)
        for product_id, stock in STOCK.items():
            body = {"id": product_id, "name": product_id, "category": "home", "stockLevel": stock}
            (await shelf.post("/products", json=body)).raise_for_status()
            (await priced.set_price(product_id, "79.00")).raise_for_status()
        over = (clock.now() - timedelta(days=1)).isoformat()
        percent = {"type": "PERCENTAGE", "percent": "20"}
        (await priced.put_discount(OVER, {**percent}, validUntil=over)).raise_for_status()
        (await priced.put_discount(ONCE, {**percent}, useLimit=1)).raise_for_status()
