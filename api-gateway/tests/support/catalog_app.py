"""
The catalog as its clients meet it: its routes in a service, real clients below, and no socket.
"""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Final

import httpx
from fake_backends import FakeBackends, price, product
from fastapi import FastAPI
from gateway_app import SECRET, bearer, client_of, shared_secret

from gateway.catalog.metrics import CatalogMetrics
from gateway.catalog.routes import catalog_router, pictures_router
from gateway.catalog.service import Catalog
from gateway.upstreams.inventory import Inventory
from gateway.upstreams.pricing import Pricing
from servicekit.app import create_service
from servicekit.auth import TokenVerifier
from servicekit.deadline import DEADLINE_HEADER
from servicekit.http import Policy
from servicekit.telemetry import Telemetry
from servicekit.testing.clock import FakeClock
from servicekit.testing.tokens import AUDIENCE, ISSUER

AGE_LIMIT_S: Final = 300
#: One attempt, so that a fault is met once; and a breaker that opens at the second.
PLAIN: Final = Policy(max_attempts=1, breaker_threshold=2)


@dataclass(frozen=True, slots=True)
class RunningCatalog:
    """
    The service, what stands behind it, and the clock of breakers and of what is kept.
    """

    app: FastAPI
    catalog: Catalog
    backends: FakeBackends
    clock: FakeClock
    client: httpx.AsyncClient

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
    The service in front of ``backends``.
    """
    clock = FakeClock()
    catalog = Catalog(
        Inventory(backends.inventory_client(clock=clock, policy=policy)),
        Pricing(backends.pricing_client(clock=clock, policy=policy)),
        stale_if_error_s=AGE_LIMIT_S,
        max_last_known=max_last_known,
        now=clock.monotonic,
    )

    @asynccontextmanager
    async def running() -> AsyncIterator[None]:
        yield
        await catalog.aclose()

    telemetry = Telemetry()
    CatalogMetrics(telemetry.registry, catalog)
    app = create_service(
        shared_secret(**settings),
        title="Catalog",
        description="The catalog of the gateway.",
        verifier=TokenVerifier.hs256(SECRET.encode(), issuer=ISSUER, audience=AUDIENCE),
        routers=[catalog_router("/api/v1", catalog), pictures_router(catalog)],
        resources=[running],
        telemetry=telemetry,
    )
    async with app.router.lifespan_context(app), client_of(app) as client:
        yield RunningCatalog(app, catalog, backends, clock, client)


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
