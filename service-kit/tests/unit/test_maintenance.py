"""
What is done from time to time.
"""

from prometheus_client import CollectorRegistry
from structlog.testing import capture_logs

from servicekit.errors import ServiceUnavailable
from servicekit.maintenance import Maintenance, TaskRuns
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


async def test_a_database_that_is_away_is_no_fault_of_the_task() -> None:
    """
    It is told in one line, without a traceback, and the other tasks have their turn.
    """
    rounds: list[str] = []

    async def waiting() -> None:
        raise ServiceUnavailable("the database")

    async def working() -> None:
        rounds.append("working")

    with capture_logs() as logs:
        await Maintenance({"waiting": waiting, "working": working}, interval_s=60).once()

    assert rounds == ["working"]
    assert [(line["event"], line["log_level"], "exc_info" in line) for line in logs] == [
        ("maintenance.task_postponed", "warning", False)
    ]


async def test_what_tasks_come_to_is_counted() -> None:
    """
    A task's failures can be alarmed on, the first one too: it was told of before.
    """
    registry = CollectorRegistry()
    errors: list[Exception] = [OSError(), ServiceUnavailable("the database")]

    async def ill_at_first() -> None:
        if errors:
            raise errors.pop()

    def counted() -> dict[str, float | None]:
        return {
            outcome: registry.get_sample_value(
                "maintenance_runs_total", {"task": "sweep", "outcome": outcome}
            )
            for outcome in ("done", "postponed", "failed")
        }

    maintenance = Maintenance({"sweep": ill_at_first}, interval_s=60, runs=TaskRuns(registry))
    before = counted()
    for _ in range(4):
        await maintenance.once()

    assert before == {"done": 0, "postponed": 0, "failed": 0}
    assert counted() == {"done": 2, "postponed": 1, "failed": 1}
