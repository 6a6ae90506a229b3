"""
``Idempotency-Key``: whatever is sent twice is one order.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from datetime import timedelta

import pytest
from checkout_app import (
    GUEST,
    OTHER,
    SHOPPER,
    RunningCheckout,
    at_an_address,
    prepare,
    running_checkout,
)
from fake_backends import FakeBackends, Held
from gateway_app import ELSEWHERE
from sqlalchemy import update

from gateway.tables import idempotency_keys, orders
from servicekit.database import Database
from servicekit.testing import eventually

LONG = "0b0f7f2e-6a30-4c5e-9a52-9d1f3c2a7b11"


@pytest.fixture
def backends() -> FakeBackends:
    """
    Two products with many in stock.
    """
    return FakeBackends.selling("A-1", "B-1", stock=1000)


@pytest.fixture
async def shop(backends: FakeBackends) -> AsyncIterator[RunningCheckout]:
    """
    A gateway that lets guests order.
    """
    async with running_checkout(backends, anonymous_scopes=["read", "write"]) as running:
        yield running


async def test_an_order_that_is_sent_again_is_told_again_to_the_byte(shop: RunningCheckout) -> None:
    """
    The same key and order get the first answer, also after it was cancelled, marked as a replay.
    """
    first = await shop.order({"A-1": 1, "B-1": 2}, key="k")
    await shop.cancel(first.json()["orderId"])

    again = await shop.order({"B-1": 2, "A-1": 1}, key="k")

    assert (again.status_code, again.content) == (201, first.content)
    assert again.headers["Location"] == first.headers["Location"]
    assert again.headers["Idempotency-Replayed"] == "true"
    assert len(await shop.rows("orders")) == 1


async def test_a_refusal_is_told_again_as_well(
    shop: RunningCheckout, backends: FakeBackends
) -> None:
    """
    A rejected order stays rejected, though it could be had by now: with the same code and facts.
    """
    first = await shop.order({"A-1": 1001}, key="k")
    backends.inventory.products["A-1"]["stockLevel"] = 5000

    again = await shop.order({"A-1": 1001}, key="k")

    assert (first.status_code, again.status_code) == (409, 409)
    assert again.json()["error"] == first.json()["error"]
    assert again.headers["Idempotency-Replayed"] == "true"


async def test_another_order_with_the_same_key_is_a_mistake(shop: RunningCheckout) -> None:
    """
    Other items, codes or another currency: 422 IDEMPOTENCY_MISMATCH, and nothing is ordered.
    """
    await shop.order({"A-1": 1}, key="k")

    others = [
        await shop.order({"A-1": 2}, key="k"),
        await shop.order({"A-1": 1}, key="k", codes=["TEN"]),
        await shop.order({"A-1": 1}, key="k", currency="EUR"),
    ]

    assert {one.status_code for one in others} == {422}
    assert {one.json()["error"]["code"] for one in others} == {"IDEMPOTENCY_MISMATCH"}
    assert len(await shop.rows("orders")) == 1


async def test_keys_are_their_callers_own(shop: RunningCheckout) -> None:
    """
    What one shopper calls an order is no business of another's, or of a guest's.
    """
    answers = [
        await shop.order({"A-1": 1}, key=LONG, caller=who) for who in (SHOPPER, OTHER, GUEST)
    ]

    assert {one.status_code for one in answers} == {201}
    assert len({one.json()["orderId"] for one in answers}) == 3


async def test_a_guests_short_key_counts_at_their_address_only(shop: RunningCheckout) -> None:
    """
    Guests share a principal: short keys of two of them are two orders, a random one is one anywhere.
    """
    async with at_an_address(shop, ELSEWHERE) as elsewhere:
        short = [await one.order({"A-1": 1}, key="1", caller=GUEST) for one in (shop, elsewhere)]
        long = [await one.order({"A-1": 1}, key=LONG, caller=GUEST) for one in (shop, elsewhere)]

    assert len({one.json()["orderId"] for one in short}) == 2
    assert len({one.json()["orderId"] for one in long}) == 1


@pytest.mark.parametrize("key", ["", " ", "a b", "é", "k" * 256, "a\tb"])
async def test_what_is_no_key_is_refused_by_the_headers_name(
    shop: RunningCheckout, key: str
) -> None:
    """
    Empty, blank, too long or not visible ASCII: 400 that names the header, and no order.
    """
    headers = [(b"Idempotency-Key", key.encode("latin-1"))]

    answer = await shop.client.post(
        "/api/v1/orders",
        json={"items": [{"productId": "A-1", "quantity": 1}]},
        headers=[*headers, *((n.encode(), v.encode()) for n, v in SHOPPER.items())],
    )

    assert answer.status_code == 400
    assert answer.json()["error"]["details"]["header"] == "Idempotency-Key"
    assert await shop.rows("orders") == []


async def test_two_keys_are_none(shop: RunningCheckout) -> None:
    """
    A request that stands for two orders is refused.
    """
    headers = [("Idempotency-Key", "a"), ("Idempotency-Key", "b"), *SHOPPER.items()]

    answer = await shop.client.post(
        "/api/v1/orders", json={"items": [{"productId": "A-1", "quantity": 1}]}, headers=headers
    )

    assert answer.status_code == 400


async def test_a_hundred_duplicates_at_once_are_one_order(
    shop: RunningCheckout, backends: FakeBackends
) -> None:
    """
    All join the one that came first and get its answer; it is placed and sold once.
    """
    await _a_hundred_at_once(shop, backends)


@pytest.mark.postgres
async def test_a_hundred_duplicates_at_once_are_one_order_on_postgresql(
    backends: FakeBackends, postgres_url: str
) -> None:
    """
    There as well, where all of them try to claim the key in transactions of their own.
    """
    await asyncio.to_thread(prepare, postgres_url)
    async with running_checkout(backends, url=postgres_url) as shop:
        await _a_hundred_at_once(shop, backends)


async def _a_hundred_at_once(shop: RunningCheckout, backends: FakeBackends) -> None:
    answers = await asyncio.gather(*(shop.order({"A-1": 1}, key="k") for _ in range(100)))

    assert {one.status_code for one in answers} == {201}
    assert len({one.content for one in answers}) == 1
    assert sum("Idempotency-Replayed" not in one.headers for one in answers) == 1
    assert backends.inventory.stock.sold == {"A-1": 1}
    assert len(await shop.rows("orders")) == 1


async def test_orders_that_come_at_once_do_not_mix(
    shop: RunningCheckout, backends: FakeBackends
) -> None:
    """
    What is written together stays apart: each key has its order, and another body its refusal.
    """
    await _many_keys_at_once(shop, backends)


@pytest.mark.postgres
async def test_orders_that_come_at_once_do_not_mix_on_postgresql(
    backends: FakeBackends, postgres_url: str
) -> None:
    """
    There as well.
    """
    await asyncio.to_thread(prepare, postgres_url)
    async with running_checkout(backends, url=postgres_url) as shop:
        await _many_keys_at_once(shop, backends)


async def _many_keys_at_once(shop: RunningCheckout, backends: FakeBackends) -> None:
    wanted = [(f"key-{number % 20}", 1 + number // 40) for number in range(60)]

    answers = await asyncio.gather(
        *(shop.order({"A-1": quantity}, key=key) for key, quantity in wanted)
    )

    told = [(one.status_code, quantity) for one, (_, quantity) in zip(answers, wanted, strict=True)]
    ids = [one.json()["orderId"] for one in answers[:40]]
    assert told == [(201, 1)] * 40 + [(422, 2)] * 20
    assert ids[:20] == ids[20:]
    assert len({*ids}) == 20
    assert backends.inventory.stock.sold == {"A-1": 20}
    assert len(await shop.rows("order_lines")) == len(await shop.rows("idempotency_keys")) == 20


async def test_who_joins_an_order_waits_for_its_end(
    shop: RunningCheckout, backends: FakeBackends
) -> None:
    """
    A duplicate of an order that is on its way is answered with it, not before and not with 202.
    """
    backends.inventory.on("commit").fail_next(held := Held())
    first = asyncio.create_task(shop.order({"A-1": 1}, key="k"))
    await eventually(lambda: held.has_come)

    second = asyncio.create_task(shop.order({"A-1": 1}, key="k"))
    await eventually(lambda: shop.app.state.lifecycle.active_requests == 2)
    held.release()

    answers = [await first, await second]
    assert [one.status_code for one in answers] == [201, 201]
    assert answers[0].content == answers[1].content
    assert [one.headers.get("Idempotency-Replayed") for one in answers] == [None, "true"]


async def test_a_key_outlives_a_restart(backends: FakeBackends) -> None:
    """
    Another process on the same database tells the same answer again.
    """
    async with AsyncExitStack() as stack:
        before = await stack.enter_async_context(running_checkout(backends))
        first = await before.order({"A-1": 1}, key="k")
        url = before.url
    async with running_checkout(backends, url=url) as after:
        again = await after.order({"A-1": 1}, key="k")

    assert again.content == first.content
    assert again.headers["Idempotency-Replayed"] == "true"


async def test_keys_are_forgotten_a_day_later_unless_their_order_is_on_its_way(
    shop: RunningCheckout, backends: FakeBackends
) -> None:
    """
    Older keys are dropped, younger ones kept, and so is that of an order that has not ended.
    """
    await shop.order({"A-1": 1}, key="old")
    await shop.order({"A-1": 1}, key="young")
    backends.inventory.on("commit").fail_next(held := Held())
    running = await shop.order({"A-1": 1}, key="running", prefer="respond-async")
    young = (await shop.rows("idempotency_keys"))[1]
    await _age(shop.database, timedelta(hours=25), but=young["key_digest"])

    forgotten = await shop.parts.upkeep.forget_keys()
    held.release()

    kept = {row["order_id"] for row in await shop.rows("idempotency_keys")}
    assert forgotten == 1
    assert kept == {young["order_id"], running.json()["orderId"]}
    assert len(await shop.rows("orders")) == 3


async def _age(database: Database, by: timedelta, *, but: str) -> None:
    async with database.write() as connection:
        rows = (await connection.execute(orders.select())).all()
        at = min(row.created_at for row in rows) - by
        old = update(idempotency_keys).where(idempotency_keys.c.key_digest != but)
        await connection.execute(old.values(created_at=at))
