"""
The inventory service as its clients meet it: whole, and called with real tokens.

No port is opened, which saves half of a test's time; what depends on the wire is looked at by the
conformance suite and by the tests of several processes.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import httpx
from fastapi import FastAPI
from pydantic import SecretStr

from inventory.main import create_app
from inventory.seed import seed
from inventory.settings import Settings
from inventory.wiring import Services, build_services
from servicekit import migrations
from servicekit.testing.clock import FakeClock
from servicekit.testing.tokens import AUDIENCE, ISSUER, hs256_token

SECRET = "the shared secret of the inventory's tests"
RESERVATION_S = 900
#: What a service may do that sees orders through; and what a merchant may do.
SERVICE = {"kind": "service", "sub": "api-gateway", "permissions": ["stock:write"]}
MERCHANT = {"kind": "user", "sub": "merchant-1", "permissions": ["catalog:write"]}


def settings_for(database_url: str, **changed: object) -> Settings:
    """
    Settings of a service on this database, read from nowhere else; it does not sweep by itself.
    """
    values: dict[str, Any] = {
        "database_url": database_url,
        "jwt_algorithm": "HS256",
        "jwt_secret_key": SecretStr(SECRET),
        "jwt_issuer": ISSUER,
        "jwt_audience": AUDIENCE,
        "reservation_seconds": RESERVATION_S,
        "sweep_interval_seconds": 3600,
    }
    return Settings(_env_file=None, **(values | changed))


def environment(database_url: str) -> dict[str, str]:
    """
    The settings of a process on this database.
    """
    return {
        "DATABASE_URL": database_url,
        "JWT_ALGORITHM": "HS256",
        "JWT_SECRET_KEY": SECRET,
        "JWT_ISSUER": ISSUER,
        "JWT_AUDIENCE": AUDIENCE,
    }


def token_of(claims: Mapping[str, Any]) -> str:
    """
    A token that makes these claims; by default its caller may read and write.
    """
    return hs256_token(SECRET.encode(), now=time.time(), **claims)


def bearer(claims: Mapping[str, Any]) -> dict[str, str]:
    """
    The header that shows such a token.
    """
    return {"Authorization": f"Bearer {token_of(claims)}"}


def prepare(database_url: str) -> None:
    """
    Migrate a new database.
    """
    migrations.migrate(database_url, "inventory")


def prepare_demo(database_url: str) -> None:
    """
    Migrate a new database and give it the demo's products, at the moment a FakeClock begins.
    """
    prepare(database_url)
    asyncio.run(_seed(settings_for(database_url)))


async def _seed(settings: Settings) -> None:
    services = build_services(settings, now=FakeClock().now)
    async with services.opened():
        await seed(services.products)


@dataclass(frozen=True, slots=True)
class RunningInventory:
    """
    Clients of the service, its clock, and its parts on the same database (for ``sweep`` and
    ``audit``). ``service`` sees orders through, ``merchant`` runs the catalog, ``public`` is anybody.
    """

    service: httpx.AsyncClient
    merchant: httpx.AsyncClient
    public: httpx.AsyncClient
    clock: FakeClock
    services: Services

    async def product(self, product_id: str, *, stock: int = 10, **words: object) -> dict[str, Any]:
        """
        A new product.
        """
        body = {"id": product_id, "name": product_id, "category": "home", "stockLevel": stock}
        made = await self.merchant.post("/products", json=body | words)
        assert made.status_code == 201, made.text
        return dict(made.json())

    async def reserve(self, order: str, product: str, quantity: object = 1) -> httpx.Response:
        """
        Whatever a reserve of one product answers.
        """
        body = {"orderId": order, "productId": product, "quantity": quantity}
        return await self.service.post("/stock/reserve", json=body)

    async def reserve_order(self, order: str, items: Mapping[str, int]) -> httpx.Response:
        """
        Whatever an order form answers.
        """
        lines = [{"productId": product, "quantity": number} for product, number in items.items()]
        body = {"orderId": order, "items": lines}
        return await self.service.post("/stock/reservations", json=body)

    async def change(self, deed: str, **target: str) -> httpx.Response:
        """
        Whatever a release, commit or return answers, by ``orderId`` or ``reservationId``.
        """
        return await self.service.post(f"/stock/{deed}", json=target)

    async def amounts(self, product: str) -> tuple[int, int]:
        """
        Stock level and reserved units of a product.
        """
        answer = (await self.public.get(f"/products/{product}")).json()
        return answer["stockLevel"], answer["reserved"]

    async def movements(self, product: str) -> list[dict[str, Any]]:
        """
        The last 200 movements of a product, the newest first.
        """
        answer = await self.merchant.get(f"/products/{product}/movements", params={"size": 200})
        assert answer.status_code == 200, answer.text
        return list(answer.json()["items"])

    async def kinds(self, product: str) -> list[str]:
        """
        What happened to a product, the oldest first.
        """
        return [movement["kind"] for movement in reversed(await self.movements(product))]


@asynccontextmanager
async def running_inventory(
    settings: Settings, clock: FakeClock
) -> AsyncIterator[RunningInventory]:
    """
    The service as it runs, with ``clock`` for its clock.
    """
    app = create_app(settings, now=clock.now)
    services = build_services(settings, now=clock.now)
    async with (
        services.opened(),
        app.router.lifespan_context(app),
        client_of(app, SERVICE) as service,
        client_of(app, MERCHANT) as merchant,
        client_of(app) as public,
    ):
        yield RunningInventory(service, merchant, public, clock, services)


def client_of(app: FastAPI, claims: Mapping[str, Any] | None = None) -> httpx.AsyncClient:
    """
    A caller whose token makes these claims, or who has none.
    """
    return httpx.AsyncClient(
        transport=httpx.ASGITransport(app),
        base_url="http://inventory/api/v1",
        headers=bearer(claims) if claims else {},
    )


def reason_of(answer: httpx.Response) -> str:
    """
    Why something was refused: the reason, or the code where there is none.
    """
    error = answer.json()["error"]
    return str(error.get("details", {}).get("reason", error["code"]))
