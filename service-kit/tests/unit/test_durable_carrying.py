"""
What the engine does where something goes wrong that nobody has thought of: no work is lost by it.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import replace

import pytest
from sqlalchemy import make_url
from structlog.testing import capture_logs
from structlog.typing import EventDict
from toy_sagas import SAGA, Toy

from servicekit import correlation
from servicekit.clock import utc_now
from servicekit.durable.carrying import Carrier, Patience
from servicekit.durable.errands import Errand
from servicekit.durable.metrics import SagaMetrics
from servicekit.durable.pauses import Pauses
from servicekit.durable.transact import Transact
from servicekit.durable.watching import SagaWatch
from servicekit.durable.works import Works
from servicekit.sagas import Work
from servicekit.sagas.models import Journal
from servicekit.telemetry import Telemetry
from servicekit.testing import eventually

ERRAND = Errand(Work("w1", {}), correlation.new())


class UnreliableJournal(Transact):
    """
    Has a fault of its own each time but the last that it is asked to go on with something.
    """

    def __init__(self, faults: int) -> None:
        super().__init__(make_url("sqlite:///never-opened.db"), name="test", executor_id="one")
        self.faults = faults
        self.resumed: list[str] = []

    async def resume(self, workflow_ids: Sequence[str]) -> None:
        if self.faults:
            self.faults -= 1
            raise ZeroDivisionError
        self.resumed += workflow_ids


def _no_journal(_work: Work) -> Journal:
    raise ZeroDivisionError


def carrier_over(transact: Transact) -> Carrier:
    """
    What carries works out, and never pauses for long.
    """

    async def moment(_seconds: float) -> None:
        await asyncio.sleep(0)

    metrics = SagaMetrics(Telemetry(), running=lambda: 0, waiting=lambda: 0)
    patience = Patience(Pauses(moment), attention_after_s=60, now=utc_now)
    return Carrier(transact, Works(), metrics, patience, watch=SagaWatch(metrics, None))


#: Its findings can be neither kept nor found: a mistake that no step sees.
FAULTY = replace(Toy(lambda _line: None).saga, journal=_no_journal)


def _events(logs: Sequence[EventDict]) -> list[str]:
    return [line["event"] for line in logs if "exc_info" in line]


async def test_what_another_release_has_written_is_left_to_it() -> None:
    """
    Work that cannot be read here is handed back, as if it had never come, and told of.
    """
    carry = carrier_over(UnreliableJournal(0)).workflows({SAGA: FAULTY})[SAGA]

    with capture_logs() as logs, pytest.raises(asyncio.CancelledError):
        await carry({"id": "w1", "from": "another release"})

    assert _events(logs) == ["saga.unreadable"]


async def test_a_mistake_at_once_leaves_the_work_to_the_engine() -> None:
    """
    Whoever began the work is told that it is not done, and the mistake is logged.
    """
    carrier = carrier_over(UnreliableJournal(0))
    carrier.workflows({SAGA: FAULTY})

    with capture_logs() as logs:
        is_done = await carrier.is_done_at_once(SAGA, ERRAND)

    assert not is_done
    assert _events(logs) == ["saga.broken_off"]


async def test_work_that_is_broken_off_is_taken_up_again_however_often_that_fails() -> None:
    """
    The journal is asked to go on with it until it does; each mistake on the way is logged.
    """
    journal = UnreliableJournal(faults=2)
    carry = carrier_over(journal).workflows({SAGA: FAULTY})[SAGA]

    with capture_logs() as logs:
        with pytest.raises(asyncio.CancelledError):
            await carry(ERRAND.given())
        await eventually(lambda: bool(journal.resumed))

    assert journal.resumed == ["toy:w1"]
    assert _events(logs) == ["saga.broken_off", "saga.not_resumed", "saga.not_resumed"]
