"""
Cancelling an order.
"""

import asyncio
from collections.abc import AsyncIterator, Mapping

import pytest
from checkout_app import RunningCheckout, prepare, running_checkout
from fake_backends import After, Code, FakeBackends, Held, lost
from sqlalchemy import update

from gateway.checkout.schemas import OrderResponse
from gateway.tables import orders
from servicekit.testing.clock import FakeClock


@pytest.fixture
def backends(clock: FakeClock) -> FakeBackends:
    """
    A product with three in stock, and a code that can be used once.
    """
    return FakeBackends.selling(
        "A-1", stock=3, codes={"ONCE": Code(20, use_limit=1)}, now=clock.now
    )


@pytest.fixture
async def shop(backends: FakeBackends, clock: FakeClock) -> AsyncIterator[RunningCheckout]:
    """
    A gateway in front of them.
    """
    async with running_checkout(backends, clock=clock, order_wait_seconds=0.3) as running:
        yield running


async def test_a_cancelled_order_has_given_everything_back(
    shop: RunningCheckout, backends: FakeBackends
) -> None:
    """
    200 with the order; its stock can be sold again, its code used again, and its price stays to be read.
    """
    order_id = (await shop.order({"A-1": 2}, codes=["ONCE"])).json()["orderId"]
    await shop.becomes(order_id, "CONFIRMED")

    answer = await shop.cancel(order_id)

    order = OrderResponse.model_validate(answer.json())
    assert (answer.status_code, order.status.value) == (200, "CANCELLED")
    assert order.total_price == "31.98"
    assert order.ended_at == order.updated_at
    assert not backends.inventory.stock.sold
    assert not backends.pricing.quotes.claims("ONCE")
    assert (await shop.names(order_id))[-4:] == [
        "cancelling",
        "return-stock.done",
        "release-discounts.done",
        "cancelled",
    ]


async def test_to_cancel_again_is_answered_alike(shop: RunningCheckout) -> None:
    """
    Whoever repeats it is told the same, and nothing is done twice.
    """
    order_id = (await shop.order({"A-1": 2})).json()["orderId"]
    await shop.becomes(order_id, "CONFIRMED")
    first = await shop.cancel(order_id)

    again = await shop.cancel(order_id)

    assert (again.status_code, again.content) == (200, first.content)
    assert shop.backends.inventory.on("return").calls == 1


async def test_many_who_cancel_at_once_cancel_once(shop: RunningCheckout) -> None:
    """
    One of them begins it, the others join.
    """
    await _many_at_once(shop)


@pytest.mark.postgres
async def test_many_who_cancel_at_once_cancel_once_on_postgresql(
    backends: FakeBackends, clock: FakeClock, postgres_url: str
) -> None:
    """
    There as well, where they do so in transactions beside each other.
    """
    await asyncio.to_thread(prepare, postgres_url)
    async with running_checkout(backends, clock=clock, url=postgres_url) as shop:
        await _many_at_once(shop)


async def _many_at_once(shop: RunningCheckout) -> None:
    order_id = (await shop.order({"A-1": 2})).json()["orderId"]
    # On a machine that is busy it may have been answered before (202).
    await shop.becomes(order_id, "CONFIRMED")

    answers = await asyncio.gather(*(shop.cancel(order_id) for _ in range(20)))

    assert {one.status_code for one in answers} == {200}
    assert shop.backends.inventory.on("return").calls == 1
    names = await shop.names(order_id)
    assert len(names) == len({*names}) == 9


async def test_an_order_that_is_being_placed_cannot_be_cancelled_yet(
    shop: RunningCheckout, backends: FakeBackends
) -> None:
    """
    409 that says what to do; the order goes on.
    """
    backends.inventory.on("commit").fail_next(held := Held())
    order_id = (await shop.order({"A-1": 1}, prefer="respond-async")).json()["orderId"]

    answer = await shop.cancel(order_id)
    held.release()

    error = answer.json()["error"]
    assert (answer.status_code, error["code"]) == (409, "CONFLICT")
    assert error["details"] == {"orderId": order_id, "status": "PENDING"}
    assert "once it is confirmed" in error["message"]
    await shop.becomes(order_id, "CONFIRMED")


async def test_what_came_to_nothing_cannot_be_cancelled(shop: RunningCheckout) -> None:
    """
    409 for a rejected order, and for one that has failed: there is nothing to give back.
    """
    rejected = await _ended_as(shop, "REJECTED", {"A-1": 9})
    shop.backends.pricing.on("quote").fail_always(503)
    failed = await _ended_as(shop, "FAILED", {"A-1": 1})

    answers = [await shop.cancel(order_id) for order_id in (rejected, failed)]

    assert [one.status_code for one in answers] == [409, 409]
    told = [one.json()["error"]["details"]["status"] for one in answers]
    assert told == ["REJECTED", "FAILED"]
    assert shop.backends.inventory.on("return").calls == 0


async def _ended_as(shop: RunningCheckout, status: str, quantities: Mapping[str, int]) -> str:
    # A machine that is busy would answer before the order has ended.
    answer = await shop.order(quantities, prefer="respond-async")
    order_id = str(answer.json()["orderId"])
    await shop.becomes(order_id, status)
    return order_id


async def test_a_cancellation_that_takes_long_goes_on(
    shop: RunningCheckout, backends: FakeBackends
) -> None:
    """
    202 with the place; who asks again meanwhile joins; then it is cancelled.
    """
    order_id = (await shop.order({"A-1": 1})).json()["orderId"]
    await shop.becomes(order_id, "CONFIRMED")
    backends.inventory.on("return").fail_next(held := Held())

    answers = [await shop.cancel(order_id), await shop.cancel(order_id)]
    held.release()

    assert [one.status_code for one in answers] == [202, 202]
    assert {one.json()["status"] for one in answers} == {"CANCELLING"}
    assert {one.headers["Location"] for one in answers} == {f"/api/v1/orders/{order_id}"}
    await shop.becomes(order_id, "CANCELLED")
    assert backends.inventory.on("return").calls == 1


async def test_a_cancellation_survives_whatever_becomes_of_its_calls(
    shop: RunningCheckout, backends: FakeBackends
) -> None:
    """
    Each fault is met by asking again; the stock comes back once.
    """
    order_id = (await shop.order({"A-1": 2}, codes=["ONCE"])).json()["orderId"]
    await shop.becomes(order_id, "CONFIRMED")
    faults = (503, lost(), After(503), b"<html>")
    backends.inventory.on("return").fail_next(*faults)
    backends.pricing.on("release").fail_next(*faults)

    await shop.cancel(order_id)

    await shop.becomes(order_id, "CANCELLED")
    assert not backends.inventory.stock.sold
    assert [one.kind for one in backends.inventory.stock.movements].count("RETURNED") == 1
    assert not backends.pricing.quotes.claims("ONCE")


async def test_a_cancellation_that_cannot_be_done_is_shown_and_is_tried_on(
    shop: RunningCheckout, backends: FakeBackends
) -> None:
    """
    NEEDS_ATTENTION says which step and why; whoever cancels again joins; in the end it is cancelled.
    """
    order_id = (await shop.order({"A-1": 1})).json()["orderId"]
    await shop.becomes(order_id, "CONFIRMED")
    backends.inventory.on("return").fail_always(503)

    first = await shop.cancel(order_id)
    order = await shop.becomes(order_id, "NEEDS_ATTENTION")
    again = await shop.cancel(order_id)
    backends.inventory.on("return").recover()

    assert (first.status_code, again.status_code) == (202, 202)
    assert order["attention"]["step"] == "return-stock"
    await shop.becomes(order_id, "CANCELLED")
    assert "cancelling.needs-attention" in await shop.names(order_id)


async def test_a_cancellation_that_was_begun_by_a_replica_that_died_goes_on(
    shop: RunningCheckout, backends: FakeBackends, clock: FakeClock
) -> None:
    """
    Between the order's being marked and the start of the work a crash loses nothing: the sweep finds it.
    """
    order_id = (await shop.order({"A-1": 1})).json()["orderId"]
    await shop.becomes(order_id, "CONFIRMED")
    async with shop.database.write() as connection:
        await connection.execute(update(orders).values(status="CANCELLING"))
    clock.advance(3)

    await shop.parts.upkeep.look_after_open()

    await shop.becomes(order_id, "CANCELLED")
    assert not backends.inventory.stock.sold
