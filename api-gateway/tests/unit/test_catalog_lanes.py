"""
Calls that are shared key by key.
"""

import asyncio

import pytest

from gateway.catalog.lanes import Lanes
from servicekit import deadline
from servicekit.batching import BatcherClosed
from servicekit.batching.lookups import Wait
from servicekit.errors import DeadlineExceeded, UpstreamFailed
from servicekit.testing.polling import eventually


class Held:
    """
    Answers when the test says so, with how often it was asked.
    """

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.released = asyncio.Event()

    async def fetch(self, key: str) -> str:
        """
        The answer.
        """
        self.asked.append(key)
        number = len(self.asked)
        await self.released.wait()
        if key == "broken":
            raise UpstreamFailed("inventory")
        return f"{key} {number}"


async def load(lanes: Lanes[str, str], key: str) -> str:
    """
    What is told of ``key``, or the error raised.
    """
    wait = Wait()
    answer = (await lanes.asked(wait, key)).answer(wait)
    if isinstance(answer, Exception):
        raise answer
    return answer


async def test_who_asks_at_once_shares_a_call() -> None:
    """
    Many lookups of one key in one turn of the loop are one call.
    """
    held = Held()
    lanes = Lanes(held.fetch, name="a test")
    held.released.set()

    answers = await asyncio.gather(*(load(lanes, "a") for _ in range(50)))

    assert {*answers} == {"a 1"}
    assert (lanes.lookups, lanes.calls, len(lanes)) == (50, 1, 0)


async def test_who_comes_later_shares_the_next_call() -> None:
    """
    Nobody joins a call that is on the wire: what was read before they asked is not theirs.
    """
    held = Held()
    lanes = Lanes(held.fetch, name="a test")
    first = asyncio.create_task(load(lanes, "a"))
    await eventually(lambda: held.asked == ["a"])

    later = []
    for _ in range(20):
        later.append(asyncio.create_task(load(lanes, "a")))
        # Turns of the loop in which a call could begin, and must not.
        for _ in range(3):
            await asyncio.sleep(0)
    assert held.asked == ["a"]
    held.released.set()

    assert await first == "a 1"
    assert {*await asyncio.gather(*later)} == {"a 2"}


async def test_keys_do_not_wait_for_each_other() -> None:
    """
    A key whose call hangs holds up no other.
    """
    held = Held()
    lanes = Lanes(held.fetch, name="a test")

    waiting = [asyncio.create_task(load(lanes, key)) for key in "abc"]
    await eventually(lambda: held.asked == ["a", "b", "c"])
    held.released.set()

    assert await asyncio.gather(*waiting) == ["a 1", "b 2", "c 3"]


@pytest.mark.leaping_time
async def test_nothing_is_left_of_a_key_that_nobody_waits_for() -> None:
    """
    Whether it was answered, failed, ran out of time or was given up: its lane is gone.
    """
    held = Held()
    lanes = Lanes(held.fetch, name="a test")

    given_up = asyncio.create_task(load(lanes, "a"))
    await eventually(lambda: held.asked == ["a"])
    given_up.cancel()
    with pytest.raises(asyncio.CancelledError):
        await given_up
    with deadline.within(0.01), pytest.raises(DeadlineExceeded):
        await load(lanes, "b")
    held.released.set()
    with pytest.raises(UpstreamFailed):
        await load(lanes, "broken")
    assert await load(lanes, "a") == "a 4"

    assert len(lanes) == 0


async def test_closing_tells_who_waits_and_who_comes() -> None:
    """
    After it is closed, nothing waits and nothing begins.
    """
    held = Held()
    lanes = Lanes(held.fetch, name="a test")
    waiting = asyncio.create_task(load(lanes, "a"))
    await eventually(lambda: held.asked == ["a"])

    await lanes.aclose()

    with pytest.raises(BatcherClosed):
        await waiting
    with pytest.raises(BatcherClosed):
        await load(lanes, "b")
