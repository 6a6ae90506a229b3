"""
When a batcher sends beside a call that is on the wire, and when it waits for more to go at once.
"""

import asyncio

from lookups import Source, turns

from servicekit.batching import Batcher
from servicekit.testing.polling import eventually

#: Longer than any test: what waits for it does not go out.
NEVER_S = 600.0


def batcher(
    source: Source,
    *,
    patience_s: float = 0.0,
    linger_s: float = 0.0,
    max_size: int = 3,
    max_in_flight: int = 4,
) -> Batcher[str, str]:
    """
    Asks ``source`` for three keys at once, four times at once.
    """
    return Batcher(
        source,
        max_size=max_size,
        max_in_flight=max_in_flight,
        patience_s=patience_s,
        linger_s=linger_s,
    )


def asked(source: Source) -> list[list[str]]:
    """
    The keys of each call so far.
    """
    return [call.keys for call in source.calls]


def ask(batcher: Batcher[str, str], keys: str) -> "asyncio.Future[list[str]]":
    """
    A lookup of each of ``keys``.
    """
    return asyncio.gather(*(batcher.load(key) for key in keys))


async def test_nothing_goes_out_beside_a_call_that_is_young() -> None:
    """
    Slots are free, and still who comes waits for the call on the wire, and goes with all the others.
    """
    source = Source()
    patient = batcher(source, patience_s=NEVER_S)
    first = ask(patient, "a")
    await turns()
    second, third = ask(patient, "b"), ask(patient, "c")
    await turns()
    before = asked(source)

    source.calls[0].succeed()
    await first
    await turns()
    source.calls[1].succeed()

    assert before == [["a"]]
    assert (await second, await third) == (["B"], ["C"])
    assert asked(source) == [["a"], ["b", "c"]]


async def test_a_call_that_takes_long_holds_up_nobody() -> None:
    """
    After ``patience_s`` others go out beside it, and have their answers before it has its own.
    """
    source = Source()
    patient = batcher(source, patience_s=0.01)
    first = ask(patient, "a")
    await turns()
    second = ask(patient, "b")

    await eventually(lambda: asked(source) == [["a"], ["b"]])
    source.calls[1].succeed()

    assert await second == ["B"]
    assert not first.done()
    source.calls[0].succeed()
    assert await first == ["A"]


async def test_who_comes_after_the_patience_is_over_goes_at_once() -> None:
    """
    A call that was given up on while nobody waited stands in nobody's way later.
    """
    source = Source()
    patient = batcher(source, patience_s=0.01)
    loop = asyncio.get_running_loop()
    first = ask(patient, "a")
    await turns()
    # Timers go off in their order: this one after the call's.
    over = loop.create_future()
    loop.call_later(0.02, over.set_result, None)
    await over

    second = ask(patient, "b")
    await turns()

    assert asked(source) == [["a"], ["b"]]
    for call in source.calls:
        call.succeed()
    assert (await first, await second) == (["A"], ["B"])


async def test_a_full_batch_goes_out_beside_a_young_call() -> None:
    """
    Who waits gains nothing once ``max_size`` keys are in line; what is left over goes on waiting.
    """
    source = Source()
    patient = batcher(source, patience_s=NEVER_S)
    tasks = [ask(patient, "a")]
    await turns()

    tasks.append(ask(patient, "bcde"))
    await turns()

    assert asked(source) == [["a"], ["b", "c", "d"]]
    for call in source.calls:
        call.succeed()
    await turns()
    source.calls[2].succeed()
    assert await asyncio.gather(*tasks) == [["A"], ["B", "C", "D", "E"]]


async def test_full_batches_stay_within_the_slots() -> None:
    """
    However many keys are in line, no more than ``max_in_flight`` calls are on the wire.
    """
    source = Source()
    patient = batcher(source, patience_s=NEVER_S, max_size=1, max_in_flight=2)
    tasks = ask(patient, "abc")
    await turns()
    before = asked(source)

    source.calls[0].succeed()
    await turns()
    for call in source.calls[1:]:
        call.succeed()

    assert before == [["a"], ["b"]]
    assert await tasks == ["A", "B", "C"]
    assert patient.stats().in_flight == 0


async def test_who_was_just_answered_goes_with_those_who_wait_already() -> None:
    """
    After a call others in line wait for those who may ask again, and go once all of them are back.
    """
    source = Source()
    lingering = batcher(source, patience_s=NEVER_S, linger_s=NEVER_S)
    first = ask(lingering, "ax")
    await turns()
    waiting = ask(lingering, "b")
    await turns()

    source.calls[0].succeed()
    await first
    again = ask(lingering, "c")
    await turns()
    meanwhile = asked(source)
    last = ask(lingering, "d")
    await turns()
    source.calls[1].succeed()

    assert meanwhile == [["a", "x"]]
    assert asked(source) == [["a", "x"], ["b", "c", "d"]]
    assert (await waiting, await again, await last) == (["B"], ["C"], ["D"])


async def test_who_does_not_come_back_is_waited_for_no_longer_than_told() -> None:
    """
    After ``linger_s`` those in line go with whoever is there.
    """
    source = Source()
    lingering = batcher(source, patience_s=NEVER_S, linger_s=0.01)
    first = ask(lingering, "ax")
    await turns()
    waiting = ask(lingering, "b")
    await turns()

    source.calls[0].succeed()
    await first
    await eventually(lambda: asked(source) == [["a", "x"], ["b"]])
    source.calls[1].succeed()

    assert await waiting == ["B"]


async def test_without_others_in_line_nobody_lingers() -> None:
    """
    Whoever asks alone, one thing after the other, never waits for company.
    """
    source = Source(is_open=True)
    lingering = batcher(source, patience_s=NEVER_S, linger_s=NEVER_S)

    answers = [await asyncio.wait_for(lingering.load(key), 30) for key in "abc"]

    assert answers == ["A", "B", "C"]
    assert asked(source) == [["a"], ["b"], ["c"]]


async def test_a_failed_call_lets_the_next_go() -> None:
    """
    A call that fails or that nobody waits for any more ends like any other: the line moves on.
    """
    source = Source()
    patient = batcher(source, patience_s=NEVER_S)
    abandoned = ask(patient, "a")
    await turns()
    failing = asyncio.ensure_future(patient.load("b"))
    await turns()

    abandoned.cancel()
    await turns()
    last = ask(patient, "c")
    await turns()
    source.calls[1].answer.set_exception(ValueError("broken"))
    await asyncio.wait([failing])
    await turns()
    source.calls[2].succeed()

    assert isinstance(failing.exception(), ValueError)
    assert await last == ["C"]
    assert asked(source) == [["a"], ["b"], ["c"]]
