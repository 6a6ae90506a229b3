"""
One caller that waits for several batchers at once, and what it can learn afterwards.
"""

import asyncio
import gc
import time
from collections.abc import Mapping, Sequence

import pytest
from lookups import Source, turns

from servicekit import deadline
from servicekit.batching import Batcher, BatcherClosed, note
from servicekit.batching.lookups import Entry, SharedCall, Wait
from servicekit.errors import DeadlineExceeded, Overloaded


def batcher(source: Source, *, max_waiting: int = 100) -> Batcher[str, str]:
    """
    Asks ``source``, one call at a time.
    """
    return Batcher(source, max_size=10, max_in_flight=1, max_waiting=max_waiting)


async def test_one_wait_is_over_when_every_batcher_has_answered() -> None:
    """
    Both calls go out at once, and the caller goes on when the later one is answered.
    """
    names, prices = Source(), Source()
    wait = Wait()
    name, price = batcher(names).begin(wait, "a"), batcher(prices).begin(wait, "b")
    waiting = asyncio.ensure_future(wait.until_over())
    await turns()

    prices.calls[0].succeed()
    await turns()
    was_waiting = not waiting.done()
    names.calls[0].succeed()
    await waiting

    assert was_waiting
    assert (name.answer(wait), price.answer(wait)) == ("A", "B")


@pytest.mark.leaping_time
async def test_what_one_batcher_does_not_answer_in_time_harms_no_other() -> None:
    """
    At the moment that ``until`` names, what is there is there, and the rest is past its deadline.
    """
    names, prices = Source(is_open=True), Source()
    wait = Wait(until=time.monotonic() + 0.05)
    name, price = batcher(names).begin(wait, "a"), batcher(prices).begin(wait, "a")

    await wait.until_over()
    await turns()

    assert name.answer(wait) == "A"
    assert isinstance(price.answer(wait), DeadlineExceeded)
    assert prices.calls[0].cancelled


async def test_until_never_lengthens_the_deadline() -> None:
    """
    The sooner of the two ends the wait.
    """
    now = time.monotonic()
    with deadline.at(now + 1):
        waits = [Wait(until=now + 2), Wait(until=now + 0.5), Wait()]

    assert [wait.deadline_at for wait in waits] == [now + 1, now + 0.5, now + 1]


@pytest.mark.leaping_time
async def test_what_cannot_begin_has_its_error_and_is_not_waited_for() -> None:
    """
    A full line, a closed batcher and a time that is over are answers like others.
    """
    source = Source()
    full, closed = batcher(source, max_waiting=1), batcher(source)
    await closed.aclose()
    first, second = Wait(until=time.monotonic() + 0.02), Wait()
    kept = full.begin(first, "a")
    refused = [full.begin(second, "b"), closed.begin(second, "b")]
    late = Wait(until=time.monotonic() - 1)
    refused.append(full.begin(late, "a"))

    await second.until_over()
    await late.until_over()
    await first.until_over()

    kinds = [type(entry.answer(second)) for entry in refused]
    assert kinds == [Overloaded, BatcherClosed, DeadlineExceeded]
    assert isinstance(kept.answer(first), DeadlineExceeded)


async def test_cancelled_caller_leaves_every_batcher() -> None:
    """
    Calls that nobody waits for any more are cancelled, wherever they are.
    """
    names, prices = Source(), Source()
    wait = Wait()
    batcher(names).begin(wait, "a")
    batcher(prices).begin(wait, "a")
    waiting = asyncio.ensure_future(wait.until_over())
    await turns()

    waiting.cancel()
    await turns(6)

    assert names.calls[0].cancelled
    assert prices.calls[0].cancelled


async def test_fetcher_leaves_notes_for_whoever_asks() -> None:
    """
    A caller learns with how many keys and lookups it shared its call, and what was noted of it.
    """

    async def fetch(keys: Sequence[str]) -> Mapping[str, str]:
        note("asked twice")
        return dict.fromkeys(keys, "found")

    shared = Batcher(fetch, max_size=10, max_in_flight=1)
    first, second = Wait(), Wait()
    entry = shared.begin(first, "a")
    shared.begin(second, "a")
    shared.begin(second, "b")

    await asyncio.gather(first.until_over(), second.until_over())

    assert entry.call is not None
    assert (entry.call.n_keys, entry.call.n_lookups) == (2, 3)
    assert entry.call.notes == ["asked twice"]


async def test_what_is_answered_is_forgotten_without_the_collector() -> None:
    """
    Nothing of a lookup goes round in a circle: memory is given back when the last caller is gone.
    """
    names, prices = batcher(Source(is_open=True)), batcher(Source(is_open=True))
    gc.collect()
    gc.disable()
    # Other tests of this process may have left some that somebody still holds.
    before = set(map(id, _lookups_alive()))
    try:
        await asyncio.gather(*(_one_lookup(names, prices) for _ in range(20)))
        await turns()
        left = [kept for kept in _lookups_alive() if id(kept) not in before]
    finally:
        gc.enable()

    assert left == []


def _lookups_alive() -> list[object]:
    return [kept for kept in gc.get_objects() if isinstance(kept, Entry | Wait | SharedCall)]


async def _one_lookup(names: Batcher[str, str], prices: Batcher[str, str]) -> None:
    wait = Wait(until=time.monotonic() + 60)
    names.begin(wait, "a")
    prices.begin(wait, "a")
    await wait.until_over()
