"""
What is done from time to time.
"""

from servicekit.maintenance import Maintenance
from servicekit.testing.clock import FakeClock
from servicekit.testing.polling import eventually


async def test_maintenance_goes_on_after_a_failure() -> None:
    """
    A task that fails holds up neither the others nor the next round.
    """
    clock = FakeClock()
    rounds: list[str] = []

    async def failing() -> None:
        rounds.append("failing")
        raise OSError

    async def working() -> None:
        rounds.append("working")

    tasks = {"failing": failing, "working": working}
    maintenance = Maintenance(tasks, interval_s=60, sleep=clock.sleep)
    async with maintenance.running():
        for _ in range(2):
            await eventually(lambda: clock.sleepers == 1)
            clock.advance(60)
            await eventually(lambda: clock.sleepers == 1)

    assert rounds == ["failing", "working"] * 2
