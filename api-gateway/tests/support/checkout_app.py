"""
Orders as their clients meet them: the whole gateway with its engine and a database of its own, and fake
networks below it. Pauses take no time: they move the clock, by which deadlines and breakers go, too.

::

    async with running_checkout(backends) as shop:
        answer = await shop.order({"A-1": 2}, key="a key of mine")
        order = await shop.get(answer.json()["orderId"], caller=SHOPPER)
"""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from typing import Any, Final

import httpx
from fake_backends import FakeBackends
from fastapi import FastAPI
from fresh_database import fresh_database
from gateway_app import HOME, bearer, client_of, shared_secret
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.checkout.wiring import Parts
from gateway.main import create_app
from gateway.settings import Settings
from gateway.tables import metadata
from servicekit import durable, migrations
from servicekit.database import Database
from servicekit.deadline import DEADLINE_HEADER
from servicekit.durable import Engine
from servicekit.http import Policy
from servicekit.outside import Outside
from servicekit.testing import eventually
from servicekit.testing.clock import FakeClock

API: Final = "/api/v1"
SHOPPER: Final = bearer(sub="shopper-1", scope="read write")
OTHER: Final = bearer(sub="shopper-2", scope="read write")
ADMIN: Final = bearer(sub="admin-1", scope="read write admin")
GUEST: Final[Mapping[str, str]] = {}
#: Whoever sleeps longer is no saga between two attempts.
LONGEST_PAUSE_S: Final = 60
#: One attempt for each of the saga's, so that a fault is met once; the breaker opens at the fifth.
PLAIN: Final = Policy(max_attempts=1)


def prepare(url: str) -> None:
    """
    Give a PostgreSQL database what a gateway needs of one. On SQLite there is ``fresh_database``.
    """
    migrations.migrate(url, "gateway")
    durable.migrate(url)


@dataclass
class Pauses:
    """
    What becomes of pauses between attempts: they pass at once, or never when they ``are_endless``;
    so many are ``waiting`` then.
    """

    are_endless: bool = False
    waiting: int = 0

    async def pause(self, clock: FakeClock, seconds: float) -> None:
        """
        As ``asyncio.sleep``.
        """
        if seconds > LONGEST_PAUSE_S:
            await asyncio.Event().wait()
        if self.are_endless:
            self.waiting += 1
            await asyncio.Event().wait()
        clock.advance(seconds)
        # Not at once, or work that cannot be done would leave no time for anything else.
        await asyncio.sleep(0.002)


@dataclass(frozen=True, slots=True)
class RunningCheckout:
    """
    The gateway, what stands behind it, its database, and a caller.
    """

    app: FastAPI
    backends: FakeBackends
    clock: FakeClock
    client: httpx.AsyncClient
    database: Database
    url: str

    @property
    def parts(self) -> Parts[Engine]:
        """
        What the checkout is made of.
        """
        parts: Parts[Engine] = self.app.state.orders
        return parts

    async def order(
        self,
        wanted: Mapping[str, int],
        *,
        codes: Sequence[str] = (),
        currency: str | None = None,
        key: str | None = None,
        caller: Mapping[str, str] = SHOPPER,
        within_ms: int | None = None,
        prefer: str | None = None,
    ) -> httpx.Response:
        """
        Whatever an order of so many pieces of each product is answered.
        """
        body: dict[str, Any] = {
            "items": [{"productId": one, "quantity": n} for one, n in wanted.items()],
            "discountCodes": list(codes),
        }
        if currency is not None:
            body["currency"] = currency
        headers = {
            "Idempotency-Key": key,
            "Prefer": prefer,
            DEADLINE_HEADER: None if within_ms is None else str(within_ms),
        }
        told = {name: value for name, value in headers.items() if value is not None}
        return await self.client.post(f"{API}/orders", json=body, headers={**caller, **told})

    async def get(self, order_id: str, *, caller: Mapping[str, str] = SHOPPER) -> httpx.Response:
        """
        Whatever the question for an order is answered.
        """
        return await self.client.get(f"{API}/orders/{order_id}", headers=dict(caller))

    async def listed(
        self, caller: Mapping[str, str] = SHOPPER, **params: str | int
    ) -> httpx.Response:
        """
        Whatever the question for a list of orders is answered.
        """
        return await self.client.get(f"{API}/orders", headers=dict(caller), params=params)

    async def cancel(
        self, order_id: str, *, caller: Mapping[str, str] = SHOPPER, within_ms: int | None = None
    ) -> httpx.Response:
        """
        Whatever a cancellation is answered.
        """
        told = {} if within_ms is None else {DEADLINE_HEADER: str(within_ms)}
        path = f"{API}/orders/{order_id}/cancel"
        return await self.client.post(path, headers={**caller, **told})

    async def rows(self, table: str) -> list[Mapping[str, Any]]:
        """
        What the gateway keeps in a table.
        """
        async with self.database.read() as connection:
            return await _rows(connection, table)

    async def becomes(
        self, order_id: str, status: str, *, caller: Mapping[str, str] = SHOPPER
    ) -> dict[str, Any]:
        """
        The order, once it has that status.
        """

        async def has_become() -> dict[str, Any] | None:
            order: dict[str, Any] = (await self.get(order_id, caller=caller)).json()
            return order if order["status"] == status else None

        return await eventually(has_become, within_s=10) or {}

    async def names(self, order_id: str, *, caller: Mapping[str, str] = SHOPPER) -> list[str]:
        """
        The names of what has happened to an order.
        """
        order = (await self.get(order_id, caller=caller)).json()
        return [event["name"] for event in order["timeline"]]


@asynccontextmanager
async def running_checkout(
    backends: FakeBackends,
    *,
    url: str | None = None,
    policy: Policy = PLAIN,
    clock: FakeClock | None = None,
    pauses: Pauses | None = None,
    takes_orders: bool = True,
    **settings: object,
) -> AsyncIterator[RunningCheckout]:
    """
    The gateway in front of ``backends``, on a new SQLite database or the one that is named.
    """
    clock = clock or FakeClock()
    pauses = pauses or Pauses()

    async def pause(seconds: float) -> None:
        await pauses.pause(clock, seconds)

    class Bounded(Settings):
        """
        Settings that lead to the test's policy.
        """

        @property
        def ordering_policy(self) -> Policy:
            return policy

    url = url or fresh_database()
    chosen = shared_secret(Bounded, database_url=url, takes_orders=takes_orders, **settings)
    networks = {
        "inventory-orders": backends.inventory_network,
        "pricing-orders": backends.pricing_network,
    }
    app = create_app(chosen, Outside(networks, clock.monotonic, pause), now=clock.now)
    database = Database(url)
    async with app.router.lifespan_context(app), client_of(app, address=HOME) as client:
        yield RunningCheckout(app, backends, clock, client, database, url)
    await database.aclose()


@asynccontextmanager
async def at_an_address(shop: RunningCheckout, address: str) -> AsyncIterator[RunningCheckout]:
    """
    The same gateway, as somebody at another address meets it.
    """
    async with client_of(shop.app, address=address) as client:
        yield replace(shop, client=client)


async def _rows(connection: AsyncConnection, table: str) -> list[Mapping[str, Any]]:
    found = await connection.execute(select(metadata.tables[table]))
    return [dict(row) for row in found.mappings()]
