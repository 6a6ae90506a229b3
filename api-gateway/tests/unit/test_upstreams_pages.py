"""
What is made of whatever inventory answers to a question for a page, or for the categories.
"""

from collections.abc import Callable
from typing import Any

import httpx
import orjson
import pytest
from fake_backends import FakeBackends, product

from gateway.upstreams.inventory import Inventory, Search
from servicekit.errors import UpstreamFailed, UpstreamRefused
from servicekit.http import Policy

SEARCH = Search(page=2, size=2, category="home")
GOOD: dict[str, Any] = {
    "items": [product("A-3"), product("A-4")],
    "page": 2,
    "size": 2,
    "total": 5,
    "pages": 3,
}


@pytest.fixture
def backends() -> FakeBackends:
    """
    An inventory of five products.
    """
    return FakeBackends.selling("A-1", "A-2", "A-3", "A-4", "A-5")


@pytest.fixture
def inventory(backends: FakeBackends) -> Inventory:
    """
    How it is asked.
    """
    return Inventory(backends.inventory_client(policy=Policy(max_attempts=1)))


async def test_a_page_is_one_call(backends: FakeBackends, inventory: Inventory) -> None:
    """
    What is looked for is sent as it is, and what is not looked for is not sent.
    """
    await inventory.page(Search(1, 20))
    await inventory.page(Search(2, 3, category="home", q="a&b=ü", sort="-name", is_in_stock=True))

    assert [dict(request.url.params) for request in backends.inventory.asked] == [
        {"page": "1", "size": "20"},
        {
            "page": "2",
            "size": "3",
            "category": "home",
            "q": "a&b=ü",
            "sort": "-name",
            "inStock": "true",
        },
    ]


async def test_a_good_page_is_read(backends: FakeBackends, inventory: Inventory) -> None:
    """
    The page on which the tests below stand is as good as a page can be.
    """
    backends.inventory.fail_always(orjson.dumps(GOOD))

    page = await inventory.page(SEARCH)

    assert [one.id for one in page.items] == ["A-3", "A-4"]
    assert (page.page, page.size, page.total, page.pages) == (2, 2, 5, 3)


async def test_a_total_of_a_moment_ago_is_no_fault(
    backends: FakeBackends, inventory: Inventory
) -> None:
    """
    Products come and go while they are counted.
    """
    backends.inventory.fail_always(orjson.dumps(GOOD | {"total": 0, "pages": 0}))

    assert len((await inventory.page(SEARCH)).items) == 2


def items(*products: object) -> dict[str, Any]:
    """
    The page with other products on it.
    """
    return GOOD | {"items": products}


@pytest.mark.parametrize(
    "body",
    {
        "nothing": b"",
        "a page for people": b"<html>",
        "a list": orjson.dumps(GOOD["items"]),
        "half a page": orjson.dumps(GOOD)[:-20],
        "no items": orjson.dumps(GOOD | {"items": None}),
        "no total": orjson.dumps({"items": [], "page": 2, "size": 2, "pages": 0}),
        "a total below zero": orjson.dumps(GOOD | {"total": -1}),
        "a total as text": orjson.dumps(GOOD | {"total": "5"}),
        "another page": orjson.dumps(GOOD | {"page": 1}),
        "another size": orjson.dumps(GOOD | {"size": 3}),
        "more than asked for": orjson.dumps(items(*map(product, ["A-3", "A-4", "A-5"]))),
        "a product twice": orjson.dumps(items(product("A-3"), product("A-3"))),
        "another category": orjson.dumps(items(product("A-3"), product("A-4", category="toys"))),
        "an id with a comma": orjson.dumps(items(product("A-3,A-4"))),
        "an empty id": orjson.dumps(items(product(""))),
        "an id that leads elsewhere": orjson.dumps(items(product("../A-3"))),
        "an id with a line's end": orjson.dumps(items(product("A-3\n"))),
        "a product with a field less": orjson.dumps(items(product("A-3"), {"id": "A-4"})),
        "more available than there is": orjson.dumps(items(product("A-3", available=11))),
        "lists without end": b'{"items":' + b"[" * 100_000,
    }.items(),
    ids=lambda named: named[0],
)
async def test_a_page_that_was_not_asked_for_is_not_used(
    body: tuple[str, bytes], backends: FakeBackends, inventory: Inventory
) -> None:
    """
    A page with anything wrong on it is a failure of inventory: no product is left out in silence.
    """
    backends.inventory.fail_always(body[1])

    with pytest.raises(UpstreamFailed):
        await inventory.page(SEARCH)


async def test_categories_are_counted(backends: FakeBackends, inventory: Inventory) -> None:
    """
    Each by its name, with the number of its products.
    """
    backends.inventory.products["A-1"] = product("A-1", category="books")

    assert await inventory.categories() == [("books", 1), ("home", 4)]
    assert backends.inventory.calls == 1


@pytest.mark.parametrize(
    "told",
    [
        None,
        [],
        {"items": None},
        {"items": ["home"]},
        {"items": [{"name": "home"}]},
        {"items": [{"name": "home", "count": -1}]},
        {"items": [{"name": None, "count": 1}]},
        {"items": [{"name": "home", "count": 1}, {"name": "home", "count": 2}]},
    ],
    ids=str,
)
async def test_categories_that_are_none_are_not_used(
    told: object, backends: FakeBackends, inventory: Inventory
) -> None:
    """
    Of a list of categories that is broken nothing is shown.
    """
    backends.inventory.fail_always(orjson.dumps(told))

    with pytest.raises(UpstreamFailed):
        await inventory.categories()


Ask = Callable[[Inventory], Any]


@pytest.mark.parametrize(
    "ask", [lambda i: i.page(SEARCH), lambda i: i.categories()], ids=["a page", "categories"]
)
async def test_what_the_client_says_is_passed_on(
    ask: Ask, backends: FakeBackends, inventory: Inventory
) -> None:
    """
    A refusal stays one; what fails on the way, or is no answer by its status, is a failure.
    """
    backends.inventory.fail_next(
        422,
        500,
        httpx.ConnectError("no"),
        lambda _: httpx.Response(302, content=orjson.dumps(GOOD)),
    )

    with pytest.raises(UpstreamRefused):
        await ask(inventory)
    for _ in range(3):
        with pytest.raises(UpstreamFailed):
            await ask(inventory)
