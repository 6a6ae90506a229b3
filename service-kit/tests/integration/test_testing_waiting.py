"""
The clock, the polling and the ports of the kit's tests.
"""

import asyncio
import socket
from datetime import UTC, datetime, timedelta

import pytest

from servicekit import testing
from servicekit.testing import FakeClock, eventually
from servicekit.testing.polling import wait_until


async def test_eventually_returns_what_came_true() -> None:
    """
    A condition is asked until it is true, and what it returned is handed on.
    """
    answers = iter([None, 0, "here"])

    assert await eventually(lambda: next(answers)) == "here"


async def test_eventually_takes_async_conditions_that_assert() -> None:
    """
    A condition may be async, and may assert instead of returning false.
    """
    attempts = 0

    async def third_time() -> bool:
        nonlocal attempts
        attempts += 1
        assert attempts == 3
        return True

    await eventually(third_time)

    assert attempts == 3


async def test_eventually_gives_up_and_says_why() -> None:
    """
    What does not come true within the bound fails, with the last complaint.
    """

    def complain() -> bool:
        raise AssertionError("two are missing")

    with pytest.raises(AssertionError, match="two are missing"):
        await eventually(complain, within_s=0.02)
    with pytest.raises(AssertionError, match=r"0\.02 s: 0"):
        await eventually(lambda: 0, within_s=0.02)


async def test_eventually_does_not_hide_other_errors() -> None:
    """
    A condition that breaks is no condition that is not true yet.
    """
    with pytest.raises(ZeroDivisionError):
        await eventually(lambda: 1 / 0)


def test_wait_until_gives_up_and_says_what_for() -> None:
    """
    The same for code that is not async.
    """
    assert wait_until(lambda: 7, within_s=1, what="seven") == 7
    with pytest.raises(TimeoutError, match="the moon"):
        wait_until(lambda: None, within_s=0.02, what="the moon")


def test_free_port_can_be_used(free_port: int) -> None:
    """
    Nobody listens on the port.
    """
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", free_port))


def test_clock_stands_still_until_it_is_moved(clock: FakeClock) -> None:
    """
    All three readings move together, and only by ``advance``.
    """
    before = (clock.monotonic(), clock.time(), clock.now())

    clock.advance(1.5)

    assert (clock.monotonic(), clock.time(), clock.now()) == (
        before[0] + 1.5,
        before[1] + 1.5,
        before[2] + timedelta(seconds=1.5),
    )
    with pytest.raises(ValueError, match="backwards"):
        clock.advance(-1)


def test_clock_on_the_wall_can_be_put(clock: FakeClock) -> None:
    """
    The time of day may jump, as real ones do; monotonic time never does.
    """
    before = clock.monotonic()

    clock.set_wall(datetime(2020, 2, 29, tzinfo=UTC))

    assert clock.now() == datetime(2020, 2, 29, tzinfo=UTC)
    assert clock.monotonic() == before


async def test_sleepers_wake_in_order(clock: FakeClock) -> None:
    """
    Who sleeps on the clock wakes when it has come that far, earlier ones first.
    """
    woken: list[float] = []

    async def sleep(seconds: float) -> None:
        await clock.sleep(seconds)
        woken.append(seconds)

    tasks = [asyncio.ensure_future(sleep(seconds)) for seconds in (3, 1, 2, 0, 9)]
    await eventually(lambda: clock.sleepers == 4)
    assert woken == [0]

    clock.advance(2)
    await eventually(lambda: clock.sleepers == 2 and len(woken) == 3)
    tasks[-1].cancel()
    await asyncio.wait({tasks[-1]})
    assert clock.sleepers == 1

    clock.advance(10)
    await asyncio.wait(tasks)
    assert woken == [0, 1, 2, 3]


def test_every_promised_name_is_there() -> None:
    """
    What ``servicekit.testing`` promises can be imported from it; what it does not cannot.
    """
    for name in testing.__all__:
        assert getattr(testing, name) is not None
    with pytest.raises(AttributeError, match="nothing_of_the_kind"):
        _ = testing.nothing_of_the_kind
