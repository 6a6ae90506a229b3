"""
Watching an order: server-sent events, while they happen and after.
"""

import asyncio
import json
from collections.abc import AsyncIterator

import pytest
from checkout_app import SHOPPER, Pauses, RunningCheckout, running_checkout
from checkout_watcher import watching
from fake_backends import FakeBackends, Held
from sqlalchemy import insert, update

from gateway.tables import order_events, orders
from servicekit.testing import eventually
from servicekit.testing.clock import FakeClock

ALL = ["accepted", "reserve-stock.done", "quote-price.done", "commit-stock.done", "confirmed"]


@pytest.fixture
def backends(clock: FakeClock) -> FakeBackends:
    """
    A product with three in stock.
    """
    return FakeBackends.selling("A-1", stock=3, now=clock.now)


@pytest.fixture
async def shop(backends: FakeBackends, clock: FakeClock) -> AsyncIterator[RunningCheckout]:
    """
    A gateway in front of them.
    """
    async with running_checkout(backends, clock=clock) as running:
        yield running


async def test_an_order_that_has_ended_tells_all_and_ends(shop: RunningCheckout) -> None:
    """
    The stream is the timeline, numbered from one, and is over after the last event.
    """
    order_id = (await shop.order({"A-1": 1})).json()["orderId"]

    async with watching(shop.app, order_id, SHOPPER) as (watcher, request):
        await asyncio.wait_for(request, 30)

    assert watcher.status == 200
    assert watcher.headers["content-type"].startswith("text/event-stream")
    assert watcher.headers["cache-control"] == "no-store"
    assert "content-length" not in watcher.headers
    assert watcher.is_over
    assert [(event["id"], event["event"]) for event in watcher.events] == [
        (str(number), name) for number, name in enumerate(ALL, start=1)
    ]
    told = [json.loads(event["data"]) for event in watcher.events]
    assert told == (await shop.get(order_id)).json()["timeline"]


async def test_who_comes_back_is_told_what_is_new(shop: RunningCheckout) -> None:
    """
    ``Last-Event-ID`` leaves out what is known; after the last event there is nothing to come back for.
    """
    order_id = (await shop.order({"A-1": 1})).json()["orderId"]
    told = []
    for number in ("3", "5", "77"):
        headers = {**SHOPPER, "Last-Event-ID": number}
        async with watching(shop.app, order_id, headers) as (watcher, request):
            await asyncio.wait_for(request, 30)
        told.append((watcher.status, watcher.names))

    assert told == [(200, ALL[3:]), (204, []), (204, [])]


async def test_events_come_while_they_happen(
    shop: RunningCheckout, backends: FakeBackends, clock: FakeClock
) -> None:
    """
    What takes long is told before the order's end, and the end at once.
    """
    backends.inventory.on("commit").fail_next(held := Held())
    order_id = (await shop.order({"A-1": 1}, prefer="respond-async")).json()["orderId"]
    await eventually(lambda: held.has_come)

    async with watching(shop.app, order_id, SHOPPER) as (watcher, request):
        await watcher.sees("accepted")
        clock.advance(1)
        await watcher.sees("quote-price.done")
        is_over_before = watcher.is_over
        held.release()
        await asyncio.wait_for(request, 30)

    assert not is_over_before
    assert watcher.names == ALL


async def test_events_of_another_replica_are_found_in_the_database(
    shop: RunningCheckout, backends: FakeBackends, clock: FakeClock
) -> None:
    """
    What somebody else writes is told as well, a moment later.
    """
    backends.inventory.on("reserve").fail_next(held := Held())
    order_id = (await shop.order({"A-1": 1}, prefer="respond-async")).json()["orderId"]
    row = {"order_id": order_id, "seq": 2, "name": "elsewhere", "at": clock.now(), "facts": {}}

    async with watching(shop.app, order_id, SHOPPER) as (watcher, _):
        await watcher.sees("accepted")
        async with shop.database.write() as connection:
            await connection.execute(insert(order_events).values(row))
        await watcher.sees("elsewhere")
        held.release()
        await watcher.sees("confirmed")

    numbers = [int(event["id"]) for event in watcher.events]
    assert numbers == sorted({*numbers})
    assert {*ALL} <= {*watcher.names}


async def test_a_watcher_who_leaves_is_gone_at_once(
    shop: RunningCheckout, backends: FakeBackends
) -> None:
    """
    Nothing is kept for them, and the order goes on.
    """
    backends.inventory.on("commit").fail_next(held := Held())
    order_id = (await shop.order({"A-1": 1}, prefer="respond-async")).json()["orderId"]

    async with watching(shop.app, order_id, SHOPPER) as (watcher, request):
        await watcher.sees("accepted")
        watcher.leave()
        await asyncio.wait_for(request, 30)

    held.release()
    assert not watcher.is_over
    await shop.becomes(order_id, "CONFIRMED")


async def test_a_service_that_drains_ends_its_streams_well(
    shop: RunningCheckout, backends: FakeBackends
) -> None:
    """
    The answer is ended, not broken off: the client comes back elsewhere, with its last number.
    """
    backends.inventory.on("commit").fail_next(held := Held())
    order_id = (await shop.order({"A-1": 1}, prefer="respond-async")).json()["orderId"]

    async with watching(shop.app, order_id, SHOPPER) as (watcher, request):
        await watcher.sees("accepted")
        shop.app.state.lifecycle.drain()
        await asyncio.wait_for(request, 30)

    held.release()
    assert watcher.is_over
    assert "confirmed" not in watcher.names


async def test_what_is_no_number_is_refused(shop: RunningCheckout) -> None:
    """
    400 for a ``Last-Event-ID`` that no event has had.
    """
    order_id = (await shop.order({"A-1": 1})).json()["orderId"]

    path = f"/api/v1/orders/{order_id}/events"
    answer = await shop.client.get(path, headers={**SHOPPER, "Last-Event-ID": "x"})

    assert answer.status_code == 400


async def test_events_are_told_once_after_a_crash(backends: FakeBackends, clock: FakeClock) -> None:
    """
    What is told again when the work is taken up stands in the timeline once, with one number.
    """
    pauses = Pauses()
    backends.inventory.on("commit").fail_always(503)
    async with running_checkout(backends, clock=clock, pauses=pauses) as shop:
        placing = await shop.order({"A-1": 1}, prefer="respond-async")
        order_id = placing.json()["orderId"]
        async with watching(shop.app, order_id, SHOPPER) as (watcher, _):
            clock.advance(1)
            await watcher.sees("commit-stock.repeating")
        before = watcher.events
        pauses.are_endless = True
        url = shop.url
    backends.inventory.on("commit").recover()

    async with running_checkout(backends, clock=clock, url=url) as shop:
        await shop.becomes(order_id, "CONFIRMED")
        headers = {**SHOPPER, "Last-Event-ID": before[-1]["id"]}
        async with watching(shop.app, order_id, headers) as (watcher, request):
            await asyncio.wait_for(request, 30)

    names = [event["event"] for event in (*before, *watcher.events)]
    assert len(names) == len({*names})
    assert names[-1] == "confirmed"


async def test_nothing_is_told_behind_the_end_that_another_replica_has_told(
    shop: RunningCheckout, backends: FakeBackends, clock: FakeClock
) -> None:
    """
    What a replica still has in memory when another has ended the order is dropped: the end stands last.
    """
    backends.inventory.on("commit").fail_next(held := Held())
    order_id = (await shop.order({"A-1": 1}, prefer="respond-async")).json()["orderId"]
    await eventually(lambda: held.has_come)
    end = {"order_id": order_id, "seq": 2, "name": "failed", "at": clock.now(), "facts": {}}
    async with shop.database.write() as connection:
        await connection.execute(update(orders).values(status="FAILED", ended_at=clock.now()))
        await connection.execute(insert(order_events).values(end))
    clock.advance(1)

    # The first time they meet each other's numbers.
    await shop.parts.upkeep.write_timelines()
    await shop.parts.upkeep.write_timelines()
    held.release()

    await eventually(lambda: not shop.parts.engine.carries("place-order", order_id))
    assert await shop.names(order_id) == ["accepted", "failed"]
