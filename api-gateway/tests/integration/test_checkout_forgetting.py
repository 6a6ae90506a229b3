"""
Orders of which nothing came are dropped some time after their end, and no others.
"""

import asyncio
from collections.abc import AsyncIterator, Sequence
from datetime import datetime, timedelta

import pytest
from checkout_app import RunningCheckout, prepare, running_checkout
from fake_backends import FakeBackends
from sqlalchemy import insert, update

from gateway.checkout.models import Status
from gateway.tables import idempotency_keys, order_events, order_findings, orders
from servicekit.testing.clock import FakeClock

_UNSOLD = (Status.REJECTED, Status.FAILED)


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
async def shop(request: pytest.FixtureRequest) -> AsyncIterator[RunningCheckout]:
    """
    A gateway on each kind of database, with nothing to sell.
    """
    url = None
    if request.param == "postgresql":
        url = str(request.getfixturevalue("postgres_url"))
        await asyncio.to_thread(prepare, url)
    async with running_checkout(FakeBackends.selling("A-1", stock=0), url=url) as running:
        yield running


async def test_only_what_came_to_nothing_long_ago_is_dropped(shop: RunningCheckout) -> None:
    """
    With its timeline and its findings; by when it ended, however long it was on its way.
    """
    now, month = shop.clock.now(), timedelta(days=31)
    old, young = now - month, now - timedelta(days=29)
    await _add(shop, [f"old {one}" for one in _UNSOLD], accepted=old, ended=old)
    await _add(shop, [f"young {one}" for one in _UNSOLD], accepted=young, ended=young)
    await _add(shop, [f"slow {one}" for one in _UNSOLD], accepted=old, ended=young)
    others = [f"old {one}" for one in Status if one not in _UNSOLD]
    await _add(shop, others, accepted=old, ended=old)

    dropped = await shop.parts.upkeep.forget_unsold()
    again = await shop.parts.upkeep.forget_unsold()

    kept = {row["id"] for row in await shop.rows("orders")}
    assert (dropped, again) == (2, 0)
    assert kept == {*others, *(f"{age} {one}" for age in ("young", "slow") for one in _UNSOLD)}
    for table in ("order_events", "order_findings"):
        assert {row["order_id"] for row in await shop.rows(table)} == kept


async def test_many_are_dropped_a_batch_at_a_time_by_several_at_once(
    shop: RunningCheckout,
) -> None:
    """
    None is left, none counts twice, and nobody is in anybody's way.
    """
    old = shop.clock.now() - timedelta(days=31)
    await _add(shop, [f"{number} REJECTED" for number in range(1203)], accepted=old, ended=old)

    dropped = await asyncio.gather(*(shop.parts.upkeep.forget_unsold() for _ in range(3)))
    rest = await shop.parts.upkeep.forget_unsold()

    assert sum(dropped) + rest == 1203
    assert await shop.rows("orders") == []


async def test_a_key_is_gone_before_its_order(shop: RunningCheckout) -> None:
    """
    Whoever sends it again afterwards orders anew, and is not told of an order that is not there.
    """
    first = await shop.order({"A-1": 1}, key="a-key")
    old = shop.clock.now() - timedelta(days=31)
    async with shop.database.write() as connection:
        await connection.execute(update(orders).values(created_at=old, ended_at=old))
        await connection.execute(update(idempotency_keys).values(created_at=old))

    dropped = await shop.parts.upkeep.forget_unsold()
    again = await shop.order({"A-1": 1}, key="a-key")

    assert dropped == 1
    assert first.status_code == again.status_code == 409
    assert "Idempotency-Replayed" not in again.headers


async def test_what_a_key_stands_for_is_kept_as_long_as_the_key() -> None:
    """
    Also where keys are kept for longer than orders are.
    """
    clock = FakeClock()
    async with running_checkout(
        FakeBackends.selling("A-1", stock=0),
        clock=clock,
        idempotency_keep_hours=72,
        unsold_orders_keep_days=1,
    ) as shop:
        await shop.order({"A-1": 1}, key="a-key")
        clock.advance(timedelta(hours=48).total_seconds())

        dropped = await shop.parts.upkeep.forget_unsold()
        again = await shop.order({"A-1": 1}, key="a-key")

    assert dropped == 0
    assert again.headers["Idempotency-Replayed"] == "true"


async def _add(
    shop: RunningCheckout, ids: Sequence[str], *, accepted: datetime, ended: datetime
) -> None:
    """
    Orders with an event and a finding each, whose ids end with their statuses.
    """
    rows = [
        {
            "id": one,
            "status": one.split()[-1],
            "created_at": accepted,
            "updated_at": ended,
            "ended_at": ended,
            "day": f"{accepted:%Y-%m-%d}",
            "items": [["A-1", 1]],
            "discount_codes": [],
            "correlation_id": "c",
        }
        for one in ids
    ]
    parts = [{"order_id": one, "name": "n", "at": accepted} for one in ids]
    async with shop.database.write() as connection:
        await connection.execute(insert(orders), rows)
        events = [{**one, "seq": 1, "facts": {}} for one in parts]
        await connection.execute(insert(order_events), events)
        await connection.execute(insert(order_findings), [{**one, "finding": {}} for one in parts])
