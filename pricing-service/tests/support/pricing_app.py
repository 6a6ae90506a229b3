"""
The pricing service as its clients meet it: whole, with real tokens and the demo's prices and codes.

No port is opened, which saves half of a test's time; what depends on the wire is looked at by the
conformance suite and by the tests of several processes.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, Final

import httpx
from pydantic import JsonValue, SecretStr

from pricing.main import create_app
from pricing.seed import seed
from pricing.settings import Settings
from pricing.wiring import build_services
from servicekit import migrations
from servicekit.testing.clock import FakeClock
from servicekit.testing.tokens import AUDIENCE, ISSUER, hs256_token

API: Final = "/api/v1"
SECRET: Final = "a secret that the tests share with the service"
Headers = dict[str, str]


def bearer(kind: str = "user", scope: str = "read write", *permissions: str) -> Headers:
    """
    The header of a caller of this kind; tokens are looked at by the real clock.
    """
    token = hs256_token(
        SECRET.encode(), now=time.time(), kind=kind, scope=scope, permissions=[*permissions]
    )
    return {"Authorization": f"Bearer {token}"}


def gateway() -> Headers:
    """
    The service that takes orders.
    """
    return bearer("service", "read write", "prices:quote")


def merchant() -> Headers:
    """
    Somebody who sets prices and discounts.
    """
    return bearer("user", "read write", "catalog:write")


def settings_for(database_url: str, **changed: object) -> Settings:
    """
    Settings of a service on this database, read from nowhere else.
    """
    values: dict[str, Any] = {
        "database_url": database_url,
        "jwt_algorithm": "HS256",
        "jwt_secret_key": SecretStr(SECRET),
        "jwt_issuer": ISSUER,
        "jwt_audience": AUDIENCE,
    }
    return Settings(_env_file=None, **(values | changed))


def environment_for(database_url: str, **changed: str) -> dict[str, str]:
    """
    The same for a process of its own.
    """
    return {
        "DATABASE_URL": database_url,
        "JWT_ALGORITHM": "HS256",
        "JWT_SECRET_KEY": SECRET,
        "JWT_ISSUER": ISSUER,
        "JWT_AUDIENCE": AUDIENCE,
        **changed,
    }


def prepare(database_url: str) -> None:
    """
    Migrate and seed a new database, at the moment at which a FakeClock begins.
    """
    migrations.migrate(database_url, "pricing")
    asyncio.run(_seed(settings_for(database_url)))


async def _seed(settings: Settings) -> None:
    clock = FakeClock()
    services = build_services(settings, now=clock.now, monotonic=clock.monotonic)
    async with services.opened():
        await seed(services, now=clock.now)


@dataclass(frozen=True, slots=True)
class RunningPricing:
    """
    A client of the service, and the service's clock.
    """

    http: httpx.AsyncClient
    clock: FakeClock

    async def price(self, product_id: str, **query: str) -> httpx.Response:
        """
        Whatever reading a price answers.
        """
        return await self.http.get(f"{API}/prices/{product_id}", params=query)

    async def prices(self, *product_ids: str, **query: str) -> httpx.Response:
        """
        Whatever reading several prices answers.
        """
        return await self.http.get(f"{API}/prices", params={"ids": ",".join(product_ids), **query})

    async def set_price(
        self, product_id: str, base_price: str, currency: str = "USD", /, **more: JsonValue
    ) -> httpx.Response:
        """
        Whatever setting a price answers.
        """
        body = {"basePrice": base_price, "currency": currency, **more}
        return await self.http.put(f"{API}/prices/{product_id}", json=body, headers=merchant())

    async def put_discount(
        self, code: str, kind: dict[str, JsonValue], **more: JsonValue
    ) -> httpx.Response:
        """
        Whatever making or changing a code answers.
        """
        body = {"description": f"What {code} gives", "kind": kind, **more}
        return await self.http.put(f"{API}/discounts/{code}", json=body, headers=merchant())

    async def discount(self, code: str) -> dict[str, Any]:
        """
        A code that must be there.
        """
        answer = await self.http.get(f"{API}/discounts/{code}", headers=merchant())
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.json()
        return found

    async def calculate(
        self, product_id: str, quantity: int = 1, codes: Sequence[str] = (), **more: JsonValue
    ) -> httpx.Response:
        """
        Whatever a calculation answers.
        """
        body = {"productId": product_id, "quantity": quantity, "discountCodes": [*codes], **more}
        return await self.http.post(f"{API}/prices/calculate", json=body)

    async def quote(
        self,
        items: dict[str, int],
        codes: Sequence[str] = (),
        order_id: str | None = None,
        **more: JsonValue,
    ) -> httpx.Response:
        """
        Whatever a quote answers.
        """
        body: dict[str, JsonValue] = {
            "items": [{"productId": one, "quantity": count} for one, count in items.items()],
            "discountCodes": [*codes],
            **more,
        }
        if order_id is not None:
            body["orderId"] = order_id
        return await self.http.post(f"{API}/prices/quote", json=body, headers=gateway())

    async def stored(self, quote_id: str) -> httpx.Response:
        """
        Whatever reading a quote answers.
        """
        return await self.http.get(f"{API}/prices/quotes/{quote_id}", headers=gateway())

    async def release(self, order_id: str) -> httpx.Response:
        """
        Whatever a release answers.
        """
        return await self.http.post(
            f"{API}/prices/quotes/release", json={"orderId": order_id}, headers=gateway()
        )


def reasons_of(answer: httpx.Response) -> dict[str, str]:
    """
    Why each code was refused, in an answer that must be such a refusal.
    """
    assert answer.status_code == 422, answer.text
    error = answer.json()["error"]
    assert error["code"] == "INVALID_DISCOUNT", answer.text
    return {one["code"]: one["reason"] for one in error["details"]["codes"]}


@asynccontextmanager
async def running_pricing(settings: Settings, clock: FakeClock) -> AsyncIterator[RunningPricing]:
    """
    The service as it runs, with ``clock`` for its clocks.
    """
    app = create_app(settings, now=clock.now, monotonic=clock.monotonic)
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=transport, base_url="http://pricing") as http,
    ):
        yield RunningPricing(http, clock)
