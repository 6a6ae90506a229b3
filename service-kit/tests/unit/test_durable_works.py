"""
Which works run here, and who waits for them.
"""

import asyncio

from servicekit.durable.pauses import Pauses
from servicekit.durable.works import Works
from servicekit.testing import FakeClock, eventually


async def test_works_that_rest_hold_up_no_stop() -> None:
    """
    It is quiet when every work waits for its next attempt, and not before.
    """
    works, is_resting, may_end = Works(), asyncio.Event(), asyncio.Event()

    async def work() -> None:
        with works.running("w1"):
            await is_resting.wait()
            with works.resting():
                await may_end.wait()

    running = asyncio.ensure_future(work())
    await eventually(lambda: works.count == 1)
    quiet = asyncio.ensure_future(works.quiet())
    await asyncio.sleep(0)
    assert not quiet.done()

    is_resting.set()
    await asyncio.wait_for(quiet, 30)

    may_end.set()
    await running


async def test_work_that_is_being_started_is_not_quiet() -> None:
    """
    A stop waits until it is known whether a work runs here, and then for the work.
    """
    works = Works()
    with works.starting("w1"):
        quiet = asyncio.ensure_future(works.quiet())
        works.has_started("w1")
    await asyncio.sleep(0)
    assert not quiet.done()

    with works.running("w1") as is_recovered:
        assert not is_recovered
        await asyncio.sleep(0)
        assert not quiet.done()

    await asyncio.wait_for(quiet, 30)


async def test_waiters_learn_how_the_work_left() -> None:
    """
    True when it has ended here, False as soon as it is known that it will not.
    """
    works = Works()
    with works.running("w1"), works.running("w2") as is_recovered:
        ended, left = (asyncio.ensure_future(works.over(key, 60)) for key in ("w1", "w2"))
        await asyncio.sleep(0)
        works.end("w1")

    assert is_recovered
    assert (await ended, await left) == (True, False)
    assert (works.count, await works.over("w1", 60)) == (0, False)


async def test_pauses_end_by_themselves_or_when_told() -> None:
    """
    Each pause lasts as long as it was asked for; a nudge ends those of one work and no other.
    """
    clock = FakeClock()
    pauses = Pauses(clock.sleep)
    first, second, other = (
        asyncio.ensure_future(pauses.pause(work_id, seconds))
        for work_id, seconds in (("w1", 10), ("w1", 20), ("w2", 30))
    )
    await eventually(lambda: clock.sleepers == 3)

    clock.advance(10)
    await asyncio.wait_for(first, 30)
    assert not second.done()
    pauses.end("w1")
    await asyncio.wait_for(second, 30)
    assert not other.done()
    pauses.end("unknown")

    clock.advance(20)
    await asyncio.wait_for(other, 30)
