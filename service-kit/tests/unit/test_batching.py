"""
The batcher's promises, one by one. The property tests beside this file mix them.
"""

import asyncio
import gc
import time
import traceback
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextvars import ContextVar
from typing import Self

import pytest
from lookups import Source, turns

from servicekit import correlation, deadline
from servicekit.batching import Batcher, BatcherClosed, NoAnswer
from servicekit.errors import DeadlineExceeded, Overloaded, RateLimited
from servicekit.testing.polling import eventually

StrBatcher = Batcher[str, str]


@pytest.fixture
def source() -> Source:
    """
    Where values come from, when the test lets them.
    """
    return Source()


@pytest.fixture
async def batcher(source: Source) -> AsyncIterator[StrBatcher]:
    """
    One call at a time, three keys at most.
    """
    batcher = StrBatcher(source, max_size=3, max_in_flight=1, max_waiting=6)
    yield batcher
    await batcher.aclose()


Asking = Callable[..., "asyncio.Task[str]"]


@pytest.fixture
def ask(batcher: StrBatcher) -> Asking:
    """
    Starts a lookup as a task of its own.
    """
    return lambda key: asyncio.ensure_future(batcher.load(key))


async def test_lookups_of_one_turn_share_a_call(source: Source, batcher: StrBatcher) -> None:
    """
    What begins in the same turn of the loop goes out together, and the same key goes once.
    """
    source.is_open = True

    answers = await asyncio.gather(*(batcher.load(key) for key in "aba"))

    assert answers == ["A", "B", "A"]
    assert [call.keys for call in source.calls] == [["a", "b"]]


async def test_key_on_the_wire_is_asked_again(source: Source, ask: Asking) -> None:
    """
    A lookup never joins a call that is on the wire: what it gets was read after it asked.
    """
    early = ask("a")
    await turns()
    late = ask("a")
    await turns()

    source.calls[0].answer.set_result({"a": "before"})
    await turns()
    source.calls[1].answer.set_result({"a": "after"})

    assert (await early, await late) == ("before", "after")


async def test_all_that_wait_go_out_when_a_slot_frees(source: Source, ask: Asking) -> None:
    """
    While the slot is taken lookups gather, and then go as one call, in chunks of the largest size.
    """
    tasks = [ask("first")]
    await turns()
    tasks += [ask(key) for key in "abcd"]
    await turns()

    source.calls[0].succeed()
    await turns()
    source.calls[1].succeed()
    await turns()
    source.calls[2].succeed()
    await asyncio.gather(*tasks)

    assert [call.keys for call in source.calls] == [["first"], ["a", "b", "c"], ["d"]]


async def test_calls_in_flight_are_bounded(source: Source) -> None:
    """
    No more than ``max_in_flight`` calls are on the wire, and each free slot is used.
    """
    batcher = StrBatcher(source, max_size=1, max_in_flight=2)
    tasks = [asyncio.ensure_future(batcher.load(key)) for key in "abcd"]

    await turns()
    assert len(source.calls) == 2
    source.calls[1].succeed()
    await turns()
    assert len(source.calls) == 3
    for call in (source.calls[0], source.calls[2]):
        call.succeed()
    await turns()
    source.calls[3].succeed()

    assert await asyncio.gather(*tasks) == ["A", "B", "C", "D"]


async def test_failed_key_fails_alone(source: Source, batcher: StrBatcher, ask: Asking) -> None:
    """
    An error in a key's place is that key's; the others have their values.
    """
    good, bad = ask("good"), ask("bad")
    await turns()

    source.calls[0].answer.set_result({"good": "G", "bad": RateLimited(retry_after_s=7)})

    assert await good == "G"
    with pytest.raises(RateLimited) as caught:
        await bad
    assert caught.value.retry_after_s == 7
    assert caught.value.headers == {"Retry-After": "7"}
    assert batcher.stats().in_flight == 0


async def test_key_without_an_answer_has_its_own_error(source: Source, ask: Asking) -> None:
    """
    A key that the call did not answer is a ``NoAnswer`` for that key; unasked answers are ignored.
    """
    known, unknown = ask("known"), ask("unknown")
    await turns()

    source.calls[0].answer.set_result({"known": "K", "never asked": "N"})

    assert await known == "K"
    with pytest.raises(NoAnswer) as caught:
        await unknown
    assert caught.value.key == "unknown"
    assert isinstance(caught.value, LookupError)


async def test_failed_call_fails_each_waiter_with_an_error_of_its_own(
    source: Source, ask: Asking
) -> None:
    """
    Waiters do not share an exception: no traceback grows by another's raise, and the cause is kept.
    """
    tasks = [ask("a"), ask("b"), ask("a")]
    await turns()
    failure = DeadlineExceeded(after_s=0.5, upstream="pricing")

    source.calls[0].answer.set_exception(failure)
    caught = await asyncio.gather(*tasks, return_exceptions=True)

    errors = [error for error in caught if isinstance(error, DeadlineExceeded)]
    assert len({id(error) for error in [*errors, failure]}) == 4
    assert all(error.details == failure.details for error in errors)
    assert all(error.__cause__ is failure for error in errors)
    lengths = {len(traceback.extract_tb(error.__traceback__)) for error in errors}
    assert len(lengths) == 1


class _Odd(Exception):
    def __new__(cls, *, code: int) -> Self:
        return super().__new__(cls, code)

    def __init__(self, *, code: int) -> None:
        super().__init__(code)


async def test_error_that_cannot_be_copied_still_reaches_its_waiters(
    source: Source, ask: Asking
) -> None:
    """
    Nobody is left waiting because an exception is made in a way of its own.
    """
    tasks = [ask("a"), ask("a")]
    await turns()

    source.calls[0].answer.set_exception(_Odd(code=5))

    assert [type(error) for error in await asyncio.gather(*tasks, return_exceptions=True)] == [
        _Odd,
        _Odd,
    ]


async def test_answer_that_is_no_mapping_fails_the_call() -> None:
    """
    A broken fetch function is an error for its waiters, not a wait without end.
    """

    async def broken(keys: Sequence[str]) -> Mapping[str, str | Exception]:
        return len(keys)  # type: ignore[return-value]  # the mistake under test

    batcher = StrBatcher(broken, max_size=3, max_in_flight=1)

    with pytest.raises(TypeError):
        await batcher.load("a")


async def test_fetch_that_cancels_itself_gives_no_answer(source: Source, ask: Asking) -> None:
    """
    A cancellation inside the fetch does not look like one of the caller.
    """
    task = ask("a")
    await turns()

    source.calls[0].answer.cancel()

    with pytest.raises(NoAnswer):
        await task


async def test_caller_that_leaves_harms_nobody(source: Source, ask: Asking) -> None:
    """
    The others still get their answers, whether they wait for the same key or another.
    """
    leaving, same, other = ask("a"), ask("a"), ask("b")
    await turns()

    leaving.cancel()
    await turns()
    source.calls[0].succeed()

    assert (await same, await other) == ("A", "B")
    assert leaving.cancelled()


async def test_key_that_nobody_waits_for_is_not_fetched(source: Source, ask: Asking) -> None:
    """
    Whoever leaves the line in time takes the key along, even in the turn in which it would go.
    """
    first = ask("first")
    await turns()
    leaving, staying = ask("leaving"), ask("staying")
    await turns()

    leaving.cancel()
    source.calls[0].succeed()
    await turns()

    assert source.calls[1].keys == ["staying"]
    source.calls[1].succeed()
    await asyncio.gather(first, staying)


async def test_key_that_left_in_the_sending_turn_is_not_fetched(
    source: Source, batcher: StrBatcher, ask: Asking
) -> None:
    """
    Who leaves in the very turn in which a call is made up takes the key along.
    """
    leaving, staying = ask("leaving"), ask("staying")
    await asyncio.sleep(0)
    leaving.cancel()
    await turns()

    assert [call.keys for call in source.calls] == [["staying"]]
    assert batcher.stats().waiting == 0
    source.calls[0].succeed()
    assert await staying == "STAYING"


async def test_who_leaves_does_not_take_a_newer_key_along(source: Source, ask: Asking) -> None:
    """
    Somebody who asks for the key of one who is just leaving is still answered.
    """
    source.is_open = True
    leaving = ask("a")
    await asyncio.sleep(0)
    coming = ask("a")
    leaving.cancel()

    async with asyncio.timeout(30):
        assert await coming == "A"
    assert [call.keys for call in source.calls] == [["a"]]


async def test_call_that_nobody_waits_for_is_cancelled(
    source: Source, batcher: StrBatcher, ask: Asking
) -> None:
    """
    When the last waiter has left, the call is cancelled and its slot is free again.
    """
    tasks = [ask("a"), ask("b")]
    await turns()

    tasks[0].cancel()
    await turns()
    assert [call.cancelled for call in source.calls] == [False]
    tasks[1].cancel()
    await turns()

    assert [call.cancelled for call in source.calls] == [True]
    assert batcher.stats().in_flight == 0
    source.is_open = True
    assert await batcher.load("c") == "C"


async def test_too_many_waiting_is_overloaded(source: Source, ask: Asking) -> None:
    """
    The line has a bound; those in it are not disturbed by who is turned away.
    """
    first = ask("first")
    await turns()
    waiting = [ask(key) for key in "abcdef"]
    await turns()

    with pytest.raises(Overloaded):
        await ask("g")

    source.is_open = True
    source.calls[0].succeed()
    assert await asyncio.gather(first, *waiting) == ["FIRST", *"ABCDEF"]


@pytest.mark.leaping_time
async def test_each_waiter_leaves_at_its_own_deadline(source: Source, batcher: StrBatcher) -> None:
    """
    A short deadline ends that lookup alone; the call has the latest deadline of its lookups.
    """
    with deadline.within(0.02):
        hasty = asyncio.ensure_future(batcher.load("a"))
    with deadline.within(30):
        patient = asyncio.ensure_future(batcher.load("a"))
        latest = deadline.expires_at()

    with pytest.raises(DeadlineExceeded):
        await hasty

    assert latest is not None
    assert source.calls[0].deadline_at == pytest.approx(latest, abs=0.01)
    assert not patient.done()
    source.calls[0].succeed()
    assert await patient == "A"


async def test_one_lookup_without_a_deadline_frees_the_call_of_any(
    source: Source, batcher: StrBatcher
) -> None:
    """
    No deadline is later than every deadline.
    """
    with deadline.within(30):
        bound = asyncio.ensure_future(batcher.load("a"))
    free = asyncio.ensure_future(batcher.load("b"))
    await turns()

    assert source.calls[0].deadline_at is None
    source.calls[0].succeed()
    await asyncio.gather(bound, free)


async def test_lookup_whose_time_is_over_asks_for_nothing(
    source: Source, batcher: StrBatcher
) -> None:
    """
    Without time left no key goes out.
    """
    with deadline.within(0), pytest.raises(DeadlineExceeded):
        await batcher.load("a")

    assert source.calls == []


_secret: ContextVar[str] = ContextVar("secret", default="nobody's")


async def test_call_holds_nothing_of_any_caller(source: Source) -> None:
    """
    A caller's context variables do not reach a call that others share; its correlation id does.
    """
    seen: list[str] = []

    async def fetch(keys: Sequence[str]) -> Mapping[str, str | Exception]:
        seen.append(_secret.get())
        return await source(keys)

    batcher = StrBatcher(fetch, max_size=3, max_in_flight=1)
    source.is_open = True
    _secret.set("the caller's")
    first = correlation.new("first")
    second = correlation.new("second")

    with correlation.correlated(first):
        one = asyncio.ensure_future(batcher.load("a"))
    with correlation.correlated(second):
        other = asyncio.ensure_future(batcher.load("b"))
    await asyncio.gather(one, other)
    await batcher.load("c")

    assert seen == ["nobody's", "nobody's"]
    assert [call.correlation for call in source.calls] == [first, None]


async def test_call_that_follows_another_holds_nothing_of_it(source: Source) -> None:
    """
    What is sent because a call has ended is nobody's either: not that call's, nor its callers'.
    """
    batcher = StrBatcher(source, max_size=1, max_in_flight=1)
    source.is_open = True

    with correlation.correlated(correlation.new("first")):
        one = asyncio.ensure_future(batcher.load("a"))
    other = asyncio.ensure_future(batcher.load("b"))
    await asyncio.gather(one, other)

    assert [call.keys for call in source.calls] == [["a"], ["b"]]
    assert source.calls[1].correlation is None


async def test_load_many_keeps_order_and_shares(source: Source, batcher: StrBatcher) -> None:
    """
    Each key has its value or its error, in the order asked, and a repeated key is asked once.
    """
    task = asyncio.ensure_future(batcher.load_many(["b", "a", "b", "bad"]))
    await turns()
    source.calls[0].answer.set_result({"a": "A", "b": "B", "bad": NoAnswer("bad")})

    answers = await task

    assert answers[:3] == ["B", "A", "B"]
    assert isinstance(answers[3], NoAnswer)
    assert source.calls[0].keys == ["b", "a", "bad"]


async def test_load_many_of_nothing_is_nothing(source: Source, batcher: StrBatcher) -> None:
    """
    No keys, no call.
    """
    assert await batcher.load_many([]) == []
    assert source.calls == []


async def test_load_many_says_which_keys_were_turned_away(
    source: Source, batcher: StrBatcher
) -> None:
    """
    When the line is full, the keys that fit are answered all the same.
    """
    source.is_open = True

    answers = await batcher.load_many(list("abcdefg"))

    assert answers[:6] == list("ABCDEF")
    assert isinstance(answers[6], Overloaded)


@pytest.mark.leaping_time
async def test_load_many_leaves_at_the_deadline_with_what_it_has(
    source: Source, batcher: StrBatcher
) -> None:
    """
    Keys that were answered in time have their values; the rest are past the deadline.
    """
    with deadline.within(0.03):
        task = asyncio.ensure_future(batcher.load_many(list("abcd")))
    await turns()
    source.calls[0].succeed()

    answers = await task

    assert answers[:3] == ["A", "B", "C"]
    assert isinstance(answers[3], DeadlineExceeded)
    await eventually(lambda: source.calls[1].cancelled)


async def test_cancelled_load_many_leaves_with_all_its_keys(
    source: Source, batcher: StrBatcher
) -> None:
    """
    Nothing of it stays on the wire or in line.
    """
    task = asyncio.ensure_future(batcher.load_many(list("abcd")))
    await turns()

    task.cancel()
    await turns()

    assert source.calls[0].cancelled
    stats = batcher.stats()
    assert (stats.waiting, stats.in_flight) == (0, 0)


async def test_close_tells_all_who_wait_and_leaves_no_task(
    source: Source, batcher: StrBatcher, ask: Asking
) -> None:
    """
    Whoever waits, in line or on the wire, gets a clear error, and so does whoever comes later.
    """
    before = asyncio.all_tasks()
    waiting = [ask(key) for key in "abcd"]
    await turns()
    await batcher.aclose()

    errors = await asyncio.gather(*waiting, return_exceptions=True)

    assert [type(error) for error in errors] == [BatcherClosed] * 4
    with pytest.raises(BatcherClosed):
        await batcher.load("late")
    assert source.calls[0].cancelled
    await turns()
    assert asyncio.all_tasks() == before


@pytest.mark.parametrize("n_turns", [1, 2])
async def test_close_before_the_first_call_sends_nothing(
    n_turns: int, source: Source, batcher: StrBatcher, ask: Asking
) -> None:
    """
    What has not gone out when the batcher closes never does: neither a line nor a call that is to begin.
    """
    lookup = ask("a")
    await turns(n_turns)
    await batcher.aclose()
    await turns()

    with pytest.raises(BatcherClosed):
        await lookup
    assert source.calls == []
    assert batcher.stats().in_flight == 0


async def test_stats_tell_what_was_shared(source: Source, batcher: StrBatcher) -> None:
    """
    Lookups, keys and calls are counted, and lookups that another had asked for already.
    """
    source.is_open = True

    await batcher.load_many(["a", "b", "a"])
    await batcher.load("a")

    stats = batcher.stats()
    assert (stats.lookups, stats.shared, stats.keys, stats.calls) == (4, 1, 3, 2)
    assert (stats.waiting, stats.in_flight) == (0, 0)


async def test_memory_does_not_grow_with_lookups() -> None:
    """
    A batcher at rest refers to none of the keys, values and errors that went through it.
    """

    class Value(str):
        __slots__ = ()

    async def fetch(keys: Sequence[str]) -> Mapping[str, str | Exception]:
        return {key: Value(key) for key in keys}

    many = StrBatcher(fetch, max_size=10, max_in_flight=2)

    for n in range(50):
        with deadline.within(60):
            await many.load_many([f"{n}-{k}" for k in range(20)])
    await turns()
    gc.collect()

    assert not [thing for thing in gc.get_objects() if type(thing) is Value]
    assert many.stats().lookups == 1000


@pytest.mark.parametrize("bound", ["max_size", "max_in_flight", "max_waiting"])
async def test_bounds_must_be_positive(source: Source, bound: str) -> None:
    """
    A batcher that could never send anything is not made.
    """
    bounds = {"max_size": 1, "max_in_flight": 1, "max_waiting": 1} | {bound: 0}

    with pytest.raises(ValueError, match="must be positive"):
        StrBatcher(
            source,
            max_size=bounds["max_size"],
            max_in_flight=bounds["max_in_flight"],
            max_waiting=bounds["max_waiting"],
        )


@pytest.mark.leaping_time
async def test_deadline_is_kept_even_when_the_source_never_answers(
    source: Source, batcher: StrBatcher
) -> None:
    """
    A stalled call holds nobody beyond its deadline, and is cancelled with its last waiter.
    """
    began = time.monotonic()
    with deadline.within(0.05), pytest.raises(DeadlineExceeded):
        await batcher.load("a")

    assert time.monotonic() - began < 0.5
    await eventually(lambda: source.calls[0].cancelled)
