"""
Orders in a database of their own, which a sweep looks at, with an engine that says what a test wants.
"""

from collections.abc import AsyncIterator, Collection, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from fake_backends import FakeBackends
from fresh_database import fresh_database
from prometheus_client import generate_latest
from scripted_works import ScriptedWorks
from sqlalchemy import insert, update

from gateway.checkout.acceptance import Terms
from gateway.checkout.models import CANCEL, PLACE, Status
from gateway.checkout.repository import by_id
from gateway.checkout.wiring import Parts, build_checkout
from gateway.tables import orders
from gateway.upstreams.quotes import Quotes
from gateway.upstreams.stock import Stock
from servicekit.database import Database
from servicekit.telemetry import Telemetry
from servicekit.testing.clock import FakeClock

BEGAN: Final = datetime(2026, 1, 1, 12, tzinfo=UTC)
#: An order that is open for so long, and looked at for so long, is open for too long.
LATE_S: Final = 200
TERMS: Final = Terms(
    deadline=timedelta(seconds=8),
    attention_after=timedelta(seconds=60),
    max_running=5,
    keep_keys=timedelta(hours=24),
    keep_unsold=timedelta(days=30),
)


@dataclass(frozen=True, slots=True)
class Swept:
    """
    A checkout over a database of its own, and what an engine says to it.
    """

    parts: Parts[ScriptedWorks]
    database: Database
    clock: FakeClock
    telemetry: Telemetry

    @property
    def works(self) -> ScriptedWorks:
        """
        The engine.
        """
        return self.parts.engine

    async def add(
        self,
        *order_ids: str,
        status: str = "PENDING",
        saga: str = PLACE,
        odd: Mapping[str, object] | None = None,
    ) -> None:
        """
        Orders that were accepted when the clock began to run.
        """
        row = {
            "status": status,
            "created_at": BEGAN,
            "updated_at": BEGAN,
            "ended_at": BEGAN if saga == CANCEL else None,
            "day": "2026-01-01",
            "items": [["A-1", 1]],
            "discount_codes": [],
            "correlation_id": "c",
        }
        rows = [{"id": one} | row | dict(odd or {}) for one in order_ids]
        async with self.database.write() as connection:
            await connection.execute(insert(orders), rows)

    async def becomes(self, status: Status) -> None:
        """
        Every order is that now, as if another replica had been at it.
        """
        told = {"status": status.value, "ended_at": self.clock.now()}
        async with self.database.write() as connection:
            await connection.execute(update(orders).values(told))

    async def look(self) -> int:
        """
        What the upkeep does each second.
        """
        return await self.parts.upkeep.look_after_open()

    async def outlast(self) -> None:
        """
        The time of an outage passes.
        """
        self.clock.advance(LATE_S)

    async def look_until_late(self) -> None:
        """
        Look now, and again when what is open is so for too long.
        """
        await self.look()
        self.clock.advance(LATE_S)
        await self.look()

    async def why(self, order_id: str) -> str | None:
        """
        Why the order needs attention, if it does.
        """
        order = await by_id(self.database.glance, order_id)
        assert order is not None
        is_shown = order.status is Status.NEEDS_ATTENTION and order.attention is not None
        return order.attention.why if is_shown and order.attention is not None else None

    def told(self, metric: str) -> float:
        """
        What is told of that.
        """
        lines = generate_latest(self.telemetry.registry).decode().splitlines()
        return next(float(line.split()[-1]) for line in lines if line.startswith(f"{metric} "))

    def stranded(self, *whys: str) -> Collection[float]:
        """
        How many are told to be stranded for each of these reasons.
        """
        return [self.told(f'orders_stranded{{why="{why}"}}') for why in whys]


@asynccontextmanager
async def swept_orders() -> AsyncIterator[Swept]:
    """
    A checkout nothing of which goes on by itself.
    """
    database, clock, telemetry = (
        Database(fresh_database()),
        FakeClock(BEGAN + timedelta(seconds=3)),
        Telemetry(),
    )
    backends = FakeBackends.selling("A-1", stock=3)
    parts = build_checkout(
        database,
        Stock(backends.inventory_client()),
        Quotes(backends.pricing_client()),
        TERMS,
        telemetry=telemetry,
        engine_for=lambda _: ScriptedWorks(),
        now=clock.now,
    )
    yield Swept(parts, database, clock, telemetry)
    await database.aclose()
