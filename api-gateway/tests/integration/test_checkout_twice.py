"""
Orders that are carried through twice: by two replicas at once, or again after they have ended.
"""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import pytest
from checkout_app import RunningCheckout, prepare, running_checkout
from fake_backends import FakeBackends
from fresh_database import fresh_database
from sqlalchemy import Connection

from gateway.checkout import repository
from gateway.checkout.findings import Finding, Findings
from gateway.checkout.forgetting import forget
from gateway.checkout.models import PLACE, End, Order, Status, Wanted
from gateway.checkout.sagas import subject_of
from gateway.tables import order_findings
from gateway.upstreams.models import Item
from servicekit.database import Database, Together, write_rows
from servicekit.testing import eventually
from servicekit.testing.clock import FakeClock

NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)
WANTED = Wanted((Item("A-1", 2),))


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
async def database(request: pytest.FixtureRequest) -> AsyncIterator[Database]:
    """
    A database with an order in it, of both kinds.
    """
    if request.param == "sqlite":
        url = fresh_database()
    else:
        url = str(request.getfixturevalue("postgres_url"))
        await asyncio.to_thread(prepare, url)
    database = Database(url)
    order = Order(
        id="an-order",
        owner=None,
        status=Status.PENDING,
        created_at=NOW,
        updated_at=NOW,
        wanted=WANTED,
        correlation_id="c",
    )
    await database.transact_at_once(
        lambda connection: write_rows(connection, [repository.rows_of_new([order])])
    )
    yield database
    await database.aclose()


def _findings(database: Database, *, is_new: bool = False) -> Findings:
    together = Together(database)
    return Findings(database, together, "an-order", is_new=is_new, now=lambda: NOW)


async def _forward() -> Finding:
    return {"way": "forward"}


async def _back() -> Finding:
    return {"way": "back"}


async def _not_asked() -> Finding:
    raise AssertionError("this is known")


async def test_what_was_found_out_first_counts_for_all(database: Database) -> None:
    """
    Who comes later does not even look, and who has looked at the same time is told the first one's.
    """
    first = await _findings(database, is_new=True).once("the way", _forward)
    later = await _findings(database).once("the way", _not_asked)
    at_once = await _findings(database, is_new=True).once("the way", _back)

    assert [first, later, at_once] == [{"way": "forward"}] * 3


async def test_many_who_find_out_at_once_find_the_same(database: Database) -> None:
    """
    Whatever each of them would have said.
    """
    tries = [
        _findings(database, is_new=True).once("the way", _back if number % 2 else _forward)
        for number in range(20)
    ]

    found = await asyncio.gather(*tries)

    assert all(one == found[0] for one in found)


async def test_each_question_has_a_finding_of_its_own(database: Database) -> None:
    """
    Which way an order goes says nothing of how its commit went.
    """
    await _findings(database).once("place-order", _forward)

    assert await _findings(database).once("place-order onward", _back) == {"way": "back"}


async def test_findings_are_kept_while_their_order_is_on_its_way(database: Database) -> None:
    """
    They are dropped some time after its end.
    """
    await _findings(database).once("the way", _forward)
    late = NOW + timedelta(days=2)

    def forgotten(connection: Connection) -> int:
        return forget(connection, order_findings.c.at, late)

    end = End("an-order", late, Status.FAILED)
    open_ = await database.transact_at_once(forgotten)
    await database.transact_at_once(
        lambda connection: write_rows(connection, [repository.rows_of_ends([end])])
    )
    ended = await database.transact_at_once(forgotten)

    assert (open_, ended) == (0, 1)


@pytest.fixture
def backends() -> FakeBackends:
    """
    A product with three in stock.
    """
    return FakeBackends.selling("A-1", stock=3)


@pytest.fixture
async def shop(backends: FakeBackends) -> AsyncIterator[RunningCheckout]:
    """
    A gateway in front of them.
    """
    async with running_checkout(backends) as running:
        yield running


@pytest.mark.parametrize("status", ["CONFIRMED", "CANCELLED"])
async def test_an_order_that_has_ended_stays_so_when_it_is_carried_through_again(
    shop: RunningCheckout, backends: FakeBackends, status: str
) -> None:
    """
    What an engine that has not heard of the end does again changes neither the order nor the books.
    """
    order_id = (await shop.order({"A-1": 2})).json()["orderId"]
    if status == "CANCELLED":
        await shop.cancel(order_id)
    before = (await shop.get(order_id)).content
    sold = dict(backends.inventory.stock.sold)

    await _again(shop, order_id)

    assert (await shop.get(order_id)).content == before
    assert dict(backends.inventory.stock.sold) == sold
    assert len(await shop.rows("order_lines")) == 1


async def test_an_order_that_another_has_given_up_is_not_committed(backends: FakeBackends) -> None:
    """
    Whoever thaws after its order was undone elsewhere finds the way decided, and goes back as well.
    """
    clock = FakeClock()
    async with running_checkout(backends, clock=clock) as shop:
        order_id = (await shop.order({"A-1": 2}, codes=["TYPO"])).json()["error"]["details"][
            "orderId"
        ]
        backends.pricing.quotes.codes.clear()
        committed = backends.inventory.on("commit").calls

        await _again(shop, order_id)

        assert (await shop.get(order_id)).json()["status"] == "REJECTED"
        assert backends.inventory.on("commit").calls == committed
        assert not backends.inventory.stock.sold


async def _again(shop: RunningCheckout, order_id: str) -> None:
    engine = shop.parts.engine
    until = shop.clock.now() + timedelta(seconds=10)
    await engine.start(PLACE, order_id, subject_of(WANTED, "c"), until=until)
    await eventually(lambda: not engine.carries(PLACE, order_id))
