"""
What holds for any faults and any crashes: work ends whole or not at all.
"""

from typing import get_args

from hypothesis import given, settings
from hypothesis import strategies as st
from toy_shop import STEPS, Crashes, Fault, Shop

_FAULTS = st.lists(st.sampled_from(get_args(Fault)), max_size=4)
_SCRIPTS = st.fixed_dictionaries({}, optional=dict.fromkeys(STEPS, _FAULTS)).flatmap(
    lambda deeds: st.fixed_dictionaries(
        {}, optional={f"undo {step}": _FAULTS for step in STEPS[:2]}
    ).map(lambda undos: {**deeds, **undos})
)
_CRASHES = st.frozensets(st.integers(0, 40), max_size=6)
_TIMES = st.none() | st.sampled_from([0.1, 5.0, 25.0, 100.0])


@given(script=_SCRIPTS, crashes=_CRASHES, time_s=_TIMES)
@settings(max_examples=300, deadline=None)
async def test_work_ends_whole_or_not_at_all(
    script: dict[str, list[Fault]], crashes: frozenset[int], time_s: float | None
) -> None:
    """
    However attempts fail and wherever the process ends: either all is done, or all that was is undone;
    and everybody is told the same end.
    """
    shop = Shop(Crashes(crashes))
    shop.faults.update({what: list(faults) for what, faults in script.items()})

    ending = await shop.carry_out(until=None if time_s is None else shop.soon(time_s))

    assert shop.standing == (set(STEPS) if ending.how == "done" else set()), shop.asked
    assert all((told.how, told.done) == (ending.how, ending.done) for told in shop.told)
    assert shop.told


@given(crashes=_CRASHES, refused=st.sampled_from(STEPS))
@settings(max_examples=100, deadline=None)
async def test_crashes_change_no_decision(crashes: frozenset[int], refused: str) -> None:
    """
    What was refused stays refused by the same step, wherever the process ended.
    """
    shop = Shop(Crashes(crashes))
    shop.faults[refused] = ["refused"] * 50

    ending = await shop.carry_out()

    assert (ending.how, ending.step, ending.code) == ("refused", refused, "NO")
    assert shop.standing == set()
