"""
The reports as administrators meet them, on a database that holds what a test says.
"""

import asyncio
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import httpx
from fake_backends import FakeBackends
from fastapi import FastAPI
from fresh_database import fresh_database
from gateway_app import bearer, client_of, shared_secret

from gateway.main import create_app
from gateway.tables import order_discounts, order_events, order_lines, orders
from servicekit import migrations
from servicekit.database import Database
from servicekit.outside import Outside
from servicekit.testing.clock import FakeClock

NOON: Final = datetime(2026, 1, 1, 12, tzinfo=UTC)
ADMIN: Final = {"sub": "admin-1", "scope": "read write admin"}


def prepare(database_url: str) -> None:
    """
    Give a new database the gateway's tables.
    """
    migrations.migrate(database_url, "gateway")


@dataclass(frozen=True, slots=True, kw_only=True)
class Placed:
    """
    An order as it stands in the tables. ``lines``: units and minor units of each product.
    """

    id: str
    status: str = "CONFIRMED"
    at: datetime = NOON - timedelta(hours=1)
    currency: str | None = "USD"
    lines: Mapping[str, tuple[int, int]] = field(default_factory=dict)
    discounts: Mapping[str, int] = field(default_factory=dict)
    events: tuple[str, ...] = ()
    more: Mapping[str, Any] = field(default_factory=dict)

    @property
    def row(self) -> dict[str, Any]:
        """
        The order's own row.
        """
        total = sum(amount for _, amount in self.lines.values()) - sum(self.discounts.values())
        return {
            "id": self.id,
            "owner": "user-1",
            "status": self.status,
            "created_at": self.at,
            "updated_at": self.at,
            "ended_at": None,
            "day": f"{self.at:%Y-%m-%d}",
            "items": [],
            "discount_codes": [],
            "correlation_id": f"correlation-{self.id}",
            "currency": self.currency,
            "total": total if self.currency else None,
            "reason_code": None,
            "reason": None,
            "failed_step": None,
            "attention_since": None,
            "attention": None,
            **self.more,
        }

    @property
    def line_rows(self) -> Iterable[dict[str, Any]]:
        """
        Its lines.
        """
        for product_id, (quantity, amount) in self.lines.items():
            yield {
                **self._owned,
                "product_id": product_id,
                "quantity": quantity,
                "unit_price": amount // quantity,
                "line_total": amount,
            }

    @property
    def discount_rows(self) -> Iterable[dict[str, Any]]:
        """
        Its discounts.
        """
        for code, amount in self.discounts.items():
            yield {**self._owned, "code": code, "amount": amount}

    @property
    def event_rows(self) -> Iterable[dict[str, Any]]:
        """
        Its events, a second apart.
        """
        for seq, name in enumerate(self.events, start=1):
            at = self.at + timedelta(seconds=seq)
            yield {"order_id": self.id, "seq": seq, "name": name, "at": at, "facts": {}}

    @property
    def _owned(self) -> dict[str, Any]:
        return {"order_id": self.id, "currency": self.currency, "day": f"{self.at:%Y-%m-%d}"}


@dataclass(frozen=True, slots=True)
class RunningReports:
    """
    The service, its database and what stands behind it.
    """

    app: FastAPI
    client: httpx.AsyncClient
    database: Database
    backends: FakeBackends

    async def place(self, *placed: Placed) -> None:
        """
        Keep these orders.
        """
        tables = {
            orders: [one.row for one in placed],
            order_lines: [row for one in placed for row in one.line_rows],
            order_discounts: [row for one in placed for row in one.discount_rows],
            order_events: [row for one in placed for row in one.event_rows],
        }
        async with self.database.write() as connection:
            for table, rows in tables.items():
                if rows:
                    await connection.execute(table.insert(), rows)

    async def get(self, report: str, *, accept: str = "*/*", **params: str) -> httpx.Response:
        """
        Whatever is answered to an administrator; ``since`` stands for ``from``.
        """
        query = {{"since": "from"}.get(name, name): value for name, value in params.items()}
        headers = {**bearer(**ADMIN), "Accept": accept}
        return await self.client.get(f"/api/v1/reports/{report}", params=query, headers=headers)

    async def items(self, report: str, **params: str) -> list[dict[str, Any]]:
        """
        The items of a good answer.
        """
        answer = await self.get(report, **params)
        assert answer.status_code == 200, answer.text
        items: list[dict[str, Any]] = answer.json()["items"]
        return items


@asynccontextmanager
async def running_reports(
    backends: FakeBackends | None = None, *, database_url: str | None = None
) -> AsyncIterator[RunningReports]:
    """
    The gateway on that database or on a new one, at noon of the first of January 2026.
    """
    backends, database_url = backends or FakeBackends(), database_url or fresh_database()
    clock = FakeClock(NOON)

    async def pass_time(seconds: float) -> None:
        clock.advance(seconds)
        await asyncio.sleep(0)

    networks = {
        "inventory-reports": backends.inventory_network,
        "pricing-reports": backends.pricing_network,
    }
    app = create_app(
        shared_secret(database_url=database_url),
        Outside(networks, clock.monotonic, pass_time),
        now=clock.now,
    )
    async with (
        aclosing(Database(database_url)) as database,
        app.router.lifespan_context(app),
        client_of(app) as client,
    ):
        yield RunningReports(app, client, database, backends)
