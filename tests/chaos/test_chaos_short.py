"""
A few minutes' chaos in a few seconds: ``make chaos`` is the whole of it.
"""

from pathlib import Path

from tests.chaos.construction import GATEWAY, INVENTORY, Plan
from tests.chaos.fault_proxy import Moment
from tests.chaos.kill_points import ACCEPT, KINDS, KillPoint
from tests.chaos.rounds import Size, rounds_in
from tests.chaos.tally import Tally
from tests.chaos.world import running_world

POINTS = (
    KillPoint(GATEWAY, "reserve", Moment.ANSWERED),
    KillPoint(INVENTORY, "commit", Moment.ANSWERED),
    KillPoint(GATEWAY, ACCEPT, Moment.DELIVERED),
)


async def test_no_order_is_lost_doubled_or_half_done_whoever_is_killed(tmp_path: Path) -> None:
    """
    After each kill, over a network that loses answers, all orders end and all books add up.
    """
    tally = Tally()

    async with (
        running_world(Plan(seed="short"), tmp_path) as world,
        rounds_in(world, tally, kinds=KINDS, size=Size(orders=10, at_once=10)) as rounds,
    ):
        for point in POINTS:
            await rounds.round(point)

    assert tally.found == []
    assert tally.kills.total() >= len(POINTS)
