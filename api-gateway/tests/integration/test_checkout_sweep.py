"""
Open orders that nobody goes on with, as the sweep finds them: each is begun again or shown.
"""

import asyncio
import warnings
from collections.abc import AsyncIterator, Mapping
from functools import partial
from typing import Final

import pytest
import structlog
from swept_orders import BEGAN, LATE_S, Swept, swept_orders

from gateway.checkout.models import CANCEL, ENDED, PLACE, Status
from gateway.checkout.repository import by_id
from servicekit.auth import anonymous
from servicekit.errors import ServiceUnavailable
from servicekit.sagas import Standing
from servicekit.testing import eventually

#: Every status that is no end, by the saga that is to end it.
OPEN: Final = [
    (Status.PENDING, PLACE),
    (Status.NEEDS_ATTENTION, PLACE),
    (Status.CANCELLING, CANCEL),
    (Status.NEEDS_ATTENTION, CANCEL),
]
ADMINISTRATOR: Final = anonymous(["admin"])
#: Of an order that people are to look at.
SHOWN: Final = {
    "status": "NEEDS_ATTENTION",
    "attention_since": BEGAN,
    "attention": {"step": "s", "why": "W"},
}


@pytest.fixture
async def swept() -> AsyncIterator[Swept]:
    """
    Nothing is open yet.
    """
    async with swept_orders() as orders:
        yield orders


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
    await swept.add("o1", status=status, saga=saga)

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
        await swept.look()
        times.append(len(swept.works.begun_again))

    await swept.look()
    assert times == [1, 1, 2, 2, 3]
    assert swept.told("orders_carried_on_total") == 3.0
    assert swept.stranded("stopped") == [1]


async def test_an_administrators_retry_waits_for_no_pause(swept: Swept) -> None:
    """
    What stands still is carried on at the next look of whoever finds the wish, once.
    """
    swept.works.standing = Standing.STOPPED
    await swept.add("o1", odd=SHOWN)
    await swept.look()

    await swept.parts.checkout.retry(ADMINISTRATOR, "o1")
    for _ in range(2):
        await swept.parts.upkeep.try_again()
        await swept.look()

    assert len(swept.works.begun_again) == 2


@pytest.mark.parametrize("status", [Status.CONFIRMED, Status.CANCELLING])
async def test_an_order_that_ends_while_its_work_is_asked_for_is_left_alone(
    swept: Swept, status: Status
) -> None:
    """
    The journal says that the work is over because it is: the order was read before that. Nor is it placed
    again where somebody cancels it already.
    """
    swept.works.standing = Standing.STOPPED
    swept.works.before_answer = partial(swept.becomes, status)
    await swept.add("o1")

    assert await swept.look() == 0
    assert swept.works.begun_again == []


async def test_what_has_ended_is_told_no_longer(swept: Swept) -> None:
    """
    An alarm goes out by itself: orders that were stranded for whatever reason, and are not any more.
    """
    swept.works.standing = Standing.STOPPED
    await swept.add("o1")
    await swept.add("odd", status="PARKED")
    await swept.look_until_late()
    swept.clock.advance(3)
    await swept.look()
    before = swept.stranded("stopped", "unreadable")

    await swept.becomes(Status.CONFIRMED)
    await swept.look()

    assert (before, swept.stranded("stopped", "unreadable")) == ([1, 1], [0, 0])


async def test_more_orders_than_are_read_at_a_time_are_all_looked_after(swept: Swept) -> None:
    """
    The one behind 500 others as well.
    """
    await swept.add(*(f"o{number:03}" for number in range(500)), status="PARKED")
    await swept.add("p")

    assert await swept.look() == 1


async def test_an_order_of_another_release_is_shown_and_not_touched(swept: Swept) -> None:
    """
    Only that release knows what there is to do; people see it as soon as it takes too long.
    """
    swept.works.standing = Standing.FOREIGN
    await swept.add("o1")

    await swept.look()
    early = swept.stranded("foreign")
    await swept.look_until_late()

    assert (early, swept.stranded("foreign")) == ([0], [1])
    assert await swept.why("o1") == "FOREIGN"
    assert swept.works.started == swept.works.begun_again == []


@pytest.mark.parametrize(("status", "why"), [("PENDING", "foreign"), ("PARKED", "unreadable")])
async def test_what_only_another_release_can_end_is_logged_once(
    swept: Swept, status: str, why: str
) -> None:
    """
    By its id, for whoever has to look: the alarm has only a number.
    """
    swept.works.standing = Standing.FOREIGN
    await swept.add("o1", status=status)

    with structlog.testing.capture_logs() as logs:
        await swept.look_until_late()
        await swept.look()

    told = [(line["order_id"], line["why"]) for line in logs if line["event"] == "order.stranded"]
    assert told == [("o1", why)]


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

    await swept.look()
    early = swept.stranded("unreadable")
    swept.clock.advance(LATE_S)
    await swept.look()

    assert (early, swept.stranded("unreadable")) == ([0], [1])
    assert {*swept.works.started} == {"place-order:plain"}


async def test_an_order_that_cannot_be_begun_keeps_no_other_from_it(swept: Swept) -> None:
    """
    The fault is told when all others have been begun.
    """
    swept.works.refusing = {"o01": RuntimeError("a fault of ours")}
    await swept.add(*(f"o{number:02}" for number in range(20)))

    with pytest.raises(RuntimeError, match="ours"):
        await swept.look()

    assert len(swept.works.started) == 19


async def test_after_an_outage_everybody_has_time_before_an_order_is_late(swept: Swept) -> None:
    """
    What nobody could go on with meanwhile is no alarm: it has just begun to go on.
    """
    swept.works.standing = Standing.GOING
    await swept.add("o1")
    await swept.look()
    swept.works.refusing = {"standings": ServiceUnavailable("the journal")}
    swept.clock.advance(LATE_S)
    with pytest.raises(ServiceUnavailable):
        await swept.look()
    swept.works.refusing = {}

    await swept.look()
    soon = await swept.why("o1")
    swept.clock.advance(61)
    await swept.look()

    assert (soon, await swept.why("o1")) == (None, "SILENT")


async def test_an_answer_that_an_outage_holds_up_makes_no_order_late(swept: Swept) -> None:
    """
    The engine waits for its database and raises nothing: nobody could go on meanwhile either.
    """
    swept.works.standing = Standing.GOING
    await swept.add("o1")
    await swept.look()
    swept.clock.advance(61)
    swept.works.before_answer = swept.outlast

    with pytest.raises(ServiceUnavailable):
        await swept.look()
    swept.works.before_answer = None
    await swept.look()

    assert await swept.why("o1") is None


async def test_a_look_that_is_cancelled_leaves_nothing_begun_behind(swept: Swept) -> None:
    """
    More orders are to be started than at a time; Python would warn of those that nobody awaits.
    """
    hold = asyncio.Event()
    swept.works.before_start = hold.wait
    await swept.add(*(f"o{number:02}" for number in range(40)))
    look = asyncio.create_task(swept.look())
    await eventually(lambda: swept.works.starting)

    look.cancel()
    with (
        warnings.catch_warnings(record=True, action="always") as told,
        pytest.raises(asyncio.CancelledError),
    ):
        await look

    assert told == []
