"""
Whether the service tells of its work in Prometheus' text format, with labels that stay bounded.
"""

import asyncio
import secrets
from collections.abc import Sequence
from contextlib import suppress
from typing import Final

from prometheus_client import Metric
from prometheus_client.parser import text_string_to_metric_families

from servicekit.conformance.check import check
from servicekit.conformance.subject import Subject, unknown_path
from servicekit.conformance.verdicts import Violation, expect
from servicekit.conformance.wire import Answer, NoAnswer

_TELEMETRY: Final = "Build the application by create_service(): "
_DURATION: Final = "http_request_duration_seconds"
_WANTED: Final = {"method": "GET", "route": "/health/live", "status": "200"}
_LOOKS: Final = 20
_PAUSE_S: Final = 0.05


@check(mend=_TELEMETRY + "it serves /metrics.")
async def metrics_are_prometheus_text(subject: Subject) -> None:
    """
    GET /metrics is Prometheus' text format.
    """
    answer = await subject.ask("GET", "/metrics")
    expect(
        answer.status == 200 and answer.media_type == "text/plain",
        seen=f"/metrics answers {answer.status} as {answer.media_type!r}",
        expected="200 as text/plain",
    )
    expect(bool(_parsed(answer)), seen="no metrics", expected="at least one metric")


@check(mend=_TELEMETRY + "its request log measures every request.")
async def requests_are_measured(subject: Subject) -> None:
    """
    http_request_duration_seconds counts requests by method, route and status.
    """
    before = _count(await _metrics(subject))
    await subject.ask("GET", "/health/live")
    after = before
    # A request may be counted a moment after its answer.
    for _ in range(_LOOKS):
        after = _count(await _metrics(subject))
        if after > before:
            return
        await asyncio.sleep(_PAUSE_S)
    raise Violation(
        seen=f"{_DURATION}_count with {_WANTED} went from {before:g} to {after:g}",
        expected="a count that grows with each request",
    )


@check(
    mend=_TELEMETRY + "label by the route's template (request_log.route_template), never by the "
    "path or the method as they were sent: made-up ones would fill the memory."
)
async def labels_are_bounded(subject: Subject) -> None:
    """
    No address and no method that a client makes up becomes a label.
    """
    marker = secrets.token_hex(8)
    await subject.ask("GET", f"{unknown_path()}/{marker}")
    with suppress(NoAnswer):
        await subject.ask(f"M{marker}", "/health/live")
    for operation in (await subject.description()).reads:
        for parameter in operation.parameters:
            if parameter.place == "path":
                path = operation.path({parameter.name: marker})
                await subject.ask("GET", path, is_signed_in=True)
    answer = await subject.ask("GET", "/metrics")
    found = [line for line in answer.text.splitlines() if marker in line.lower()]
    expect(not found, seen=found[:1], expected="labels that name routes by their template")


async def _metrics(subject: Subject) -> Sequence[Metric]:
    return _parsed(await subject.ask("GET", "/metrics"))


def _parsed(answer: Answer) -> Sequence[Metric]:
    try:
        return list(text_string_to_metric_families(answer.text))
    except (ValueError, KeyError, IndexError) as error:
        raise Violation(
            seen=f"/metrics, which cannot be read: {error}", expected="Prometheus' text format"
        ) from None


def _count(metrics: Sequence[Metric]) -> float:
    samples = (sample for metric in metrics for sample in metric.samples)
    return sum(
        sample.value
        for sample in samples
        if sample.name == f"{_DURATION}_count" and _WANTED.items() <= sample.labels.items()
    )
