"""
The loop whose time leaps.
"""

import asyncio
import time
from collections.abc import Callable

import pytest

from servicekit import deadline
from servicekit.testing import eventually
from servicekit.testing.leaping import LONGEST_S, LeapingLoop

pytestmark = pytest.mark.leaping_time

HOUR_S = 3600.0
SPENT: Callable[[], float] = time.perf_counter


async def test_hours_take_no_time() -> None:
    """
    The loop's clock and the monotonic one move by what is slept; nobody has waited for it.
    """
    loop = asyncio.get_running_loop()
    began = (loop.time(), time.monotonic(), SPENT())

    await asyncio.sleep(HOUR_S)

    assert loop.time() - began[0] == pytest.approx(HOUR_S)
    assert time.monotonic() - began[1] == pytest.approx(HOUR_S)
    assert SPENT() - began[2] < HOUR_S / 60


async def test_time_stands_still_while_something_runs() -> None:
    """
    A deadline passes for nobody who is merely slow.
    """
    with deadline.within(0.001):
        time.sleep(0.01)  # noqa: ASYNC251 - a busy machine
        await asyncio.sleep(0)
        left_s = deadline.remaining_s()

    assert left_s == pytest.approx(0.001)


async def test_what_is_due_first_comes_first() -> None:
    """
    Timers go off in the order of their moments, however close they are.
    """
    woken: list[float] = []

    async def sleep(seconds: float) -> None:
        await asyncio.sleep(seconds)
        woken.append(seconds)

    delays_s = [0.3, 0.1001, 0.1, 86.0, 0.2]
    await asyncio.gather(*(sleep(one) for one in delays_s))

    assert woken == sorted(delays_s)


async def test_bounds_end_what_hangs() -> None:
    """
    Whoever waits for what never comes is told so by the bound, at once.
    """
    with pytest.raises(AssertionError, match="not within 30 s"):
        await eventually(lambda: False, within_s=30)
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(60):
            await asyncio.Event().wait()


def test_a_wait_for_ever_is_an_error() -> None:
    """
    Who polls for what never comes, without a bound, is stopped after some hours of leaps.
    """

    async def poll() -> None:
        while True:  # noqa: ASYNC110 - what is shown
            await asyncio.sleep(1)

    with (
        asyncio.Runner(loop_factory=LeapingLoop) as runner,
        pytest.raises(AssertionError, match=f"waited {LONGEST_S:g} s"),
    ):
        runner.run(poll())


async def test_a_real_connection_is_served() -> None:
    """
    Nothing is lost of networks that are real, where no timer competes with them.
    """
    server = await asyncio.start_server(lambda _, writer: writer.close(), "127.0.0.1", 0)
    async with server:
        reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
        assert await reader.read() == b""
        writer.close()


async def test_threads_are_waited_for() -> None:
    """
    Nobody who waits for a thread that has work is overtaken by a timer.
    """

    def work() -> int:
        until = SPENT() + 0.1
        while SPENT() < until:
            sum(range(1000))
        return 7

    async with asyncio.timeout(0.01):
        assert await asyncio.to_thread(work) == 7


def test_the_real_clock_is_back_afterwards() -> None:
    """
    What runs outside of the loop has the time of the machine.
    """
    before = time.monotonic()

    with asyncio.Runner(loop_factory=LeapingLoop) as runner:
        runner.run(asyncio.sleep(HOUR_S))

    assert time.monotonic() - before < HOUR_S / 60
