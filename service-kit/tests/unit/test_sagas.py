"""
Work in steps: forward, back, again, and after crashes.
"""

import json
from collections.abc import Awaitable, Callable
from dataclasses import replace

import pytest
from pydantic import JsonValue
from toy_shop import STEPS, Shop

from servicekit import deadline
from servicekit.sagas import Done, Outcome, Runner, Step, Work


async def test_all_steps_done_end_the_work_with_their_facts() -> None:
    """
    Steps are done once each, in their order; the end has the facts of all, and nothing is undone.
    """
    shop = Shop()

    ending = await shop.carry_out(until=shop.soon(10))

    assert ending.how == "done"
    assert ending.done == {step: {"id": f"{step}-1"} for step in STEPS}
    assert shop.asked == [*STEPS]
    assert [(entry.step, entry.what, entry.attempts) for entry in shop.seen] == [
        (step, "done", 1) for step in STEPS
    ]
    assert shop.told == [ending]


async def test_steps_know_what_those_before_them_came_to() -> None:
    """
    A step finds the facts of the steps before it, beyond the pivot and in undoing as well.
    """
    found: list[tuple[str, list[str]]] = []

    def noting(name: str) -> Step:
        async def do(work: Work) -> Outcome:
            found.append((name, [*work.done]))
            return Done() if name != "c" else Done({"x": 1})

        return Step(name, do, is_pivot=name == "b")

    shop = Shop()
    shop.saga = replace(shop.saga, steps=(noting("a"), noting("b"), noting("c")))

    await shop.carry_out()

    assert found == [("a", []), ("b", ["a"]), ("c", ["a", "b"])]


@pytest.mark.parametrize(
    ("refused", "undone"),
    [
        ("van", ["undo van"]),
        ("help", ["undo help", "undo van"]),
        ("lease", ["undo help", "undo van"]),
    ],
)
async def test_refusal_undoes_what_was_tried_the_last_first(
    refused: str, undone: list[str]
) -> None:
    """
    Everything up to the step that was refused is undone, that step included, and the end tells why.
    """
    shop = Shop()
    shop.faults[refused] = ["refused"]

    ending = await shop.carry_out(until=shop.soon(10))

    assert (ending.how, ending.step, ending.code, ending.facts) == (
        *("refused", refused, "NO"),
        {"left": 0},
    )
    assert shop.asked[shop.asked.index(refused) + 1 :] == undone
    assert shop.standing == set()


@pytest.mark.parametrize("fault", ["lost before", "lost after", "raises"])
async def test_unknown_outcome_is_asked_for_again(fault: str) -> None:
    """
    No answer, or a mistake of ours, decides nothing: the same is asked again, and the witness is told once.
    """
    shop = Shop()
    shop.faults["help"] = [fault, fault]  # type: ignore[list-item]  # the parameters name faults

    ending = await shop.carry_out(until=shop.soon(10))

    assert ending.how == "done"
    assert shop.asked == ["van", "help", "help", "help", "lease"]
    assert shop.repeated == [("help", "INTERNAL" if fault == "raises" else "LOST")]
    assert shop.seen[1].attempts == 3


async def test_work_that_is_unknown_when_its_time_is_over_is_undone() -> None:
    """
    Past its time, a step whose outcome is unknown is undone with those before it; the work has failed.
    """
    shop = Shop()
    shop.faults["help"] = ["lost after"] * 100

    ending = await shop.carry_out(until=shop.soon(10))

    assert (ending.how, ending.step, ending.code, ending.facts) == (
        *("failed", "help", None),
        {"why": "DEADLINE_EXCEEDED"},
    )
    assert shop.asked[-2:] == ["undo help", "undo van"]
    assert sum(shop.pauses) == pytest.approx(10)


async def test_done_that_comes_too_late_is_undone() -> None:
    """
    Who answers after the time is over has done it for nothing.
    """
    shop = Shop()
    shop.faults["help"] = ["slow"]

    ending = await shop.carry_out(until=shop.soon(10))

    assert (ending.how, ending.step, ending.facts) == (
        *("failed", "help"),
        {"why": "DEADLINE_EXCEEDED"},
    )
    assert shop.standing == set()


async def test_work_whose_time_is_over_before_it_begins_asks_nobody() -> None:
    """
    What was accepted too long ago is not begun, and what a former life may have done is undone.
    """
    shop = Shop()

    ending = await shop.one_life(until=shop.soon(-1), is_again=True)

    assert (ending.how, ending.facts) == ("failed", {"why": "DEADLINE_EXCEEDED"})
    assert shop.asked == ["undo help", "undo van"]


async def test_pivot_is_never_ended_by_time() -> None:
    """
    From its first attempt on there is no way back but a refusal: it is repeated long past the work's time.
    """
    shop = Shop()
    shop.faults["lease"] = ["lost after"] * 30

    ending = await shop.carry_out(until=shop.soon(10))

    assert ending.how == "done"
    assert sum(shop.pauses) > 60
    assert max(shop.pauses) <= 30


async def test_work_that_somebody_else_has_begun_is_undone_whole() -> None:
    """
    Who finds a record that it has not made undoes all that may have been done before that was made.
    """
    shop = Shop()
    shop.faults["van"] = ["refused"]
    await shop.one_life()
    shop.asked.clear()

    await shop.one_life(is_again=False)

    assert shop.asked == ["undo help", "undo van"]


async def test_whoever_is_overtaken_undoes_what_it_has_done_itself() -> None:
    """
    Where another's record, of less, counts in place of one's own, every step before the pivot is undone.
    """
    refused, shop = Shop(), Shop()
    refused.faults["van"] = ["refused"]
    await refused.carry_out()
    others = refused.journal.records

    class Overtaken:
        """
        Somebody else writes first, while the steps are done here.
        """

        async def once(
            self, name: str, do: Callable[[], Awaitable[dict[str, JsonValue]]]
        ) -> dict[str, JsonValue]:
            await do()
            found: dict[str, JsonValue] = json.loads(others[name])
            return found

    runner = Runner(pause=_no_pause, attention_after_s=60, now=shop.clock.now)
    ending = await runner.carry_out(
        replace(shop.saga, journal=lambda _work: Overtaken()), Work("w", {})
    )

    assert ending.how == "refused"
    assert shop.asked == ["van", "help", "undo help", "undo van"]
    assert shop.standing == set()


async def test_refused_pivot_stays_refused_after_a_crash() -> None:
    """
    Once the way back has begun, a pivot that would be done now is not asked again.
    """
    shop = Shop()
    shop.faults["lease"] = ["refused"]
    shop.faults["undo help"] = ["crash after"]

    ending = await shop.carry_out()

    assert (ending.how, ending.step) == ("refused", "lease")
    assert shop.asked.count("lease") == 1
    assert shop.standing == set()


async def test_undo_is_repeated_until_it_holds() -> None:
    """
    Nothing ends an undo but its success: not time, not a refusal, not a mistake.
    """
    shop = Shop()
    shop.faults["help"] = ["refused"]
    shop.faults["undo help"] = ["lost before", "refused", "raises", "lost after"] * 5

    ending = await shop.carry_out(until=shop.soon(1))

    assert ending.how == "refused"
    assert shop.asked.count("undo help") == 21
    assert shop.asked[-1] == "undo van"
    assert shop.standing == set()


async def test_long_repetition_asks_for_attention_once() -> None:
    """
    After ``attention_after_s`` of repeating somebody is told, once for each step, and it goes on.
    """
    shop = Shop(attention_after_s=60)
    shop.faults["van"] = ["refused"]
    shop.faults["undo van"] = ["lost before"] * 20

    await shop.carry_out()

    assert shop.attention == [("van", "LOST")]


async def test_attention_that_could_not_be_told_is_told_again() -> None:
    """
    When telling it fails the next attempt tells it.
    """
    shop = Shop(attention_after_s=60)
    shop.faults["lease"] = ["lost before"] * 20
    shop.mistakes = ["needs_attention"] * 2

    await shop.carry_out()

    assert shop.attention == [("lease", "LOST")]


async def test_short_repetition_bothers_nobody() -> None:
    """
    What is known within ``attention_after_s`` asks for no attention.
    """
    shop = Shop(attention_after_s=60)
    shop.faults["lease"] = ["lost before"] * 5

    await shop.carry_out()

    assert shop.attention == []


async def test_end_is_told_until_it_is_heard() -> None:
    """
    Who cannot take the end in is told it again.
    """
    shop = Shop()
    shop.mistakes = ["ended"] * 3

    ending = await shop.carry_out()

    assert shop.told == [ending]
    assert len(shop.pauses) == 3


@pytest.mark.parametrize("telling", ["saw", "repeating"])
async def test_witness_that_fails_does_no_harm(telling: str) -> None:
    """
    Work goes on as if its witness had listened.
    """
    shop = Shop()
    shop.faults["van"] = ["lost after"]
    shop.mistakes = [telling] * 3

    ending = await shop.carry_out(until=shop.soon(10))

    assert ending.how == "done"


@pytest.mark.leaping_time
async def test_attempt_has_what_is_left_of_the_time() -> None:
    """
    A deed's calls have until the work's time is over, never more than ten seconds, whoever started it.
    """
    left: list[float | None] = []

    async def look(_work: Work) -> Outcome:
        left.append(deadline.remaining_s())
        return Done()

    shop = Shop()
    steps = (Step("short", look), Step("long", look, is_pivot=True))
    saga = replace(shop.saga, steps=steps)
    runner = Runner(pause=_no_pause, attention_after_s=60, now=shop.clock.now)

    with deadline.within(0.001):
        await runner.carry_out(saga, Work("w", {}, shop.soon(4)))

    assert left == [pytest.approx(4, abs=1), pytest.approx(10, abs=1)]


async def test_pauses_grow_and_are_spread() -> None:
    """
    Attempts come at intervals that double to a bound, each of random length below it.
    """
    shop = Shop()
    shop.faults["lease"] = ["lost before"] * 16

    await shop.carry_out()

    for place, seconds in enumerate(shop.pauses):
        most_s = min(30.0, 0.1 * 2**place)
        assert most_s / 2 <= seconds <= most_s
    assert len(set(shop.pauses)) == len(shop.pauses)


async def _no_pause(_work_id: str, _seconds: float) -> None:
    raise AssertionError("nothing is repeated here")
