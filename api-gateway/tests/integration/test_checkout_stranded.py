"""
Open orders whose work is over in the journal, in a whole gateway: each is carried on, and ends.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from checkout_app import ADMIN, API, Pauses, RunningCheckout, prepare, running_checkout
from fake_backends import FakeBackends
from fresh_database import fresh_database
from journal_rows import rewrite
from sqlalchemy import update

from gateway.checkout.models import CANCEL, PLACE
from gateway.tables import orders
from servicekit.testing import eventually
from servicekit.testing.clock import FakeClock


@pytest.fixture
def backends() -> FakeBackends:
    """
    A product with three in stock.
    """
    return FakeBackends.selling("A-1", stock=3)


@pytest.mark.parametrize("status", ["ERROR", "CANCELLED"])
async def test_a_placing_whose_work_is_over_is_carried_on(
    backends: FakeBackends, status: str
) -> None:
    """
    However it was ended in the journal, by a hand or by a fault: the order is confirmed, and sold once.
    """
    await _is_carried_on(backends, fresh_database(), status)


@pytest.mark.postgres
async def test_a_placing_whose_work_is_over_is_carried_on_on_postgresql(
    backends: FakeBackends, postgres_url: str
) -> None:
    """
    There as well.
    """
    await asyncio.to_thread(prepare, postgres_url)
    await _is_carried_on(backends, postgres_url, "CANCELLED")


async def _is_carried_on(backends: FakeBackends, url: str, status: str) -> None:
    order_id = await _placing_stops(backends, url, status)

    async with _later(backends, url) as shop:
        await shop.parts.upkeep.look_after_open()

        await shop.becomes(order_id, "CONFIRMED")
        assert backends.inventory.stock.sold == {"A-1": 2}
        assert "orders_carried_on_total 1.0" in (await shop.client.get("/metrics")).text


async def test_a_cancellation_whose_work_is_over_is_carried_on(backends: FakeBackends) -> None:
    """
    Its stock comes back.
    """
    url = fresh_database()
    async with running_checkout(backends, url=url, pauses=Pauses(are_endless=True)) as shop:
        order_id = (await shop.order({"A-1": 2})).json()["orderId"]
        backends.inventory.on("return").fail_always(503)
        await shop.cancel(order_id, within_ms=50)
        await _is_in_the_journal(shop, CANCEL, order_id)
    await rewrite(url, f"{CANCEL}:{order_id}", status="ERROR")
    backends.inventory.on("return").recover()

    async with _later(backends, url) as shop:
        await shop.parts.upkeep.look_after_open()

        await shop.becomes(order_id, "CANCELLED")
        assert not backends.inventory.stock.sold.get("A-1")


async def test_an_order_that_was_shown_and_is_retried_is_carried_on(backends: FakeBackends) -> None:
    """
    Also one that needs attention: its work may have been stopped since.
    """
    url = fresh_database()
    order_id = await _placing_stops(backends, url, "CANCELLED")

    async with _later(backends, url) as shop:
        async with shop.database.write() as connection:
            flagged = {"attention_since": shop.clock.now(), "attention": {"step": "s", "why": "W"}}
            await connection.execute(update(orders).values(status="NEEDS_ATTENTION", **flagged))
        answer = await shop.client.post(f"{API}/orders/{order_id}/retry", headers=dict(ADMIN))
        await shop.parts.upkeep.try_again()
        await shop.parts.upkeep.look_after_open()

        assert answer.status_code == 202
        await shop.becomes(order_id, "CONFIRMED")


async def _placing_stops(backends: FakeBackends, url: str, status: str) -> str:
    """
    The id of an order whose placing stands so in the journal, before its commit.
    """
    backends.inventory.on("commit").fail_always(503)
    async with running_checkout(backends, url=url, pauses=Pauses(are_endless=True)) as shop:
        order_id: str = (await shop.order({"A-1": 2}, prefer="respond-async")).json()["orderId"]
        await _is_in_the_journal(shop, PLACE, order_id)
    await rewrite(url, f"{PLACE}:{order_id}", status=status)
    backends.inventory.on("commit").recover()
    return order_id


@asynccontextmanager
async def _later(backends: FakeBackends, url: str) -> AsyncIterator[RunningCheckout]:
    """
    The gateway again, when its sweep looks after what it finds there.
    """
    clock = FakeClock()
    async with running_checkout(backends, url=url, clock=clock) as shop:
        clock.advance(3)
        yield shop


async def _is_in_the_journal(shop: RunningCheckout, saga: str, order_id: str) -> None:
    async def is_there() -> bool:
        return order_id in await shop.parts.engine.standings(saga, [order_id])

    await eventually(is_there, within_s=20)
