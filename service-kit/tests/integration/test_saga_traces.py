"""
How works show in traces and metrics: one trace for all that belongs to a request, whoever goes on with it.
"""

from collections.abc import Sequence
from typing import Final

import pytest
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from prometheus_client import generate_latest
from toy_sagas import SAGA, Toy, toy_engine, with_journal

from servicekit import correlation
from servicekit.durable.watching import LAST_IN_ONE_TRACE
from servicekit.outside import Outside
from servicekit.sagas import Outcome, Refused, Unknown
from servicekit.telemetry import Telemetry
from servicekit.testing import eventually
from servicekit.testing.fixtures import DatabaseCopy
from servicekit.tracing.otlp import Otlp
from servicekit.tracing.recording import Tracing

_TRACE: Final = "0af7651916cd43dd8448eb211c80319c"
_SPAN: Final = "b7ad6b7169203331"
#: What a request has for ids whose span is this one.
_IDS: Final = correlation.resumed("order-42", f"00-{_TRACE}-{_SPAN}-01")
_SOON_S: Final = 20.0


@pytest.fixture
async def url(sqlite_copy: DatabaseCopy) -> str:
    """
    The address of a service's database, whose journal is migrated.
    """
    return await with_journal(sqlite_copy)


@pytest.fixture
def toy() -> Toy:
    return Toy.with_ledger()


class Traced:
    """
    What a process tells, with the spans that it ended.
    """

    def __init__(self) -> None:
        self._exporter = InMemorySpanExporter()
        self._tracing = Tracing(Otlp(self._exporter, service="toy", version="1"))
        self.telemetry = Telemetry(self._tracing)

    async def spans(self) -> list[ReadableSpan]:
        """
        All of them, in the order in which they began; there are none after this.
        """
        await self._tracing.aclose()
        return sorted(self._exporter.get_finished_spans(), key=lambda span: span.start_time or 0)


@pytest.fixture
def traced() -> Traced:
    """
    A process that is traced.
    """
    return Traced()


def _names(spans: Sequence[ReadableSpan]) -> list[str]:
    """
    Each with those above it: ``request > toy > first``.
    """
    by_id = {span.context.span_id: span for span in spans}

    def path(span: ReadableSpan) -> str:
        if span.parent is None:
            return span.name
        if f"{span.parent.span_id:016x}" == _SPAN:
            return f"request > {span.name}"
        return f"{path(by_id[span.parent.span_id])} > {span.name}"

    return [path(span) for span in spans]


def _traces(spans: Sequence[ReadableSpan]) -> set[str]:
    return {f"{span.context.trace_id:032x}" for span in spans}


def _facts(span: ReadableSpan, *names: str) -> list[object]:
    assert span.attributes is not None
    return [span.attributes.get(f"saga.{name}") for name in names]


async def test_a_work_is_a_span_below_its_request_and_each_attempt_one_below_that(
    url: str, toy: Toy, traced: Traced
) -> None:
    """
    Saga, work, step, attempt and outcome stand in them.
    """
    engine = toy_engine(url, toy, telemetry=traced.telemetry)
    async with engine.running():
        with correlation.correlated(_IDS):
            engine.begin(SAGA, "w1", {})
        assert await engine.ended(SAGA, "w1", within_s=_SOON_S)

    spans = await traced.spans()
    assert _names(spans) == [
        "request > toy",
        "request > toy > first",
        "request > toy > second",
        "request > toy > third",
    ]
    assert _traces(spans) == {_TRACE}
    assert _facts(spans[0], "name", "work", "outcome") == ["toy", "w1", "done"]
    assert _facts(spans[1], "step", "deed", "attempt", "outcome") == ["first", "do", 1, "done"]


async def test_what_is_undone_shows(url: str, toy: Toy, traced: Traced) -> None:
    """
    A refusal has its code, and undos stand behind it, the last first.
    """
    toy.outcomes["second"] = [Refused("SOLD_OUT")]
    engine = toy_engine(url, toy, telemetry=traced.telemetry)
    async with engine.running():
        with correlation.correlated(_IDS):
            engine.begin(SAGA, "w1", {})
        assert await engine.ended(SAGA, "w1", within_s=_SOON_S)

    whole, _, second, *undone = await traced.spans()
    assert _facts(whole, "outcome", "code") == ["refused", "SOLD_OUT"]
    assert _facts(second, "outcome", "code") == ["refused", "SOLD_OUT"]
    assert [span.name for span in undone] == ["undo second", "undo first"]
    assert _facts(undone[0], "deed", "outcome") == ["undo", "done"]


async def test_what_is_repeated_stays_in_the_trace_of_its_request(
    url: str, toy: Toy, traced: Traced
) -> None:
    """
    What was begun at once and is the engine's now shows as left, and once more below the same request.
    """
    toy.outcomes["third"] = [Unknown("LOST")]
    engine = toy_engine(url, toy, telemetry=traced.telemetry)
    async with engine.running():
        with correlation.correlated(_IDS):
            engine.begin(SAGA, "w1", {})
        assert await engine.ended(SAGA, "w1", within_s=_SOON_S)

    spans = await traced.spans()
    carried = [span for span in spans if span.name == SAGA]
    assert _traces(spans) == {_TRACE}
    assert _names(carried) == ["request > toy", "request > toy"]
    assert [_facts(span, "again", "outcome") for span in carried] == [
        [False, "left"],
        [True, "done"],
    ]
    lost = next(span for span in spans if span.name == "third")
    assert _facts(lost, "outcome", "code") == ["unknown", "LOST"]
    assert not lost.status.is_ok


async def test_who_takes_a_work_up_joins_its_trace(url: str, toy: Toy, traced: Traced) -> None:
    """
    After a restart it goes on below the request that asked for it, which ended long ago.
    """
    is_held = True
    toy.held = lambda: is_held
    engine = toy_engine(url, toy, telemetry=traced.telemetry, drain_s=0)
    async with engine.running():
        with correlation.correlated(_IDS):
            await engine.start(SAGA, "w1", {})
        await eventually(lambda: "w1 second begun" in toy.ledger)
    is_held = False
    after = Traced()
    restarted = toy_engine(url, toy, telemetry=after.telemetry)
    async with restarted.running():
        await eventually(lambda: toy.told, within_s=_SOON_S)

    spans = [*await traced.spans(), *await after.spans()]
    carried = [span for span in spans if span.name == SAGA]
    assert _traces(spans) == {_TRACE}
    assert _names(carried) == ["request > toy", "request > toy"]
    assert [_facts(span, "outcome") for span in carried] == [["left"], ["done"]]


async def test_what_is_repeated_for_long_has_traces_of_its_own(
    url: str, toy: Toy, traced: Traced
) -> None:
    """
    One trace holds so many attempts; each one more is a trace that is linked with it.
    """
    unknown: list[Outcome] = [Unknown("AWAY")] * (LAST_IN_ONE_TRACE + 2)
    toy.outcomes["third"] = unknown

    async def at_once(_seconds: float) -> None: ...

    engine = toy_engine(url, toy, telemetry=traced.telemetry, outside=Outside(sleep=at_once))
    async with engine.running():
        with correlation.correlated(_IDS):
            await engine.start(SAGA, "w1", {})
        assert await engine.ended(SAGA, "w1", within_s=_SOON_S)

    attempts = [span for span in await traced.spans() if span.name == "third"]
    inside, apart = attempts[:LAST_IN_ONE_TRACE], attempts[LAST_IN_ONE_TRACE:]
    assert _traces(inside) == {_TRACE}
    assert len(apart) == 3
    assert len(_traces(apart) - {_TRACE}) == 3
    assert all(f"{span.links[0].context.trace_id:032x}" == _TRACE for span in apart)


async def test_attempts_and_works_are_counted_and_timed(url: str, toy: Toy) -> None:
    """
    By saga, step, do or undo, and outcome, also where nothing is traced.
    """
    toy.outcomes["first"] = [Unknown("LOST")]
    toy.outcomes["second"] = [Refused("SOLD_OUT")]
    telemetry = Telemetry()
    engine = toy_engine(url, toy, telemetry=telemetry)
    async with engine.running():
        await engine.start(SAGA, "w1", {})
        assert await engine.ended(SAGA, "w1", within_s=_SOON_S)

    text = generate_latest(telemetry.registry).decode()
    for step, deed, outcome in (
        ("first", "do", "unknown"),
        ("first", "do", "done"),
        ("second", "do", "refused"),
        ("second", "undo", "done"),
        ("first", "undo", "done"),
    ):
        labels = f'deed="{deed}",outcome="{outcome}",saga="toy",step="{step}"'
        assert f"saga_attempt_duration_seconds_count{{{labels}}} 1.0" in text
    assert 'saga_duration_seconds_count{outcome="refused",saga="toy"} 1.0' in text
    assert "saga_waiting 0.0" in text
