"""
The catalog's routes: what they take, what they tell, and what they refuse.
"""

from typing import Any

import httpx
import pytest
from catalog_app import running_catalog, three_products
from gateway_app import bearer, client_of

from gateway.catalog.schemas import (
    BulkCheckResponse,
    CatalogPageResponse,
)


def problems_of(answer: httpx.Response) -> list[str]:
    """
    Which fields a refusal names.
    """
    assert answer.status_code == 422, answer.text
    assert answer.json()["error"]["code"] == "INVALID_REQUEST"
    return [one["field"] for one in answer.json()["error"]["details"]["problems"]]


async def test_a_product_is_what_both_services_tell() -> None:
    """
    Inventory's fields as they are, and the price as the decimal that pricing wrote.
    """
    async with running_catalog(three_products()) as running:
        answer = await running.get("/products/B-1")

    assert answer.headers["Content-Type"] == "application/json"
    told = answer.json()
    assert told == running.backends.inventory.products["B-1"] | {
        "price": "12.345",
        "currency": "KWD",
        "complete": True,
        "unavailable": [],
    }


@pytest.mark.parametrize(
    ("query", "ids", "total", "pages"),
    [
        ({}, ["A-1", "B-1", "C-1"], 3, 1),
        ({"size": 2}, ["A-1", "B-1"], 3, 2),
        ({"size": 2, "page": 2}, ["C-1"], 3, 2),
        ({"size": 2, "page": 3}, [], 3, 2),
        ({"size": 1, "page": 3}, ["C-1"], 3, 3),
        ({"category": "lamps"}, ["A-1", "C-1"], 2, 1),
        ({"category": "nothing"}, [], 0, 0),
        ({"q": "BLUE"}, ["C-1"], 1, 1),
        ({"q": "äpfel"}, ["B-1"], 1, 1),
        ({"sort": "-id"}, ["C-1", "B-1", "A-1"], 3, 1),
        ({"sort": "name", "category": "lamps"}, ["C-1", "A-1"], 2, 1),
        ({"inStock": "true"}, ["A-1", "C-1"], 2, 1),
        ({"inStock": "false"}, ["A-1", "B-1", "C-1"], 3, 1),
    ],
)
async def test_pages_hold_what_is_searched_for(
    query: dict[str, Any], ids: list[str], total: int, pages: int
) -> None:
    """
    Page, size, category, words, order and stock reach inventory, and its page comes back.
    """
    async with running_catalog(three_products()) as running:
        answer = await running.get("/products", **query)

    page = answer.json()
    CatalogPageResponse.model_validate(page)
    assert [item["id"] for item in page["items"]] == ids
    assert (page["total"], page["pages"]) == (total, pages)
    assert (page["page"], page["size"]) == (query.get("page", 1), query.get("size", 20))
    assert running.calls[1] == (1 if ids else 0)


@pytest.mark.parametrize(
    ("query", "fields"),
    [
        ("page=0", ["query.page"]),
        ("page=100001", ["query.page"]),
        ("page=x", ["query.page"]),
        ("size=0", ["query.size"]),
        ("size=101", ["query.size"]),
        ("sort=price", ["query.sort"]),
        ("inStock=maybe", ["query.inStock"]),
        ("category=" + "x" * 41, ["query.category"]),
        ("q=" + "x" * 101, ["query.q"]),
        ("q=%00", ["query.q"]),
        ("categroy=lamps", ["query.categroy"]),
        ("Category=lamps&size=2&foo=", ["query.Category", "query.foo"]),
        ("ids=A-1", ["query.ids"]),
        ("page=1&page=2&size=3&size=3", ["query.page", "query.size"]),
        ("q=a&q=b&foo", ["query.foo", "query.q"]),
    ],
)
async def test_a_query_with_a_fault_is_refused(query: str, fields: list[str]) -> None:
    """
    Values out of bounds, names that nobody knows and names that stand twice: all are named.
    """
    async with running_catalog(three_products()) as running:
        answer = await running.get(f"/products?{query}")

    assert problems_of(answer) == fields
    assert running.calls == (0, 0)


@pytest.mark.parametrize("path", ["/products/A-1", "/categories"])
async def test_what_takes_no_query_refuses_one(path: str) -> None:
    """
    Nothing is ignored: a caller learns that a parameter does nothing here.
    """
    async with running_catalog(three_products()) as running:
        assert problems_of(await running.get(f"{path}?currency=EUR")) == ["query.currency"]


@pytest.mark.parametrize("bad", [".", "-a", "a b", "x" * 65, "a,b", "ä", "a%2Fb", "a'--"])
async def test_a_bad_id_is_refused(bad: str) -> None:
    """
    What can be no product's id is not asked for.
    """
    async with running_catalog(three_products()) as running:
        one = await running.client.get(
            f"/api/v1/products/{bad}" if bad != "." else "/api/v1/products/%2e"
        )
        checked = await running.check("A-1", bad)

    assert one.status_code in {404, 422}
    assert problems_of(checked) == ["body.productIds[1]"]
    assert running.calls == (0, 0)


@pytest.mark.parametrize("reserved", ["quote", "quotes", "calculate", "Quote"])
async def test_an_id_that_pricing_refuses_spoils_no_batch(reserved: str) -> None:
    """
    Whoever asks for a product called like an address of pricing is told that there is none.
    """
    async with running_catalog(three_products()) as running:
        answer = await running.check("A-1", reserved)

    assert [line["status"] for line in answer.json()["items"]] == ["found", "missing"]
    assert answer.json()["items"][0]["product"]["complete"]


@pytest.mark.parametrize("ids", [[], ["A-1"] * 201])
async def test_a_bulk_check_has_bounds(ids: list[str]) -> None:
    """
    One to two hundred ids.
    """
    async with running_catalog(three_products()) as running:
        assert problems_of(await running.check(*ids)) == ["body.productIds"]


async def test_a_bulk_check_answers_each_line() -> None:
    """
    In the order asked for, what stands twice twice, each with its own verdict.
    """
    async with running_catalog(three_products()) as running:
        answer = await running.check("C-1", "X-1", "A-1", "C-1")

    BulkCheckResponse.model_validate(answer.json())
    told = [
        (line["productId"], line["status"], line["reason"], (line["product"] or {}).get("price"))
        for line in answer.json()["items"]
    ]
    assert told == [
        ("C-1", "found", None, None),
        ("X-1", "missing", "NOT_FOUND", None),
        ("A-1", "found", None, "5.00"),
        ("C-1", "found", None, None),
    ]
    assert answer.json()["complete"] is False
    assert running.backends.pricing.asked_ids == [["C-1", "X-1", "A-1"]]


async def test_the_categories_are_told() -> None:
    """
    Each with its number of products; from before where inventory cannot be read, and flagged.
    """
    async with running_catalog(three_products()) as running:
        fresh = await running.get("/categories")
        running.backends.inventory.fail_always(500)
        running.clock.advance(7)
        stale = await running.get("/categories")

    items = [{"name": "food", "count": 1}, {"name": "lamps", "count": 2}]
    assert fresh.json() == {"items": items, "complete": True, "unavailable": []}
    lack = {"part": "inventory", "reason": "UPSTREAM_ERROR", "stale": True, "ageSeconds": 7}
    assert stale.json() == {"items": items, "complete": False, "unavailable": [lack]}
    assert (fresh.headers.get("ETag") is None, stale.headers.get("ETag")) == (False, None)


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/products"),
        ("GET", "/products/A-1"),
        ("POST", "/products/bulk-check"),
        ("GET", "/categories"),
    ],
)
async def test_reading_needs_the_scope_read(method: str, path: str) -> None:
    """
    A token without it is refused, whatever it asks for.
    """
    async with running_catalog(three_products()) as running:
        answer = await running.client.request(
            method, f"/api/v1{path}", headers=bearer(scope="write"), json={"productIds": ["A-1"]}
        )

    assert answer.status_code == 403
    assert running.calls == (0, 0)


async def test_the_lookups_are_counted() -> None:
    """
    /metrics tells lookups and calls by upstream, lists, and what answers lacked.
    """
    async with running_catalog(three_products()) as running:
        await running.check("A-1", "A-1", "C-1")
        await running.get("/products")
        text = (await running.client.get("/metrics")).text

    assert 'catalog_lookups_total{upstream="inventory"} 3.0' in text
    assert 'catalog_keys_total{upstream="inventory"} 2.0' in text
    assert 'catalog_calls_total{upstream="pricing"} 2.0' in text
    assert 'catalog_lists_total{counted="calls",list="page"} 1.0' in text
    assert 'catalog_lacks_total{part="pricing",reason="NOT_FOUND",stale="false"} 2.0' in text


async def test_what_a_product_lacks_is_counted_also_where_nothing_is_left() -> None:
    """
    The worst answer, an error, counts like one that lacks a part; a 404 lacks nothing.
    """
    async with running_catalog(three_products()) as running:
        await running.get("/products/X-1")
        running.backends.inventory.fail_always(500)
        running.backends.pricing.fail_always(500)
        await running.get("/products/A-1")
        lacks = dict(running.catalog.lacks)

    assert lacks == {
        ("inventory", "UPSTREAM_ERROR", False): 1,
        ("pricing", "UPSTREAM_ERROR", False): 1,
    }


async def test_a_closed_catalog_says_that_it_is_not_available() -> None:
    """
    What is asked of it while the process ends is 503, and no crash.
    """
    async with running_catalog(three_products()) as running:
        await running.catalog.aclose()
        async with client_of(running.app) as client:
            one = await client.get("/api/v1/products/A-1")
            page = await client.get("/api/v1/products")

    assert (one.status_code, page.status_code) == (503, 503)
