"""
What the stock is worth, whatever inventory and pricing tell, also while they change.
"""

from collections.abc import Callable, Iterable
from typing import Any

import httpx
import orjson
import pytest
from fake_backends import FakeBackends, price, product
from reports_app import RunningReports, running_reports

IDS = [f"P-{number:04}" for number in range(450)]


def shop(ids: Iterable[str] = IDS) -> FakeBackends:
    """
    Products of which there are two each, at 1.50 USD.
    """
    chosen = [*ids]
    return FakeBackends(
        products={one: product(one, stock=2) for one in chosen},
        prices={one: price(one, "1.50") for one in chosen},
    )


def ids_of(answer: httpx.Response) -> list[str]:
    """
    The products that an answer tells of.
    """
    assert answer.status_code == 200, answer.text
    return [item["productId"] for item in answer.json()["items"]]


async def test_value_of_every_page() -> None:
    """
    Every product is in the sum, by one call to inventory and one to pricing for each 200.
    """
    async with running_reports(shop()) as reports:
        answer = await reports.get("stock-value")

    told = answer.json()
    assert ids_of(answer) == IDS
    assert told["totals"] == [
        {"currency": "USD", "products": 450, "units": 900, "value": "1350.00"}
    ]
    assert (told["complete"], told["lacking"]) == (True, {"NO_PRICE": 0, "UNREADABLE": 0})
    assert [len(ids) for ids in reports.backends.pricing.asked_ids] == [200, 200, 50]
    assert reports.backends.inventory.calls == 3


async def test_products_that_cannot_be_valued() -> None:
    """
    A product without a price, or with one that cannot be read, is listed and counted as such.
    """
    backends = FakeBackends(
        products={one: product(one, stock=3, reserved=1) for one in ("A-1", "B-1", "C-1")},
        prices={"A-1": price("A-1", "0.10"), "B-1": price("B-1", "-4")},
    )

    async with running_reports(backends) as reports:
        told = (await reports.get("stock-value")).json()

    lines = {one["productId"]: (one["price"], one["value"], one["lack"]) for one in told["items"]}
    assert lines == {
        "A-1": ("0.10", "0.30", None),
        "B-1": (None, None, "UNREADABLE"),
        "C-1": (None, None, "NO_PRICE"),
    }
    assert (told["complete"], told["lacking"]) == (False, {"NO_PRICE": 1, "UNREADABLE": 1})
    assert told["totals"] == [{"currency": "USD", "products": 1, "units": 3, "value": "0.30"}]


async def test_values_are_exact() -> None:
    """
    Products and sums of the largest amounts are exact, each currency for itself.
    """
    most = 2**53 - 1
    backends = FakeBackends(
        products={one: product(one, stock=most) for one in ("A-1", "B-1", "C-1")},
        prices={
            "A-1": price("A-1", "999999999999999999.999999"),
            "B-1": price("B-1", "0.000001"),
            "C-1": price("C-1", "7", "JPY"),
        },
    )

    async with running_reports(backends) as reports:
        told = (await reports.get("stock-value")).json()

    values = {one["currency"]: one["value"] for one in told["totals"]}
    assert values == {"USD": f"{most}000000000000000000.000000", "JPY": str(7 * most)}


def removing(reports: RunningReports, *ids: str) -> Callable[[httpx.Request], httpx.Response]:
    """
    A page of inventory, before which these products are removed.
    """

    def answered(request: httpx.Request) -> httpx.Response:
        for one in ids:
            reports.backends.inventory.products.pop(one, None)
        return reports.backends.inventory.listed(request)

    return answered


@pytest.mark.parametrize("n_removed", [1, 199, 200, 201, 399])
async def test_removed_while_it_is_read(n_removed: int) -> None:
    """
    Where products are removed between two pages, none of those that stay is missed or counted twice.
    """
    removed = IDS[:n_removed]
    async with running_reports(shop()) as reports:
        reports.backends.inventory.fail_next(None, None, removing(reports, *removed))
        found = ids_of(await reports.get("stock-value"))

    assert found == IDS


async def test_added_while_it_is_read() -> None:
    """
    Where products are added between two pages, none is counted twice.
    """
    async with running_reports(shop()) as reports:

        def adding(request: httpx.Request) -> httpx.Response:
            reports.backends.inventory.products["A-1"] = product("A-1")
            return reports.backends.inventory.listed(request)

        reports.backends.inventory.fail_next(None, adding)
        found = ids_of(await reports.get("stock-value"))

    assert found == IDS


@pytest.mark.parametrize("upstream", ["inventory", "pricing"])
async def test_a_backend_that_fails_at_once(upstream: str) -> None:
    """
    Where a backend fails before anything is told, the answer is an error and no report.
    """
    async with running_reports(shop()) as reports:
        getattr(reports.backends, upstream).fail_always(503)
        answer = await reports.get("stock-value")

    assert answer.status_code == 502
    assert answer.json()["error"]["details"] == {"upstream": f"{upstream}-reports"}


async def test_an_unreadable_page() -> None:
    """
    A page of inventory that cannot be read is no reason to tell of the others alone.
    """
    broken: Any = {"items": [{"id": "A-1"}], "page": 1, "size": 200, "total": 1, "pages": 1}
    async with running_reports(shop()) as reports:
        reports.backends.inventory.fail_always(orjson.dumps(broken))
        answer = await reports.get("stock-value")

    assert answer.status_code == 502
