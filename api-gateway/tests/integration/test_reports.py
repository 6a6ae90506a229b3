"""
Administrators read what was sold and what was not, on SQLite and on PostgreSQL.
"""

import csv
import io
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from checkout_app import ADMIN as ADMINISTRATOR
from checkout_app import running_checkout
from fake_backends import Code, FakeBackends
from gateway_app import bearer
from reports_app import ADMIN, NOON, Placed, RunningReports, prepare, running_reports

from gateway.checkout.sales import Sales
from gateway.checkout.sales_models import Span
from gateway.reports import schemas

if TYPE_CHECKING:
    # The kit's plugin imports it at the right moment: after coverage has started.
    from servicekit.testing.fixtures import DatabaseCopy

YESTERDAY = NOON - timedelta(days=1)
REPORTS = ("orders", "top-products", "discounts", "stock-value", "troubles")


@pytest.fixture
async def reports(database_copy: "DatabaseCopy") -> AsyncIterator[RunningReports]:
    """
    Reports of a database without orders.
    """
    async with running_reports(database_url=database_copy("reports", prepare)) as running:
        yield running


async def test_orders_by_day_and_status(reports: RunningReports) -> None:
    """
    Orders are counted by day and status; revenue is of confirmed ones, and cancelled ones stand apart.
    """
    await reports.place(
        Placed(id="a", at=YESTERDAY, lines={"A-1": (1, 1999)}),
        Placed(id="b", lines={"A-1": (2, 3998)}),
        Placed(id="c", lines={"A-1": (1, 1999)}, discounts={"TEN": 200}),
        Placed(id="d", status="CANCELLED", lines={"B-1": (1, 500)}),
        Placed(id="e", status="CANCELLING", lines={"B-1": (1, 700)}),
        Placed(id="f", status="REJECTED", currency=None),
        # It had a price before it failed.
        Placed(id="g", status="FAILED", lines={"B-1": (1, 100)}),
        Placed(id="h", status="FAILED", currency=None),
    )

    answer = (await reports.get("orders")).json()

    def line(day: str, status: str, currency: str | None, *rest: object) -> dict[str, object]:
        names = ("day", "status", "currency", "orders", "revenue", "cancelled")
        return dict(zip(names, (day, status, currency, *rest), strict=True))

    assert answer["items"] == [
        line("2025-12-31", "CONFIRMED", "USD", 1, "19.99", None),
        line("2026-01-01", "CANCELLED", "USD", 1, None, "5.00"),
        line("2026-01-01", "CANCELLING", "USD", 1, None, "7.00"),
        line("2026-01-01", "CONFIRMED", "USD", 2, "57.97", None),
        line("2026-01-01", "FAILED", None, 2, None, None),
        line("2026-01-01", "REJECTED", None, 1, None, None),
    ]
    confirmed = [total for total in answer["totals"] if total["status"] == "CONFIRMED"]
    assert [(one["orders"], one["revenue"]) for one in confirmed] == [(3, "77.96")]


async def test_revenue_of_several_currencies(reports: RunningReports) -> None:
    """
    Each currency is summed for itself, and told with its own decimals.
    """
    await reports.place(
        Placed(id="a", currency="USD", lines={"A-1": (1, 5)}),
        Placed(id="b", currency="JPY", lines={"A-1": (1, 5)}),
        Placed(id="c", currency="KWD", lines={"A-1": (1, 5)}),
    )

    found = await reports.items("orders")

    told = {one["currency"]: one["revenue"] for one in found}
    assert told == {"USD": "0.05", "JPY": "5", "KWD": "0.005"}


async def test_sums_beyond_64_bits(reports: RunningReports) -> None:
    """
    Sums are exact to the last minor unit, also where they are larger than the database's integers.
    """
    huge = 9_000_000_000_000_000_001
    await reports.place(*(Placed(id=name, lines={"A-1": (1, huge)}) for name in "abc"))

    by_day, by_product = await reports.items("orders"), await reports.items("top-products")

    told = "270000000000000000.03"
    assert [one["revenue"] for one in (*by_day, *by_product)] == [told, told]


async def test_top_products(reports: RunningReports) -> None:
    """
    Products stand by units sold in confirmed orders, each currency for itself, up to the limit.
    """
    await reports.place(
        Placed(id="a", lines={"A-1": (1, 1000), "B-1": (5, 500)}),
        Placed(id="b", lines={"A-1": (3, 3000)}),
        Placed(id="c", currency="EUR", lines={"A-1": (2, 1800)}),
        Placed(id="d", status="CANCELLED", lines={"A-1": (90, 90_000)}),
    )

    found = await reports.items("top-products")
    first = await reports.items("top-products", limit="1")

    names = ("productId", "currency", "orders", "units", "revenue")
    assert [tuple(one[name] for name in names) for one in found] == [
        ("B-1", "USD", 1, 5, "5.00"),
        ("A-1", "USD", 2, 4, "40.00"),
        ("A-1", "EUR", 1, 2, "18.00"),
    ]
    assert first == found[:1]


async def test_discounts(reports: RunningReports) -> None:
    """
    A code's uses and what it took off are of confirmed orders, each currency for itself.
    """
    await reports.place(
        Placed(id="a", lines={"A-1": (1, 1000)}, discounts={"TEN": 100, "FIVE": 50}),
        Placed(id="b", lines={"A-1": (1, 1000)}, discounts={"TEN": 101}),
        Placed(id="c", currency="JPY", lines={"A-1": (1, 1000)}, discounts={"TEN": 7}),
        Placed(id="d", status="CANCELLED", lines={"A-1": (1, 10)}, discounts={"TEN": 1}),
    )

    found = await reports.items("discounts")

    assert [(one["code"], one["currency"], one["orders"], one["amount"]) for one in found] == [
        ("FIVE", "USD", 1, "0.50"),
        ("TEN", "JPY", 1, "7"),
        ("TEN", "USD", 2, "2.01"),
    ]


async def test_troubles(reports: RunningReports) -> None:
    """
    Orders of which nothing came are told one by one, the oldest first, with reasons, steps and times.
    """
    reason = {"message": "There are too few units.", "details": {"items": ["A-1"]}}
    refused = {"reason_code": "OUT_OF_STOCK", "reason": reason, "failed_step": "reserve-stock"}
    attention = {"step": "reserve-stock", "why": "CIRCUIT_OPEN"}
    waiting = {"attention_since": NOON, "attention": attention, "owner": None}
    await reports.place(
        Placed(id="b", status="NEEDS_ATTENTION", currency=None, more=waiting),
        Placed(
            id="a",
            at=YESTERDAY,
            status="REJECTED",
            currency=None,
            events=("accepted", "reserve-stock.refused", "rejected"),
            more=refused,
        ),
        Placed(id="c", lines={"A-1": (1, 1)}),
    )

    found = await reports.items("troubles")

    assert [one["orderId"] for one in found] == ["a", "b"]
    assert found[0] == {
        "orderId": "a",
        "status": "REJECTED",
        "owner": "user-1",
        "createdAt": "2025-12-31T12:00:00Z",
        "updatedAt": "2025-12-31T12:00:00Z",
        "endedAt": None,
        "reasonCode": "OUT_OF_STOCK",
        "reason": reason,
        "failedStep": "reserve-stock",
        "attentionSince": None,
        "attention": None,
        "correlationId": "correlation-a",
        "steps": [
            {"name": "accepted", "at": "2025-12-31T12:00:01Z"},
            {"name": "reserve-stock.refused", "at": "2025-12-31T12:00:02Z"},
            {"name": "rejected", "at": "2025-12-31T12:00:03Z"},
        ],
    }
    assert (found[1]["owner"], found[1]["attention"]) == (None, attention)
    assert found[1]["attentionSince"] == "2026-01-01T12:00:00Z"


@pytest.mark.parametrize("report", ["orders", "troubles"])
async def test_since_when_a_report_is_complete(reports: RunningReports, report: str) -> None:
    """
    What was rejected or has failed is dropped one day: in either form the report says from when on it is not.
    """
    told = await reports.get(report)
    table = await reports.get(report, format="csv")

    assert told.json()["completeSince"] == "2025-12-02T12:00:00Z"
    assert table.headers["X-Complete-Since"] == told.json()["completeSince"]


async def test_troubles_of_some_statuses(reports: RunningReports) -> None:
    """
    Only troubles of the statuses that are asked for are told, and an unknown one is refused.
    """
    statuses = ("REJECTED", "FAILED", "CANCELLED", "CONFIRMED")
    await reports.place(*(Placed(id=one, status=one, currency=None) for one in statuses))

    failed = await reports.items("troubles", status="FAILED")
    every = await reports.items("troubles")
    other = await reports.get("troubles", status="CONFIRMED")

    assert [one["orderId"] for one in failed] == ["FAILED"]
    assert {one["orderId"] for one in every} == {"REJECTED", "FAILED", "CANCELLED"}
    assert other.status_code == 422


async def test_troubles_of_many_batches(reports: RunningReports) -> None:
    """
    However many there are, and many of one moment, each stands there once, with its own steps.
    """
    moments = [NOON - timedelta(minutes=1 + number // 170) for number in range(350)]
    placed = [
        Placed(id=f"{number:04}", at=at, status="FAILED", currency=None, events=(f"step-{number}",))
        for number, at in enumerate(moments)
    ]
    await reports.place(*placed)

    found = await reports.items("troubles")

    expected = [one.id for one in sorted(placed, key=lambda one: (one.at, one.id))]
    assert [one["orderId"] for one in found] == expected
    assert all(one["steps"][0]["name"] == f"step-{int(one['orderId'])}" for one in found)


async def test_what_is_in_a_span(reports: RunningReports) -> None:
    """
    A span begins with its first moment and ends before its last; a day stands for its beginning.
    """
    midnight = NOON.replace(hour=0)
    before, later = midnight - timedelta(microseconds=1), midnight + timedelta(microseconds=1)
    for name, at in {"before": before, "midnight": midnight, "later": later}.items():
        await reports.place(Placed(id=name, at=at, status="FAILED", currency=None))

    async def told(**span: str) -> list[str]:
        return [one["orderId"] for one in await reports.items("troubles", **span)]

    assert await told(since="2026-01-01") == ["midnight", "later"]
    assert await told(to="2026-01-01") == ["before"]
    assert await told(since="2026-01-01", to="2026-01-01T00:00:00.000001Z") == ["midnight"]
    assert await told(since="2026-01-01T01:00:00+01:00", to="2026-01-02") == ["midnight", "later"]


async def test_last_30_days(reports: RunningReports) -> None:
    """
    Where nobody says when, a report is about the 30 days until now, and says so.
    """
    for name, days in {"old": 31, "recent": 29}.items():
        at = NOON - timedelta(days=days)
        await reports.place(Placed(id=name, at=at, status="FAILED", currency=None))

    answer = (await reports.get("troubles")).json()

    assert [one["orderId"] for one in answer["items"]] == ["recent"]
    assert (answer["from"], answer["to"]) == ("2025-12-02T12:00:00Z", "2026-01-01T12:00:00Z")


@pytest.mark.parametrize("report", REPORTS)
async def test_without_rows(reports: RunningReports, report: str) -> None:
    """
    A report without rows is whole all the same, in both forms.
    """
    as_json, as_csv = await reports.get(report), await reports.get(report, accept="text/csv")

    assert as_json.json()["items"] == []
    assert len([*csv.reader(io.StringIO(as_csv.text))]) == 1


@pytest.mark.parametrize("report", REPORTS)
async def test_who_may_read(reports: RunningReports, report: str) -> None:
    """
    Whoever has not signed in is told to, and whoever is no administrator is refused.
    """
    path = f"/api/v1/reports/{report}"

    nobody = await reports.client.get(path)
    shopper = await reports.client.get(path, headers=bearer(scope="read write"))

    assert (nobody.status_code, shopper.status_code) == (401, 403)


async def test_as_documented(reports: RunningReports) -> None:
    """
    Every report answers as its description says.
    """
    await reports.place(
        Placed(id="a", lines={"A-1": (1, 1000)}, discounts={"TEN": 100}),
        Placed(id="b", status="FAILED", currency=None, events=("accepted", "failed")),
    )
    described = (await reports.client.get("/openapi.json")).json()["paths"]

    answers = {name: (await reports.get(name)).json() for name in REPORTS}

    for name, answer in answers.items():
        content = described[f"/api/v1/reports/{name}"]["get"]["responses"]["200"]["content"]
        model = getattr(schemas, content["application/json"]["schema"]["$ref"].rpartition("/")[2])
        assert model.model_validate(answer)
        assert content["text/csv"]["schema"] == {"type": "string"}


@pytest.mark.parametrize(
    "query",
    [
        "form=2026-01-01",
        "from=today",
        "from=2026-01-02",
        "from=2010-01-01",
        "from=2025-12-01&from=2025-12-02",
        "to=2026-02-31",
        "limit=0",
        "limit=1001",
        "format=xml",
    ],
)
async def test_questions_without_an_answer(query: str) -> None:
    """
    What a report cannot be asked is refused and named, a name with a typo too.
    """
    async with running_reports() as reports:
        headers = bearer(**ADMIN)
        answer = await reports.client.get(f"/api/v1/reports/top-products?{query}", headers=headers)

    assert answer.status_code == 422
    problems = answer.json()["error"]["details"]["problems"]
    assert query.partition("=")[0] in problems[0]["field"]


async def test_form_that_there_is_not() -> None:
    """
    A client that takes neither JSON nor CSV is told so.
    """
    async with running_reports() as reports:
        answer = await reports.get("orders", accept="text/html")

    assert answer.status_code == 406
    assert answer.json()["error"]["details"]["forms"] == ["application/json", "text/csv"]


async def test_orders_as_they_are_kept() -> None:
    """
    What the checkout keeps of orders is what reports tell of them.
    """
    backends = FakeBackends.selling("A-1", "B-1", stock=3, codes={"TEN": Code(10)})
    async with running_checkout(backends) as shop:
        sold = (await shop.order({"A-1": 2, "B-1": 1}, codes=["TEN"])).json()
        cancelled = (await shop.order({"B-1": 1})).json()
        await shop.cancel(cancelled["orderId"])
        refused = (await shop.order({"A-1": 9})).json()["error"]["details"]["orderId"]

        async def told(report: str) -> list[dict[str, Any]]:
            path = f"/api/v1/reports/{report}"
            # The shop's clock stands still: its orders are of now, which a span leaves out.
            span = {"from": "2026-01-01", "to": "2026-01-02"}
            answer = await shop.client.get(path, params=span, headers=ADMINISTRATOR)
            items: list[dict[str, Any]] = answer.json()["items"]
            return items

        orders, products = await told("orders"), await told("top-products")
        discounts, troubles = await told("discounts"), await told("troubles")

    by_status = {one["status"]: one for one in orders}
    assert by_status["CONFIRMED"]["revenue"] == sold["totalPrice"]
    assert by_status["CANCELLED"]["cancelled"] == cancelled["totalPrice"]
    assert {one["productId"]: one["units"] for one in products} == {"A-1": 2, "B-1": 1}
    assert [(one["code"], one["amount"]) for one in discounts] == [
        ("TEN", sold["discounts"][0]["amount"])
    ]
    reasons = {one["orderId"]: (one["status"], one["reasonCode"]) for one in troubles}
    assert reasons == {
        refused: ("REJECTED", "OUT_OF_STOCK"),
        cancelled["orderId"]: ("CANCELLED", None),
    }
    assert all(one["owner"] == "shopper-1" and one["steps"] for one in troubles)


async def test_no_writer_waits(reports: RunningReports) -> None:
    """
    While a report is read, orders are written; it does not tell of them.
    """
    placed = [Placed(id=f"{n:04}", status="FAILED", currency=None) for n in range(150)]
    await reports.place(*placed)
    found = Sales(reports.database).troubles(Span(YESTERDAY, NOON))

    told = [one.order_id for one in await anext(found)]
    await reports.place(Placed(id="later", status="FAILED", currency=None))
    told += [one.order_id async for batch in found for one in batch]

    assert told == [one.id for one in placed]
