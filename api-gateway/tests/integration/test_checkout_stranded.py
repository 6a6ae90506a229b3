"""
Orders that are open and that nobody goes on with: each is carried on, or shown to people.
"""

import asyncio
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

import pytest
from checkout_app import Pauses, RunningCheckout, prepare, running_checkout
from fake_backends import FakeBackends
from fresh_database import fresh_database
from journal_rows import rewrite
from prometheus_client import generate_latest
from scripted_works import ScriptedWorks
from sqlalchemy import insert, update

from gateway.checkout.acceptance import Acceptance, Terms
from gateway.checkout.chronicle import Chronicle
from gateway.checkout.metrics import CheckoutMetrics
from gateway.checkout.models import CANCEL, ENDED, PLACE, Status
from gateway.checkout.repository import by_id
from gateway.checkout.sweep import Sweep
from gateway.tables import orders
from servicekit.database import Database, Together
from servicekit.errors import ServiceUnavailable
from servicekit.sagas import Standing
from servicekit.telemetry import Telemetry
from servicekit.testing import eventually
from servicekit.testing.clock import FakeClock

BEGAN: Final = datetime(2026, 1, 1, 12, tzinfo=UTC)
#: An order that is open for so long, and looked at for so long, is open for too long.
LATE_S: Final = 200
#: Every status that is no end, by the saga that is to end it.
OPEN: Final = [
    (Status.PENDING, PLACE),
    (Status.NEEDS_ATTENTION, PLACE),
    (Status.CANCELLING, CANCEL),
    (Status.NEEDS_ATTENTION, CANCEL),
]


@dataclass
class Swept:
    """
    A sweep over a database of its own, and what an engine says to it.
    """

    sweep: Sweep
    database: Database
    works: ScriptedWorks
    clock: FakeClock
    telemetry: Telemetry

    async def add(
        self,
        order_id: str,
        status: str = "PENDING",
        saga: str = PLACE,
        odd: Mapping[str, object] | None = None,
    ) -> None:
        """
        An order that was accepted when the clock began to run.
        """
        row = {
            "id": order_id,
            "status": status,
            "created_at": BEGAN,
            "updated_at": BEGAN,
            "ended_at": BEGAN if saga == CANCEL else None,
            "day": "2026-01-01",
            "items": [["A-1", 1]],
            "discount_codes": [],
            "correlation_id": "c",
        }
        async with self.database.write() as connection:
            await connection.execute(insert(orders).values(row | dict(odd or {})))

    async def look_until_late(self) -> None:
        """
        Look now, and again when what is open is so for too long.
        """
        await self.sweep.look()
        self.clock.advance(LATE_S)
        await self.sweep.look()

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


@pytest.fixture
async def swept() -> AsyncIterator[Swept]:
    """
    The parts of the checkout that a sweep needs.
    """
    database, clock, works, telemetry = (
        Database(fresh_database()),
        FakeClock(BEGAN + timedelta(seconds=3)),
        ScriptedWorks(),
        Telemetry(),
    )
    together = Together(database)
    metrics = CheckoutMetrics(telemetry, max_running=5)
    chronicle = Chronicle(database, together, metrics, now=clock.now)
    terms = Terms(
        deadline=timedelta(seconds=8),
        attention_after=timedelta(seconds=60),
        max_running=5,
        keep_keys=timedelta(hours=24),
        keep_refused=timedelta(days=30),
    )
    acceptance = Acceptance(
        database, together, works, chronicle=chronicle, metrics=metrics, terms=terms, now=clock.now
    )
    sweep = Sweep(
        database,
        acceptance,
        works,
        chronicle=chronicle,
        metrics=metrics,
        terms=terms,
        now=clock.now,
    )
    yield Swept(sweep, database, works, clock, telemetry)
    await database.aclose()


def test_the_table_of_open_orders_has_every_status_that_is_no_end() -> None:
    """
    Whoever adds a status says here what ends it.
    """
    assert {status for status, _ in OPEN} == {*Status} - ENDED


@pytest.mark.parametrize(
    ("standing", "came_to"),
    [
        (None, "started"),
        (Standing.STOPPED, "begun again"),
        (Standing.GOING, "shown"),
        (Standing.FOREIGN, "shown"),
    ],
)
@pytest.mark.parametrize(("status", "saga"), OPEN)
async def test_whatever_is_open_is_begun_again_or_shown(
    swept: Swept, status: Status, saga: str, standing: Standing | None, came_to: str
) -> None:
    """
    However its work stands in the engine: nobody has heard of it, it is over there, it goes on and nothing
    comes of it, or it is another release's. What stays open is shown in any case.
    """
    swept.works.standing = standing
    await swept.add("o1", status, saga)

    await swept.look_until_late()

    work, order = f"{saga}:o1", await by_id(swept.database.glance, "o1")
    assert (work in swept.works.started) == (came_to == "started")
    assert (work in swept.works.begun_again) == (came_to == "begun again")
    assert order is not None
    assert order.status is Status.NEEDS_ATTENTION


async def test_what_is_over_again_and_again_is_carried_on_at_growing_pauses(swept: Swept) -> None:
    """
    At once, after 30 s, after another minute; counted each time, and shown as standing still in between.
    """
    swept.works.standing = Standing.STOPPED
    await swept.add("o1")
    times = []

    for pause_s in (0, 29, 1, 59, 1):
        swept.clock.advance(pause_s)
        await swept.sweep.look()
        times.append(len(swept.works.begun_again))

    await swept.sweep.look()
    assert times == [1, 1, 2, 2, 3]
    assert swept.told("orders_carried_on_total") == 3.0
    assert swept.told('orders_stranded{why="stopped"}') == 1.0


async def test_an_administrators_retry_waits_for_no_pause(swept: Swept) -> None:
    """
    What stands still is carried on at the next look, once.
    """
    swept.works.standing = Standing.STOPPED
    await swept.add("o1")
    await swept.sweep.look()

    swept.sweep.hurry("o1")
    await swept.sweep.look()
    await swept.sweep.look()

    assert len(swept.works.begun_again) == 2


async def test_an_order_of_another_release_is_shown_and_not_touched(swept: Swept) -> None:
    """
    Only that release knows what there is to do; people see it as soon as it takes too long.
    """
    swept.works.standing = Standing.FOREIGN
    await swept.add("o1")

    await swept.sweep.look()
    early = swept.told('orders_stranded{why="foreign"}')
    await swept.look_until_late()

    assert (early, swept.told('orders_stranded{why="foreign"}')) == (0.0, 1.0)
    assert await swept.why("o1") == "FOREIGN"
    assert swept.works.started == swept.works.begun_again == []


@pytest.mark.parametrize(
    "odd",
    [
        {"status": "PARKED"},
        {"items": [{"product": "A-1", "size": "XL"}]},
        {"items": {"A-1": 1}},
        {"status": "NEEDS_ATTENTION", "attention_since": BEGAN, "attention": {"of": "step"}},
    ],
)
async def test_an_order_that_cannot_be_read_is_counted_and_keeps_no_other_waiting(
    swept: Swept, odd: Mapping[str, object]
) -> None:
    """
    What a newer release has written is not guessed at: it is told once it should have ended.
    """
    await swept.add("odd", odd=odd)
    await swept.add("plain")

    await swept.sweep.look()
    early = swept.told('orders_stranded{why="unreadable"}')
    swept.clock.advance(LATE_S)
    await swept.sweep.look()

    assert (early, swept.told('orders_stranded{why="unreadable"}')) == (0.0, 1.0)
    assert {*swept.works.started} == {"place-order:plain"}


async def test_an_order_that_cannot_be_begun_keeps_no_other_from_it(swept: Swept) -> None:
    """
    The fault is told when all others have been begun.
    """
    swept.works.refusing = {"o01": RuntimeError("a fault of ours")}
    for number in range(20):
        await swept.add(f"o{number:02}")

    with pytest.raises(RuntimeError, match="ours"):
        await swept.sweep.look()

    assert len(swept.works.started) == 19


async def test_after_an_outage_everybody_has_time_before_an_order_is_late(swept: Swept) -> None:
    """
    What nobody could go on with meanwhile is no alarm: it has just begun to go on.
    """
    swept.works.standing = Standing.GOING
    await swept.add("o1")
    await swept.sweep.look()
    swept.works.refusing = {"standings": ServiceUnavailable("the journal")}
    swept.clock.advance(LATE_S)
    with pytest.raises(ServiceUnavailable):
        await swept.sweep.look()
    swept.works.refusing = {}

    await swept.sweep.look()
    soon = await swept.why("o1")
    swept.clock.advance(61)
    await swept.sweep.look()

    assert (soon, await swept.why("o1")) == (None, "SILENT")


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
    backends.inventory.on("commit").fail_always(503)
    clock = FakeClock()
    async with running_checkout(
        backends, url=url, clock=clock, pauses=Pauses(are_endless=True)
    ) as shop:
        order_id = (await shop.order({"A-1": 2}, prefer="respond-async")).json()["orderId"]
        await _is_in_the_journal(shop, PLACE, order_id)
    await rewrite(url, f"{PLACE}:{order_id}", status=status)
    backends.inventory.on("commit").recover()

    async with running_checkout(backends, url=url, clock=clock) as shop:
        clock.advance(3)
        await shop.parts.upkeep.look_after_open()

        await shop.becomes(order_id, "CONFIRMED")
        assert backends.inventory.stock.sold == {"A-1": 2}
        assert "orders_carried_on_total 1.0" in (await shop.client.get("/metrics")).text


async def test_a_cancellation_whose_work_is_over_is_carried_on(backends: FakeBackends) -> None:
    """
    Its stock comes back.
    """
    url, clock = fresh_database(), FakeClock()
    async with running_checkout(
        backends, url=url, clock=clock, pauses=Pauses(are_endless=True)
    ) as shop:
        order_id = (await shop.order({"A-1": 2})).json()["orderId"]
        backends.inventory.on("return").fail_always(503)
        await shop.cancel(order_id, within_ms=50)
        await _is_in_the_journal(shop, CANCEL, order_id)
    await rewrite(url, f"{CANCEL}:{order_id}", status="ERROR")
    backends.inventory.on("return").recover()

    async with running_checkout(backends, url=url, clock=clock) as shop:
        clock.advance(3)
        await shop.parts.upkeep.look_after_open()

        await shop.becomes(order_id, "CANCELLED")
        assert not backends.inventory.stock.sold.get("A-1")


async def test_an_order_that_was_shown_and_is_retried_is_carried_on(backends: FakeBackends) -> None:
    """
    Also one that needs attention: its work may have been stopped since.
    """
    url, clock = fresh_database(), FakeClock()
    backends.inventory.on("commit").fail_always(503)
    async with running_checkout(
        backends, url=url, clock=clock, pauses=Pauses(are_endless=True)
    ) as shop:
        order_id = (await shop.order({"A-1": 2}, prefer="respond-async")).json()["orderId"]
        await _is_in_the_journal(shop, PLACE, order_id)
        async with shop.database.write() as connection:
            flagged = {"attention_since": clock.now(), "attention": {"step": "s", "why": "W"}}
            await connection.execute(update(orders).values(status="NEEDS_ATTENTION", **flagged))
    await rewrite(url, f"{PLACE}:{order_id}", status="CANCELLED")
    backends.inventory.on("commit").recover()

    async with running_checkout(backends, url=url, clock=clock) as shop:
        clock.advance(3)
        await shop.parts.upkeep.look_after_open()

        await shop.becomes(order_id, "CONFIRMED")


async def _is_in_the_journal(shop: RunningCheckout, saga: str, order_id: str) -> None:
    async def is_there() -> bool:
        return order_id in await shop.parts.engine.standings(saga, [order_id])

    await eventually(is_there, within_s=20)
