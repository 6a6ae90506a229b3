"""
Reports as text: cells that a spreadsheet cannot mistake, and answers that are whole or broken off.
"""

import asyncio
import csv
import io
from collections.abc import Sequence
from datetime import UTC, datetime

import pytest
from pydantic import JsonValue
from starlette.types import Message, Send

from gateway.reports.answers import BrokenOff, ReportAnswer
from gateway.reports.models import (
    Batches,
    DiscountLine,
    Line,
    OrdersLine,
    Report,
    Step,
    TroubleLine,
)
from gateway.reports.writing import as_csv, as_json
from servicekit import deadline
from servicekit.errors import StorefrontError, UpstreamFailed

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)


def used(code: str) -> DiscountLine:
    """
    A line with this code.
    """
    return DiscountLine(code, "USD", 1, "1.00")


def report_of(
    *batches: Sequence[Line], line: type[Line] = DiscountLine, then: StorefrontError | None = None
) -> Report:
    """
    A report of these batches, after which this error comes; with ``then`` left out, it is whole.
    """

    async def read() -> Batches:
        for batch in batches:
            yield batch
        if then is not None:
            raise then

    return Report("discounts", line, {"report": "discounts"}, read())


async def text_of(report: Report) -> str:
    """
    The report as CSV.
    """
    return b"".join([piece async for piece in as_csv(report)]).decode()


@pytest.mark.parametrize(
    "code", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "\n=1", "\uff1d1", "\uff0b1"]
)
async def test_formulas(code: str) -> None:
    """
    A cell that a spreadsheet would compute is told as text.
    """
    text = await text_of(report_of([used(code)]))

    assert [*csv.reader(io.StringIO(text, newline=""))][1][0] == f"'{code}"


@pytest.mark.parametrize(
    "code", ['say "hi"', "a,b", "a\r\nb", "a\nb", " blank ", "Äpfel 苹果", "1-1"]
)
async def test_text_of_any_kind(code: str) -> None:
    """
    What stands in a cell is read again as it was: quotes, commas and line ends included.
    """
    text = await text_of(report_of([used(code)]))

    assert [*csv.reader(io.StringIO(text, newline=""))][1] == [code, "USD", "1", "1.00"]


async def test_lines_of_csv() -> None:
    """
    Columns are named once, lines end as RFC 4180 says, and what is not known is empty.
    """
    lines = [OrdersLine("2026-01-01", "REJECTED", None, 2, None, None)]

    text = await text_of(report_of(lines, lines, line=OrdersLine))

    head = "day,status,currency,orders,revenue,cancelled\r\n"
    assert text == head + "2026-01-01,REJECTED,,2,,\r\n" * 2


async def test_troubles_in_csv() -> None:
    """
    Reasons stand in one cell as JSON, and steps in another, each with its moment.
    """
    reason: dict[str, JsonValue] = {"message": "Too few."}
    line = TroubleLine(
        order_id="a",
        status="REJECTED",
        owner=None,
        created_at=NOON,
        updated_at=NOON,
        ended_at=None,
        reason_code="OUT_OF_STOCK",
        reason=reason,
        failed_step="reserve-stock",
        attention_since=None,
        attention=None,
        correlation_id="c",
        steps=[Step("accepted", NOON), Step("rejected", NOON)],
    )

    text = await text_of(report_of([line], line=TroubleLine))

    cells = next(csv.DictReader(io.StringIO(text, newline="")))
    assert cells["reason"] == '{"message":"Too few."}'
    assert cells["steps"] == "2026-01-01T12:00:00Z accepted; 2026-01-01T12:00:00Z rejected"
    assert (cells["createdAt"], cells["endedAt"]) == ("2026-01-01T12:00:00Z", "")


async def test_pieces_of_json() -> None:
    """
    A piece for each batch, which only together and with the last one are JSON.
    """
    pieces = [piece async for piece in as_json(report_of([used("A")], [used("B"), used("C")]))]

    line = b'{"code":"%s","currency":"USD","orders":1,"amount":"1.00"}'
    assert pieces == [
        b'{"report":"discounts","items":[' + line % b"A",
        b"," + line % b"B" + b"," + line % b"C",
        b"]}",
    ]


async def test_what_fails_at_first() -> None:
    """
    An error before the first line is raised as it is, before anything is answered.
    """
    sent: list[Message] = []
    answer = ReportAnswer(report_of(then=UpstreamFailed("pricing")), "json", at=NOON)

    with pytest.raises(UpstreamFailed):
        await answer.stream_response(_into(sent))

    assert sent == []


async def test_what_fails_later() -> None:
    """
    An error after the first line breaks the answer off: its last piece never comes.
    """
    sent: list[Message] = []
    report = report_of([used("A")], then=UpstreamFailed("pricing"))

    with pytest.raises(BrokenOff):
        await ReportAnswer(report, "csv", at=NOON).stream_response(_into(sent))

    assert [message.get("more_body") for message in sent] == [None, True]


@pytest.mark.leaping_time
async def test_until_the_deadline() -> None:
    """
    A report that is not whole at the request's deadline is broken off, and left behind closed.
    """
    sent: list[Message] = []
    closed = asyncio.Event()

    async def read() -> Batches:
        try:
            yield [used("A")]
            await asyncio.Event().wait()
        finally:
            closed.set()

    answer = ReportAnswer(Report("discounts", DiscountLine, {"report": 1}, read()), "json", at=NOON)

    # The outer time is for a report that would go on for ever.
    with deadline.within(0.01), pytest.raises(BrokenOff):
        await asyncio.wait_for(answer.stream_response(_into(sent)), 30)

    assert closed.is_set()
    assert sent[-1]["more_body"]


@pytest.mark.leaping_time
async def test_a_slow_client() -> None:
    """
    The time is that of the whole answer: also a client that does not read on has it broken off.
    """

    async def send(message: Message) -> None:
        if message.get("more_body"):
            await asyncio.Event().wait()

    answer = ReportAnswer(report_of([used("A")]), "json", at=NOON)

    with deadline.within(0.01), pytest.raises(BrokenOff):
        await asyncio.wait_for(answer.stream_response(send), 30)


def _into(sent: list[Message]) -> Send:
    async def send(message: Message) -> None:
        sent.append(message)

    return send
