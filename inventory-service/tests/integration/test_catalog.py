"""
Reading the catalog: by page, by ids, by words; and pictures.
"""

from typing import Any
from xml.etree import ElementTree as ET

import pytest
from inventory_app import RunningInventory
from pydantic import TypeAdapter

from inventory.ledger.schemas import MovementsResponse
from inventory.products.schemas import CategoriesResponse, ProductResponse, ProductsResponse


async def found(shop: RunningInventory, **query: object) -> list[str]:
    """
    The ids that a list holds.
    """
    answer = await shop.public.get("/products", params={"size": 200} | query)  # type: ignore[arg-type]  # httpx takes any value
    assert answer.status_code == 200, answer.text
    return [item["id"] for item in answer.json()["items"]]


async def some(shop: RunningInventory, ids: str) -> Any:  # noqa: ANN401  # any JSON
    """
    What is answered to a list of ids.
    """
    answer = await shop.public.get("/products", params={"ids": ids})
    assert answer.status_code == 200, answer.text
    return answer.json()


async def test_the_catalog_has_pages(shop: RunningInventory) -> None:
    """
    Pages do not overlap, hold everything, and know how many there are; one too far is empty.
    """
    pages = [
        (await shop.public.get("/products", params={"page": page, "size": 25})).json()
        for page in (1, 2, 3, 4)
    ]

    assert [len(page["items"]) for page in pages] == [25, 25, 10, 0]
    assert {(page["total"], page["pages"], page["size"]) for page in pages} == {(60, 3, 25)}
    ids = [item["id"] for page in pages for item in page["items"]]
    assert ids == [f"TEST-{number:03}" for number in range(1, 61)]


async def test_an_empty_catalog_is_a_list(inventory: RunningInventory) -> None:
    """
    Without products there are no pages, and no error.
    """
    empty = {"items": [], "page": 1, "size": 20, "total": 0, "pages": 0}
    assert (await inventory.public.get("/products")).json() == empty
    assert (await inventory.merchant.get("/stock/low")).json() == empty
    assert (await inventory.public.get("/categories")).json() == {"items": []}


async def test_filters_are_combined(shop: RunningInventory) -> None:
    """
    Category, words and stock narrow a list together.
    """
    assert await found(shop, category="books") == [f"TEST-{number:03}" for number in range(21, 31)]
    assert await found(shop, category="nothing") == []
    assert await found(shop, q="MONITOR") == ["TEST-002"]
    assert await found(shop, q="test-060") == ["TEST-060"]
    assert "TEST-010" not in await found(shop, inStock="true")
    assert len(await found(shop, inStock="true")) == 58
    assert await found(shop, q="webcam", inStock="true", category="electronics") == []


async def test_words_are_taken_literally(inventory: RunningInventory) -> None:
    r"""
    ``%``, ``_`` and ``\`` are letters like others; case does not count in any script.
    """
    await inventory.product("a", name="100% wool")
    await inventory.product("b", name="100 wool")
    await inventory.product("c", name="snake_case", description="ΑΒΓ Straße")

    assert await found(inventory, q="0%") == ["a"]
    assert await found(inventory, q="e_c") == ["c"]
    assert await found(inventory, q="%") == ["a"]
    assert await found(inventory, q="_") == ["c"]
    assert await found(inventory, q="\\") == []
    assert await found(inventory, q="αβγ STRASSE") == ["c"]
    assert await found(inventory, q="'; DROP TABLE products; --") == []


@pytest.mark.parametrize(
    ("sort", "ids"),
    [
        ("id", ["A", "a", "b", "c"]),
        ("-id", ["c", "b", "a", "A"]),
        ("name", ["b", "A", "a", "c"]),
        ("-name", ["c", "A", "a", "b"]),
        ("available", ["c", "A", "b", "a"]),
        ("-available", ["a", "A", "b", "c"]),
        ("updatedAt", ["A", "a", "c", "b"]),
        ("-updatedAt", ["b", "A", "a", "c"]),
    ],
)
async def test_lists_are_sorted_alike_everywhere(
    inventory: RunningInventory, sort: str, ids: list[str]
) -> None:
    """
    Both databases sort alike; what is equal stands by id.
    """
    await inventory.product("c", name="zebra", stock=1)
    await inventory.product("a", name="Ärmel", stock=9)
    await inventory.product("b", name="apple", stock=5)
    await inventory.product("A", name="ärmel", stock=3)
    inventory.clock.advance(1)
    await inventory.reserve("o-1", "b", 2)

    assert await found(inventory, sort=sort) == ids


async def test_ids_keep_their_order(shop: RunningInventory) -> None:
    """
    Products come in the order asked for, each once, and unknown ones are left out.
    """
    answer = await some(shop, "TEST-007,nobody,TEST-003,TEST-007,TEST-060")

    assert [item["id"] for item in answer["items"]] == ["TEST-007", "TEST-003", "TEST-060"]
    assert (answer["page"], answer["total"], answer["pages"]) == (1, 3, 1)
    assert (await some(shop, "nobody"))["items"] == []
    every = ",".join(f"TEST-{number:03}" for number in range(200, 0, -1))
    assert len((await some(shop, every))["items"]) == 60


@pytest.mark.parametrize(
    "query",
    [
        {"ids": ""},
        {"ids": ","},
        {"ids": "a,,b"},
        {"ids": "a b"},
        {"ids": "x" * 65},
        {"ids": "a,.."},
        {"category": "x" * 41},
        {"ids": ",".join(str(number) for number in range(201))},
        {"ids": "a" * 20_001},
        {"ids": "a", "q": "b"},
        {"ids": "a", "category": "b"},
        {"ids": "a", "page": "1"},
        {"ids": "a", "sort": "id"},
        {"ids": "a", "inStock": "false"},
        {"page": "0"},
        {"size": "201"},
        {"size": "0"},
        {"sort": "price"},
        {"q": "a\u0000"},
        {"q": "x" * 101},
        {"inStock": "perhaps"},
    ],
)
async def test_bad_queries_are_refused(shop: RunningInventory, query: dict[str, str]) -> None:
    """
    A query that cannot be meant is 422 and says where.
    """
    answer = await shop.public.get("/products", params=query)

    assert answer.status_code == 422, answer.text
    (problem, *_) = answer.json()["error"]["details"]["problems"]
    assert problem["field"].startswith("query.")


async def test_categories_are_counted(shop: RunningInventory) -> None:
    """
    Six categories of ten.
    """
    answer = (await shop.public.get("/categories")).json()

    names = ["books", "clothing", "electronics", "home", "sports", "toys"]
    assert answer["items"] == [{"name": name, "count": 10} for name in names]


async def test_low_stock_is_told(shop: RunningInventory) -> None:
    """
    Products at or below the threshold, the fewest first; what orders hold is not available.
    """
    low = (await shop.merchant.get("/stock/low", params={"size": 200})).json()["items"]
    none = (await shop.merchant.get("/stock/low", params={"threshold": 0})).json()["items"]
    await shop.reserve("o-1", "TEST-002", 35)
    after = (await shop.merchant.get("/stock/low", params={"threshold": 0})).json()["items"]

    available = [item["available"] for item in low]
    assert available == sorted(available)
    assert max(available) <= 5
    assert len(none) == 2
    assert [item["id"] for item in after if item not in none] == ["TEST-002"]


async def test_pictures_are_drawn(shop: RunningInventory) -> None:
    """
    Every imageUrl of the demo leads to a picture that a browser may keep and cannot run.
    """
    products = (await shop.public.get("/products", params={"size": 3})).json()["items"]
    for product in products:
        picture = await shop.public.get(f"http://inventory{product['imageUrl']}")
        assert picture.status_code == 200
        assert picture.headers["content-type"] == "image/svg+xml"
        assert picture.headers["cache-control"] == "public, max-age=3600"
        assert "sandbox" in picture.headers["content-security-policy"]
        assert ET.fromstring(picture.text).tag.endswith("svg")
    assert (await shop.public.get("http://inventory/pictures/nobody.svg")).status_code == 404


async def test_a_picture_of_a_hostile_name_is_harmless(inventory: RunningInventory) -> None:
    """
    A name is text in a picture, whatever it holds.
    """
    await inventory.product("evil", name="</text><script>alert(1)</script>")
    picture = await inventory.public.get("http://inventory/pictures/evil.svg")

    assert "<script" not in picture.text
    assert ET.fromstring(picture.text) is not None


async def test_what_is_sent_is_what_is_described(shop: RunningInventory) -> None:
    """
    Answers that go from rows to JSON directly are valid, field by field, against the models that
    OpenAPI shows.
    """
    await shop.reserve("o-1", "TEST-002", 3)
    for client, path, model in (
        (shop.public, "/products/TEST-002", ProductResponse),
        (shop.public, "/products?size=200", ProductsResponse),
        (shop.public, "/products?ids=TEST-002", ProductsResponse),
        (shop.public, "/categories", CategoriesResponse),
        (shop.merchant, "/stock/low", ProductsResponse),
        (shop.merchant, "/products/TEST-002/movements", MovementsResponse),
    ):
        sent = await client.get(path)
        adapter = TypeAdapter[Any](model)
        described = adapter.validate_json(sent.content, strict=True, extra="forbid")
        assert adapter.dump_json(described, by_alias=True) == sent.content, path
