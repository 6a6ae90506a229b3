"""
Orders that take long: they are shown, tried on, and tried at once when an administrator says so.
"""

import asyncio
from collections.abc import AsyncIterator, Mapping

import httpx
import pytest
from checkout_app import ADMIN, SHOPPER, Pauses, RunningCheckout, prepare, running_checkout
from fake_backends import FakeBackends, Held
from sqlalchemy import update

from gateway.tables import orders
from servicekit.http import Policy
from servicekit.testing import eventually
from servicekit.testing.clock import FakeClock


@pytest.fixture
def backends(clock: FakeClock) -> FakeBackends:
    """
    A product with three in stock, behind an inventory that gives nothing back.
    """
    backends = FakeBackends.selling("A-1", stock=3, now=clock.now)
    backends.inventory.on("release").fail_always(503)
    return backends


@pytest.fixture
def pauses() -> Pauses:
    """
    Pauses that a test can make endless.
    """
    return Pauses()


@pytest.fixture
async def shop(
    backends: FakeBackends, clock: FakeClock, pauses: Pauses
) -> AsyncIterator[RunningCheckout]:
    """
    A gateway in front of them, whose callers do not wait long, and whose breaker stays closed.
    """
    policy = Policy(max_attempts=1, breaker_threshold=1000)
    async with running_checkout(
        backends, clock=clock, pauses=pauses, policy=policy, order_wait_seconds=0.05
    ) as running:
        yield running


async def test_an_undo_that_does_not_hold_is_shown_until_it_does(
    shop: RunningCheckout, backends: FakeBackends
) -> None:
    """
    The order is not told as rejected while its stock is held: NEEDS_ATTENTION says what is tried.
    """
    placing = await shop.order({"A-1": 1}, codes=["TYPO"], key="k")
    order_id = placing.json()["orderId"]
    order = await shop.becomes(order_id, "NEEDS_ATTENTION")
    meanwhile = await shop.order({"A-1": 1}, codes=["TYPO"], key="k")
    await shop.parts.upkeep.count_attention()
    metrics = (await shop.client.get("/metrics")).text

    backends.inventory.on("release").recover()

    ended = await shop.becomes(order_id, "REJECTED")
    assert placing.status_code == meanwhile.status_code == 202
    assert order["attention"]["step"] == "reserve-stock"
    assert order["endedAt"] is None
    assert "orders_needing_attention 1.0" in metrics
    assert 'orders_total{outcome="NEEDS_ATTENTION"} 1.0' in metrics
    assert ended["attention"] is None
    assert not any(backends.inventory.stock.held.values())
    names = [event["name"] for event in ended["timeline"]]
    assert names.index("needs-attention") < names.index("reserve-stock.undone")
    await shop.parts.upkeep.count_attention()
    assert "orders_needing_attention 0.0" in (await shop.client.get("/metrics")).text


async def test_an_administrator_has_it_tried_again_at_once(
    shop: RunningCheckout, backends: FakeBackends, pauses: Pauses, clock: FakeClock
) -> None:
    """
    What waits between two attempts does not wait any longer: 202, and then it is done.
    """
    order_id = (await shop.order({"A-1": 1}, codes=["TYPO"])).json()["orderId"]
    await shop.becomes(order_id, "NEEDS_ATTENTION")
    await _waits_for_ever(pauses)
    backends.inventory.on("release").recover()

    answer = await _retry(shop, order_id, ADMIN)
    # The upkeep, which would tell it as well, looks for what was asked for just now.
    clock.advance(60)

    assert answer.status_code == 202
    order = await shop.becomes(order_id, "REJECTED")
    assert "retry-asked" in [event["name"] for event in order["timeline"]]


async def test_another_replica_is_told_by_the_database(
    shop: RunningCheckout, backends: FakeBackends, pauses: Pauses, clock: FakeClock
) -> None:
    """
    Where the retry was asked of another replica, this one finds the wish in the order's row, once.
    """
    order_id = (await shop.order({"A-1": 1}, codes=["TYPO"])).json()["orderId"]
    await shop.becomes(order_id, "NEEDS_ATTENTION")
    await _waits_for_ever(pauses)
    async with shop.database.write() as connection:
        await connection.execute(update(orders).values(retry_asked_at=clock.now()))
    before = backends.inventory.on("release").calls

    await shop.parts.upkeep.try_again()
    await eventually(lambda: backends.inventory.on("release").calls == before + 1)
    await shop.parts.upkeep.try_again()

    assert (await shop.get(order_id)).json()["status"] == "NEEDS_ATTENTION"
    assert backends.inventory.on("release").calls == before + 1


async def test_only_an_administrator_may_ask_for_that_and_only_where_it_helps(
    shop: RunningCheckout, backends: FakeBackends
) -> None:
    """
    403 for the shopper; 409 for an order that is well; 404 for none.
    """
    backends.inventory.on("release").recover()
    order_id = (await shop.order({"A-1": 1})).json()["orderId"]
    await shop.becomes(order_id, "CONFIRMED")

    shopper = await _retry(shop, order_id, SHOPPER)
    admin = await _retry(shop, order_id, ADMIN)
    unknown = await _retry(shop, "0" * 32, ADMIN)

    assert shopper.status_code == 403
    assert (admin.status_code, admin.json()["error"]["details"]["status"]) == (409, "CONFIRMED")
    assert unknown.status_code == 404


async def test_an_order_that_was_accepted_by_a_replica_that_died_goes_on(
    backends: FakeBackends, clock: FakeClock
) -> None:
    """
    Between the acceptance and the first step a crash loses nothing: the sweep finds the order.
    """
    await _go_on_after_a_loss(backends, clock, url=None)


@pytest.mark.postgres
async def test_an_order_that_was_accepted_by_a_replica_that_died_goes_on_on_postgresql(
    backends: FakeBackends, clock: FakeClock, postgres_url: str
) -> None:
    """
    There as well.
    """
    await asyncio.to_thread(prepare, postgres_url)
    await _go_on_after_a_loss(backends, clock, url=postgres_url)


async def _go_on_after_a_loss(backends: FakeBackends, clock: FakeClock, url: str | None) -> None:
    async with running_checkout(backends, clock=clock, url=url) as shop:
        order_id = (await shop.order({"A-1": 1})).json()["orderId"]
        async with shop.database.write() as connection:
            forgotten = orders.update().values(status="PENDING", ended_at=None, answer=None)
            await connection.execute(forgotten)
            for table in ("order_lines", "order_findings"):
                await connection.execute(orders.metadata.tables[table].delete())
        clock.advance(3)

        await shop.parts.upkeep.look_after_open()

        await shop.becomes(order_id, "CONFIRMED")
        assert backends.inventory.stock.sold == {"A-1": 1}
        assert len(await shop.rows("order_lines")) == 1


async def test_an_order_that_is_on_its_way_is_not_taken_for_lost(
    backends: FakeBackends, clock: FakeClock
) -> None:
    """
    However long its first attempt takes: it runs here.
    """
    backends.inventory.on("reserve").fail_next(held := Held())
    async with running_checkout(backends, clock=clock) as shop:
        placing = await shop.order({"A-1": 1}, prefer="respond-async")
        await eventually(lambda: held.has_come)
        clock.advance(3)

        started = await shop.parts.upkeep.look_after_open()
        held.release()

        await shop.becomes(placing.json()["orderId"], "CONFIRMED")
        assert started == 0


async def test_an_order_goes_on_after_a_restart(backends: FakeBackends, clock: FakeClock) -> None:
    """
    What a gateway that stops has in hand is ended by the next one on the same database.
    """
    backends.inventory.on("commit").fail_always(503)
    async with running_checkout(backends, clock=clock) as shop:
        placing = await shop.order({"A-1": 1}, prefer="respond-async")
        order_id = placing.json()["orderId"]
        await eventually(lambda: backends.inventory.on("commit").calls > 1)
        url = shop.url
    backends.inventory.on("commit").recover()

    async with running_checkout(backends, clock=clock, url=url) as shop:
        order = await shop.becomes(order_id, "CONFIRMED")

    names = [event["name"] for event in order["timeline"]]
    assert len(names) == len({*names})
    assert names[-2:] == ["commit-stock.done", "confirmed"]
    assert backends.inventory.stock.sold == {"A-1": 1}


async def _retry(shop: RunningCheckout, order_id: str, who: Mapping[str, str]) -> httpx.Response:
    return await shop.client.post(f"/api/v1/orders/{order_id}/retry", headers=dict(who))


async def _waits_for_ever(pauses: Pauses) -> None:
    """
    Let the next pause be one without end, and wait until it has begun.
    """
    pauses.are_endless = True
    await eventually(lambda: pauses.waiting > 0)
