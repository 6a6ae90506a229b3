"""
The catalog as its clients meet it: the whole gateway, with fake networks below it.
"""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Final

import httpx
from fake_backends import FakeBackends, price, product
from fastapi import FastAPI
from gateway_app import bearer, client_of, shared_secret

from gateway.catalog.service import Catalog
from gateway.main import create_app
from gateway.settings import Settings
from servicekit.deadline import DEADLINE_HEADER
from servicekit.http import Policy
from servicekit.outside import Outside
from servicekit.testing.clock import FakeClock

AGE_LIMIT_S: Final = 300
#: No attempt pauses longer. Whoever does keeps house now and then, and waits for the test's clock.
LONGEST_PAUSE_S: Final = 30
WAYS_TO_INVENTORY: Final = ("inventory", "inventory-lists", "inventory-pictures")
#: One attempt, so that a fault is met once; and a breaker that opens at the second.
PLAIN: Final = Policy(max_attempts=1, breaker_threshold=2)


@dataclass(frozen=True, slots=True)
class RunningCatalog:
    """
    The service, what stands behind it, and the clock of breakers and of what is kept.
    """

    app: FastAPI
    backends: FakeBackends
    clock: FakeClock
    client: httpx.AsyncClient

    @property
    def catalog(self) -> Catalog:
        """
        The gateway's catalog.
        """
        catalog: Catalog = self.app.state.catalog
        return catalog

    async def get(
        self,
        path: str,
        *,
        within_ms: int | None = None,
        headers: Mapping[str, str] | None = None,
        **params: str | int,
    ) -> httpx.Response:
        """
        Whatever is answered, by default to somebody without a token.
        """
        given = _with_deadline(headers, within_ms)
        return await self.client.get(f"/api/v1{path}", params=params or None, headers=given)

    async def check(
        self, *ids: str, within_ms: int | None = None, headers: Mapping[str, str] | None = None
    ) -> httpx.Response:
        """
        Whatever a bulk check of these ids answers.
        """
        path = "/api/v1/products/bulk-check"
        given = _with_deadline(headers, within_ms)
        return await self.client.post(path, json={"productIds": ids}, headers=given)

    def forget_calls(self) -> None:
        """
        Count what is asked from now on.
        """
        self.backends.inventory.asked.clear()
        self.backends.pricing.asked.clear()

    @property
    def calls(self) -> tuple[int, int]:
        """
        How often inventory and pricing were asked.
        """
        return self.backends.inventory.calls, self.backends.pricing.calls


@asynccontextmanager
async def running_catalog(
    backends: FakeBackends,
    *,
    policy: Policy = PLAIN,
    max_last_known: int = 10_000,
    **settings: object,
) -> AsyncIterator[RunningCatalog]:
    """
    The gateway in front of ``backends``, in a world whose time is the test's.
    """
    clock = FakeClock()

    async def pass_time(seconds: float) -> None:
        if seconds > LONGEST_PAUSE_S:
            await clock.sleep(seconds)
        else:
            clock.advance(seconds)
            await asyncio.sleep(0)

    class Bounded(Settings):
        """
        Settings that lead to the test's policy.
        """

        @property
        def reading_policy(self) -> Policy:
            return policy

    chosen = shared_secret(
        Bounded, stale_if_error_seconds=AGE_LIMIT_S, last_known_products=max_last_known, **settings
    )
    networks = {
        **dict.fromkeys(WAYS_TO_INVENTORY, backends.inventory_network),
        "pricing": backends.pricing_network,
    }
    app = create_app(chosen, Outside(networks, clock.monotonic, pass_time))
    async with app.router.lifespan_context(app), client_of(app) as client:
        yield RunningCatalog(app, backends, clock, client)


def _with_deadline(headers: Mapping[str, str] | None, within_ms: int | None) -> dict[str, str]:
    given = dict(headers or {})
    return given if within_ms is None else given | {DEADLINE_HEADER: str(within_ms)}


def admin() -> dict[str, str]:
    """
    The header of somebody who may have answers explained.
    """
    return bearer(sub="admin-1", scope="read write admin")


def three_products() -> FakeBackends:
    """
    Three products in two categories, one of them sold out, one of them without a price.
    """
    return FakeBackends(
        products={
            "A-1": product("A-1", name="Red lamp", category="lamps"),
            "B-1": product("B-1", name='A "quoted" Äpfel', category="food", stock=0),
            "C-1": product("C-1", name="Blue lamp", category="lamps"),
        },
        prices={"A-1": price("A-1", "5.00"), "B-1": price("B-1", "12.345", "KWD")},
    )
