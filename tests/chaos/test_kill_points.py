"""
Every boundary gets its turn, and a trap springs once, where it stands.
"""

import asyncio
from dataclasses import replace

from tests.chaos.construction import GATEWAY
from tests.chaos.fault_proxy import Moment, Passage
from tests.chaos.kill_points import BOUNDARIES, KillPoint, KillPoints, Trap


def where(point: KillPoint) -> KillPoint:
    """
    A point without what is drawn anew each time.
    """
    return replace(point, skipped=0, after_s=0.0)


def test_each_boundary_comes_once_before_any_comes_again() -> None:
    """
    As many rounds as there are boundaries cover them all.
    """
    points = KillPoints(["boundary"], seed="s")

    drawn = [where(points.next()) for _ in BOUNDARIES]

    assert sorted(map(str, drawn)) == sorted(map(str, BOUNDARIES))


def test_every_third_kill_is_at_random_and_a_seed_repeats_them_all() -> None:
    """
    Both kinds come in turn; the same seed draws the same.
    """
    first, again = (KillPoints(["boundary", "random"], seed="s") for _ in range(2))

    drawn = [first.next() for _ in range(9)]

    assert [bool(point.operation) for point in drawn] == [True, True, False] * 3
    assert drawn == [again.next() for _ in range(9)]


async def test_a_trap_springs_once_at_its_boundary_after_those_it_lets_go_by() -> None:
    """
    Other operations and other moments do not count.
    """
    killed: list[KillPoint] = []
    point = KillPoint(GATEWAY, "reserve", Moment.ANSWERED, skipped=1)
    trap = Trap(point, killed.append)

    for moment in (*Moment, *Moment):
        await trap.passed(Passage("reserve", moment, "o"))
        await trap.passed(Passage("commit", moment, "o"))
    await trap.passed(Passage("reserve", Moment.ANSWERED, "o"))
    trap.spring()

    assert killed == [point]


async def test_a_trap_at_random_springs_by_itself() -> None:
    """
    No passage is needed.
    """
    killed: list[KillPoint] = []
    trap = Trap(KillPoint(GATEWAY), killed.append)

    await asyncio.gather(trap.began(), trap.passed(Passage("reserve", Moment.ASKED, "o")))

    assert killed == [trap.point]
