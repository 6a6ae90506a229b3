"""
What becomes of spans while their collector is well, away, slow or says no, over a real socket.
"""

import asyncio
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial

import pytest
import structlog
from otlp_collector import Collector, collecting
from prometheus_client import CollectorRegistry, generate_latest
from structlog.typing import EventDict

from servicekit.durable.engine import _DRAIN_S
from servicekit.serving.server import LAST_S
from servicekit.testing import eventually
from servicekit.tracing.otlp import Otlp
from servicekit.tracing.recording import Tracing
from servicekit.tracing.sending import Pace, Sending

#: A day in the life of a collector, in a moment.
QUICK = Pace(room=100, at_once=10, gathering_s=0.01, first_pause_s=0.01, last_pause_s=0.05)
#: Whatever should take no time does not take this long on any machine.
_LONG_S = 10.0


class Sender:
    """
    Something that is traced.
    """

    def __init__(self, url: str, pace: Pace = QUICK, *, timeout_s: float = 0.2) -> None:
        otlp = Otlp.to(url, service="test", version="1", timeout_s=timeout_s)
        self._tracing = Tracing(otlp, per_second=1e6, pace=pace)
        self.sending = self._tracing.sending

    def end_spans(self, number: int) -> float:
        """
        End so many spans; returns how long that took, in seconds.
        """
        began = time.perf_counter()
        for _ in range(number):
            with self._tracing.span("x", {}):
                pass
        return time.perf_counter() - began

    def close(self) -> float:
        """
        The end; how long it took, in seconds.
        """
        began = time.perf_counter()
        self.sending.close()
        return time.perf_counter() - began

    def has_refused(self, spans: int) -> bool:
        """
        Whether so many were given up.
        """
        return self.counts["refused"] == spans

    @property
    def counts(self) -> dict[str, int]:
        """
        Spans by what became of them.
        """
        (family,) = self.sending.collect()
        return {one.labels["outcome"]: int(one.value) for one in family.samples}


@pytest.fixture
def collector() -> Iterator[Collector]:
    """
    A collector that listens.
    """
    with collecting() as collector:
        yield collector


@pytest.fixture
def sender(collector: Collector) -> Iterator[Sender]:
    """
    Something that is traced there.
    """
    sender = Sender(collector.url, timeout_s=30)
    yield sender
    sender.close()


@pytest.fixture
def events() -> Iterator[list[EventDict]]:
    """
    What is logged.
    """
    with structlog.testing.capture_logs() as captured:
        yield captured


async def test_every_span_arrives_in_batches(collector: Collector, sender: Sender) -> None:
    """
    A collector that is well is given all there is, some at a time.
    """
    sender.end_spans(35)

    # It has them before its answer is taken.
    await eventually(lambda: sender.counts["sent"] == 35)
    assert len(collector.sent) == 35
    assert collector.requests < 35
    assert sender.counts == {"sent": 35, "refused": 0, "left_out": 0}


async def test_what_waits_at_the_end_is_sent(collector: Collector) -> None:
    """
    Nothing is lost by a stop, however many batches it takes: the last spans are those that somebody looks for.
    """
    collector.may_answer.clear()
    sender = Sender(collector.url, Pace(at_once=2, farewell_s=30), timeout_s=30)
    sender.end_spans(11)
    await eventually(lambda: collector.requests == 1)

    closing = asyncio.create_task(asyncio.to_thread(sender.close))
    await eventually(lambda: sender.sending._is_ending)
    collector.may_answer.set()
    await closing

    assert len(collector.sent) == 11


async def test_a_collector_that_is_ill_is_told_of_once(
    collector: Collector, sender: Sender, events: list[EventDict]
) -> None:
    """
    One line when it begins, however long it lasts, and one when it is over, for good; spans meanwhile are counted.
    """
    collector.status = 500  # which is not asked again
    for failures in range(1, 4):
        sender.end_spans(1)
        await eventually(partial(sender.has_refused, failures))
    collector.status = 200
    sender.end_spans(1)

    await eventually(lambda: "traces.sent_again" in [one["event"] for one in events])
    sender.end_spans(1)
    await eventually(lambda: sender.counts["sent"] == 2)
    assert [one["event"] for one in events] == ["traces.not_sent", "traces.sent_again"]
    assert sender.counts == {"sent": 2, "refused": 3, "left_out": 0}


async def test_a_collector_that_is_away_is_told_of_once(events: list[EventDict]) -> None:
    """
    The same where nobody listens.
    """
    sender = Sender("http://127.0.0.1:9")

    for failures in range(1, 4):
        sender.end_spans(1)
        await eventually(partial(sender.has_refused, failures))

    sender.close()
    assert [one["event"] for one in events] == ["traces.not_sent"]


async def test_a_collector_that_never_answers_holds_nobody_up(collector: Collector) -> None:
    """
    Whoever ends a span does not wait; what is beyond the room is left out and counted; and the end comes.
    """
    collector.may_answer.clear()
    sender = Sender(collector.url, Pace(room=100, at_once=10, farewell_s=0.1), timeout_s=3600)

    took_s = sender.end_spans(5000)

    assert took_s < _LONG_S
    # One batch may be on the wire.
    assert sender.counts["left_out"] >= 5000 - 100 - 10
    assert sender.close() < _LONG_S
    collector.may_answer.set()
    await eventually(lambda: not sender.sending._thread.is_alive())


async def test_a_collector_that_has_failed_is_not_waited_for_at_the_end(
    collector: Collector,
) -> None:
    """
    Whatever the farewell may take, and however long the next batch takes: it would fail as the last one has.
    """
    collector.status = 400
    sender = Sender(collector.url, Pace(1000, 1, 0.01, 0.01, farewell_s=30), timeout_s=3600)
    sender.end_spans(1)
    await eventually(partial(sender.has_refused, 1))
    collector.may_answer.clear()
    sender.end_spans(1)
    await eventually(lambda: collector.requests == 2)

    took_s = await asyncio.to_thread(sender.close)

    assert took_s < _LONG_S
    collector.may_answer.set()
    await eventually(lambda: not sender.sending._thread.is_alive())


class Unlucky(threading.Event):
    """
    Just before it is cleared, somebody else says what ``happens``, and sets it.
    """

    def __init__(self, happens: Callable[[], None]) -> None:
        super().__init__()
        self._happens = happens

    def clear(self) -> None:
        """
        Forget what was set, too.
        """
        self._happens()
        self.set()
        super().clear()


async def test_an_end_at_the_worst_moment_is_not_forgotten() -> None:
    """
    Whenever it comes, what waits is sent at once and not after the time for gathering.
    """
    sent: list[str] = []

    def deliver(batch: Sequence[str]) -> bool:
        sent.extend(batch)
        return True

    sending = Sending(deliver, lambda: None, pace=Pace(gathering_s=3600))
    waiting = sending._change
    sending._change = Unlucky(lambda: setattr(sending, "_is_ending", True))
    sending._line.append("x")

    waiting.set()

    await eventually(lambda: not sending._thread.is_alive())
    assert sent == ["x"]


def test_an_ends_parts_are_shorter_than_the_whole() -> None:
    """
    A collector that is ill does not cut an end short: works are handed over first, then spans are sent, and
    two seconds are left for what else there is.
    """
    assert _DRAIN_S + Pace().farewell_s + 2 <= LAST_S


def test_the_counts_stand_among_the_metrics(sender: Sender) -> None:
    """
    ``trace_spans_total``, from the first scrape on.
    """
    registry = CollectorRegistry()
    registry.register(sender.sending)

    text = generate_latest(registry).decode()

    for outcome in ("sent", "refused", "left_out"):
        assert f'trace_spans_total{{outcome="{outcome}"}} 0.0' in text


async def test_a_fault_of_ours_ends_no_sending(events: list[EventDict]) -> None:
    """
    What cannot be delivered for whatever reason is refused, told of by its kind, and the next is sent.
    """
    faults = [ZeroDivisionError("of ours")]

    def deliver(_batch: Sequence[str]) -> bool:
        if faults:
            raise faults.pop()
        return True

    sending = Sending(deliver, lambda: None, pace=QUICK)
    sending.put("first")
    await eventually(lambda: any(line["event"] == "traces.not_sent" for line in events))
    sending.put("second")
    await eventually(lambda: any(line["event"] == "traces.sent_again" for line in events))
    sending.close()

    assert [line.get("why") for line in events] == ["ZeroDivisionError", None]
