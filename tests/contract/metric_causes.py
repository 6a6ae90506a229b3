"""
What makes which number rise that an alarm stands on: the deeds, and the tables of them.
"""

import asyncio
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Final

import httpx
from checkout_app import SHOPPER, Pauses, RunningCheckout, running_checkout
from fake_backends import FakeBackends
from fake_faults import Held
from gateway_app import token_of
from running_identity import RunningIdentity
from sqlalchemy import insert, update

from gateway.checkout.models import CANCEL, Wanted
from gateway.checkout.sagas import subject_of
from gateway.tables import orders
from servicekit.sagas import Standing
from servicekit.testing import eventually
from servicekit.testing.clock import FakeClock


@dataclass(frozen=True)
class Shop:
    """
    A gateway in front of backends that may fail or be held up.
    """

    checkout: RunningCheckout
    pauses: Pauses
    held: list[Held] = field(default_factory=list)
    tasks: list[asyncio.Task[httpx.Response]] = field(default_factory=list)

    async def is_ordered(self) -> None:
        """
        An order that is confirmed.
        """
        assert (await self.checkout.order({"A-1": 1})).status_code == 201

    async def is_too_much(self) -> None:
        """
        An order for more than there is.
        """
        assert (await self.checkout.order({"A-1": 90})).status_code == 409

    async def is_checked(self) -> None:
        """
        A request with a good token.
        """
        assert (await self.checkout.listed(SHOPPER)).status_code == 200

    async def is_stranger(self) -> None:
        """
        A request with a token of somebody else's.
        """
        stranger = {"Authorization": f"Bearer {token_of()[:-4]}AAAA"}
        assert (await self.checkout.listed(stranger)).status_code == 401

    async def is_held_up(self) -> None:
        """
        A request that goes on.
        """
        held = Held()
        self.held.append(held)
        self.checkout.backends.inventory.on("reserve").fail_always(held)
        self.tasks.append(asyncio.create_task(self.checkout.order({"A-1": 1})))
        await eventually(lambda: held.has_come)

    async def is_unreadable(self) -> None:
        """
        An order whose row another release has written so that this one cannot read it.
        """
        await self._park()
        await self.checkout.parts.upkeep.look_after_open()
        self.checkout.clock.advance(200)
        await self.checkout.parts.upkeep.look_after_open()

    async def is_carried_on(self) -> None:
        """
        An order that is open although its work is over.
        """
        order_id = (await self.checkout.order({"A-1": 1})).json()["orderId"]
        await self.checkout.becomes(order_id, "CONFIRMED")
        engine = self.checkout.parts.engine
        await engine.start(CANCEL, order_id, subject_of(Wanted(()), "c"))

        async def is_over() -> bool:
            return await engine.standings(CANCEL, [order_id]) == {order_id: Standing.STOPPED}

        await eventually(is_over)
        async with self.checkout.database.write() as connection:
            is_it = orders.c.id == order_id
            await connection.execute(update(orders).where(is_it).values(status="CANCELLING"))
        self.checkout.clock.advance(3)
        await self.checkout.parts.upkeep.look_after_open()

    async def _park(self) -> None:
        now = self.checkout.clock.now()
        row = {
            "id": secrets.token_hex(16),
            "status": "PARKED",
            "created_at": now,
            "updated_at": now,
            "day": "2026-01-01",
            "items": [["A-1", 1]],
            "discount_codes": [],
            "correlation_id": "c",
        }
        async with self.checkout.database.write() as connection:
            await connection.execute(insert(orders).values(row))

    async def is_repeated(self) -> None:
        """
        A work that waits until it may try again.
        """
        self.pauses.are_endless = True
        self.checkout.backends.inventory.on("commit").fail_always(503)
        await self.checkout.order({"A-1": 1}, prefer="respond-async")
        await eventually(lambda: self.pauses.waiting)


#: What makes which number of the gateway's rise; in this order, since what the last do is not undone.
OF_GATEWAY: Final[tuple[tuple[str, dict[str, str], Callable[[Shop], Awaitable[None]]], ...]] = (
    ("orders_total", {"outcome": "CONFIRMED"}, Shop.is_ordered),
    ("orders_total", {"outcome": "REJECTED"}, Shop.is_too_much),
    ("order_answer_seconds_count", {"status": "CONFIRMED"}, Shop.is_ordered),
    ("order_answer_seconds_bucket", {"le": "+Inf"}, Shop.is_ordered),
    ("order_answer_seconds_sum", {"status": "CONFIRMED"}, Shop.is_ordered),
    ("saga_ended_total", {"saga": "place-order", "outcome": "done"}, Shop.is_ordered),
    ("saga_duration_seconds_sum", {"saga": "place-order", "outcome": "done"}, Shop.is_ordered),
    ("auth_tokens_checked_total", {"outcome": "verified"}, Shop.is_checked),
    ("auth_tokens_checked_total", {"reason": "signature"}, Shop.is_stranger),
    ("orders_carried_on_total", {}, Shop.is_carried_on),
    ("orders_stranded", {"why": "unreadable"}, Shop.is_unreadable),
    ("saga_waiting", {}, Shop.is_repeated),
    ("saga_running", {}, Shop.is_held_up),
    ("http_requests_in_progress", {}, Shop.is_held_up),
)


async def is_wrong(people: RunningIdentity) -> None:
    """
    A sign-in with a wrong password.
    """
    assert (await people.password("shopper", "wrong")).status_code == 401


async def is_let_in(people: RunningIdentity) -> None:
    """
    A sign-in.
    """
    await people.sign_in("shopper")


async def is_stolen(people: RunningIdentity) -> None:
    """
    A refresh token that is used twice, long after one another.
    """
    tokens = await people.sign_in("shopper")
    assert (await people.refresh(tokens.refresh)).status_code == 200
    people.clock.advance(3600)
    assert (await people.refresh(tokens.refresh)).status_code == 401


OF_IDENTITY: Final[
    tuple[tuple[str, dict[str, str], Callable[[RunningIdentity], Awaitable[None]]], ...]
] = (
    ("auth_sign_ins_failed_total", {"kind": "user", "reason": "refused"}, is_wrong),
    ("auth_tokens_issued_total", {"grant": "password"}, is_let_in),
    ("auth_refresh_tokens_reused_total", {}, is_stolen),
)


@asynccontextmanager
async def running_shop() -> AsyncIterator[Shop]:
    """
    The gateway, until what is held up is let go.
    """
    clock, pauses = FakeClock(), Pauses()
    backends = FakeBackends.selling("A-1", stock=50, now=clock.now)
    async with running_checkout(backends, clock=clock, pauses=pauses) as checkout:
        shop = Shop(checkout, pauses)
        yield shop
        for held in shop.held:
            held.release()
        for task in shop.tasks:
            task.cancel()
        await asyncio.gather(*shop.tasks, return_exceptions=True)
