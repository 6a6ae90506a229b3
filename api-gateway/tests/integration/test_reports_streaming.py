"""
Reports are written while they are read: what they cost, and what goes wrong in the middle.
"""

import asyncio
import tracemalloc
from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager
from datetime import timedelta
from typing import TYPE_CHECKING

import httpx
import pytest
from fake_backends import FakeBackends, Held
from gateway_app import bearer
from reports_app import ADMIN, NOON, Placed, RunningReports, prepare, running_reports

from gateway.checkout.sales import Sales
from gateway.checkout.sales_models import TROUBLES, Span
from gateway.reports.forms import Form
from gateway.reports.service import MAX_AT_ONCE, Reports
from gateway.reports.writing import as_json
from gateway.upstreams.inventory import Inventory
from gateway.upstreams.pricing import Pricing
from servicekit.testing import eventually, serve

if TYPE_CHECKING:
    # The kit's plugin imports it at the right moment: after coverage has started.
    from servicekit.testing.fixtures import DatabaseCopy

IDS = [f"P-{number:04}" for number in range(450)]
EVENTS = ("accepted", "failed")


@asynccontextmanager
async def asked(url: str) -> AsyncIterator[httpx.Response]:
    """
    What the stock is worth, told over a real socket; its body is still to be read.
    """
    async with (
        httpx.AsyncClient(base_url=url, timeout=30, headers=bearer(**ADMIN)) as client,
        client.stream("GET", "/api/v1/reports/stock-value") as answer,
    ):
        yield answer


async def read(answer: httpx.Response, received: list[bytes]) -> None:
    """
    Read an answer to its end, and keep what comes.
    """
    async for piece in answer.aiter_bytes():
        received.append(piece)  # noqa: PERF401  # what came before a failure is kept


def is_second_page(request: httpx.Request) -> bool:
    """
    Whether the prices of the second page are asked for.
    """
    return b"P-0200" in request.url.query


async def test_what_fails_in_the_middle() -> None:
    """
    A report that cannot be read to its end is broken off: no client takes it for a whole one.
    """
    received: list[bytes] = []
    async with running_reports(FakeBackends.selling(*IDS)) as reports:
        reports.backends.pricing.fail_always(503, where=is_second_page)

        async with serve(reports.app) as url, asked(url) as answer:
            with pytest.raises(httpx.RemoteProtocolError):
                await read(answer, received)

    told = b"".join(received)
    assert answer.status_code == 200
    assert b"P-0199" in told
    assert b"P-0200" not in told
    assert b"totals" not in told


async def test_clients_that_leave() -> None:
    """
    Whoever leaves in the middle of a report frees its place for others.
    """
    begun = 0
    async with running_reports(FakeBackends.selling(*IDS)) as reports:
        reports.backends.pricing.fail_always(Held(), where=is_second_page)

        async with serve(reports.app) as url:
            for _ in range(MAX_AT_ONCE + 1):
                async with asked(url) as answer:
                    begun += answer.status_code == 200
                await eventually(lambda: reports.app.state.lifecycle.active_requests == 0)

    assert begun == MAX_AT_ONCE + 1


async def test_too_many_at_once() -> None:
    """
    A report more than can be read at once is refused until another one has ended.
    """
    held = Held()
    async with running_reports(FakeBackends.selling("A-1")) as reports:
        reports.backends.pricing.fail_next(*[held] * MAX_AT_ONCE)
        async with asyncio.TaskGroup() as group:
            first = [group.create_task(reports.get("stock-value")) for _ in range(MAX_AT_ONCE)]
            await eventually(lambda: reports.backends.pricing.calls == MAX_AT_ONCE)
            refused = await reports.get("stock-value")
            held.release()
        later = await reports.get("stock-value")

    assert (refused.status_code, refused.json()["error"]["code"]) == (503, "OVERLOADED")
    assert refused.headers["Retry-After"]
    assert [one.result().status_code for one in first] == [200] * MAX_AT_ONCE
    assert later.status_code == 200


async def test_memory(database_copy: "DatabaseCopy") -> None:
    """
    What a report holds at a time does not grow with the number of orders that it tells of.
    """
    async with running_reports(database_url=database_copy("reports", prepare)) as reports:
        few = await peak_bytes(reports, first=0, n=200)
        many = await peak_bytes(reports, first=200, n=600)

    assert many < 1.5 * few


async def peak_bytes(reports: RunningReports, *, first: int, n: int) -> int:
    """
    The most that is held while all troubles are written, after ``n`` more have been made.
    """
    await reports.place(
        *(
            Placed(
                id=f"{number:032}",
                at=NOON - timedelta(seconds=number),
                status="FAILED",
                currency=None,
                events=EVENTS,
            )
            for number in range(first, first + n)
        )
    )
    made = Reports(
        Sales(reports.database),
        Inventory(reports.backends.inventory_client()),
        Pricing(reports.backends.pricing_client()),
        keeps_unsold=timedelta(days=30),
    )
    report = made.troubles(Span(NOON - timedelta(days=1), NOON + timedelta(days=1)), TROUBLES)
    tracemalloc.start()
    try:
        async with aclosing(as_json(report)) as pieces:
            n_told = sum([piece.count(b'"orderId"') async for piece in pieces])
        assert n_told == first + n
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("form", ["json", "csv"])
async def test_as_a_file(form: Form) -> None:
    """
    CSV comes as a file with a name, JSON as an answer to read; nobody on the way keeps either.
    """
    async with running_reports() as reports:
        answer = await reports.get("stock-value", format=form)

    kind = {"json": "application/json", "csv": "text/csv; charset=utf-8; header=present"}[form]
    name = 'attachment; filename="stock-value-2026-01-01.csv"' if form == "csv" else None
    assert answer.headers["Content-Type"] == kind
    assert answer.headers.get("Content-Disposition") == name
    assert (answer.headers["Cache-Control"], answer.headers["Vary"]) == ("no-store", "Accept")
