"""
What clients may keep of an answer, and what the catalog keeps for when it cannot read.
"""

import asyncio

import pytest
from catalog_app import AGE_LIMIT_S, running_catalog, three_products
from fake_backends import Held

from servicekit.testing import eventually


@pytest.mark.parametrize("path", ["/products/A-1", "/products?category=food", "/categories"])
async def test_a_client_that_has_the_answer_is_told_so(path: str) -> None:
    """
    304 without a body but with the tag, until something changes.
    """
    async with running_catalog(three_products()) as running:
        first = await running.get(path)
        known = {"If-None-Match": f'"other", W/{first.headers["ETag"]}'}
        again = await running.get(path, headers=known)
        for one in running.backends.inventory.products.values():
            one["name"], one["category"] = "new", "food"
        changed = await running.get(path, headers=known)

    assert first.headers["Cache-Control"] == "no-cache"
    assert (again.status_code, again.content) == (304, b"")
    assert (again.headers["ETag"], again.headers["Cache-Control"]) == (
        first.headers["ETag"],
        "no-cache",
    )
    assert changed.status_code == 200
    assert changed.headers.get("ETag") != first.headers["ETag"]


@pytest.mark.parametrize("path", ["/products/A-1", "/products?category=food", "/categories"])
async def test_head_is_get_without_a_body(path: str) -> None:
    """
    The same headers, and conditional too.
    """
    async with running_catalog(three_products()) as running:
        got = await running.get(path)
        headed = await running.client.head(f"/api/v1{path}")
        known = {"If-None-Match": "*"}
        unchanged = await running.client.head(f"/api/v1{path}", headers=known)

    assert (headed.status_code, headed.content) == (200, b"")
    for name in ("ETag", "Content-Length", "Cache-Control"):
        assert headed.headers[name] == got.headers[name]
    assert unchanged.status_code == 304


@pytest.mark.parametrize("path", ["/products/C-1", "/products"])
async def test_what_is_incomplete_is_not_kept(path: str) -> None:
    """
    No tag, no 304 and no storing: what is missing may be there a moment later.
    """
    async with running_catalog(three_products()) as running:
        answer = await running.get(path, headers={"If-None-Match": "*"})

    assert (answer.status_code, answer.json()["complete"]) == (200, False)
    assert "ETag" not in answer.headers
    assert answer.headers["Cache-Control"] == "no-store"


async def test_nothing_is_told_past_its_bound() -> None:
    """
    What was read longer ago than the bound stands in for nothing.
    """
    async with running_catalog(three_products()) as running:
        await running.get("/products/A-1")
        running.backends.pricing.fail_always(500)
        running.clock.advance(AGE_LIMIT_S - 1)
        stale = (await running.get("/products/A-1")).json()
        running.clock.advance(1)
        gone = (await running.get("/products/A-1")).json()

    assert (stale["price"], stale["unavailable"][0]["ageSeconds"]) == ("5.00", AGE_LIMIT_S - 1)
    assert (gone["price"], gone["unavailable"][0]["stale"]) == (None, False)


async def test_a_removed_product_is_forgotten() -> None:
    """
    Once inventory has said that there is no such product, nothing of it is told again.
    """
    async with running_catalog(three_products()) as running:
        await running.get("/products/A-1")
        del running.backends.inventory.products["A-1"]
        removed = await running.get("/products/A-1")
        running.backends.inventory.fail_always(500)
        running.backends.pricing.fail_always(500)
        down = await running.get("/products/A-1")

    assert (removed.status_code, down.status_code) == (404, 503)


async def test_a_removed_product_does_not_come_back_by_an_answer_that_was_slow() -> None:
    """
    An answer from before the removal that arrives after it is for its own caller, and not kept.
    """
    async with running_catalog(three_products()) as running:
        inventory = running.backends.inventory
        before = inventory.products.pop("A-1")
        inventory.fail_next(held := Held())
        slow = asyncio.create_task(running.get("/products/A-1"))
        await eventually(lambda: inventory.calls == 1)
        running.clock.advance(1)
        removed = await running.get("/products/A-1")
        inventory.products["A-1"] = before
        held.release()
        late = await slow
        inventory.fail_always(500)
        running.backends.pricing.fail_always(500)
        down = await running.get("/products/A-1")

    assert (removed.status_code, late.status_code, down.status_code) == (404, 200, 503)


async def test_a_withdrawn_price_is_forgotten() -> None:
    """
    Once pricing has said that there is no price, an old one is never shown again.
    """
    async with running_catalog(three_products()) as running:
        await running.get("/products/A-1")
        del running.backends.pricing.prices["A-1"]
        await running.get("/products/A-1")
        running.backends.pricing.fail_always(500)
        down = (await running.get("/products/A-1")).json()

    assert (down["price"], down["unavailable"][0]["reason"]) == (None, "UPSTREAM_ERROR")


async def test_a_page_teaches_what_is_known_of_its_products() -> None:
    """
    What was seen on a page stands in for a product that is asked for alone.
    """
    async with running_catalog(three_products()) as running:
        await running.get("/products")
        running.backends.inventory.fail_always(500)
        answer = (await running.get("/products/A-1")).json()

    assert (answer["name"], answer["price"], answer["complete"]) == ("Red lamp", "5.00", False)
