"""
The inventory service as far as the gateway asks it, held to the real one by the contract tests.
"""

import re
import unicodedata
from collections.abc import Callable, Mapping
from typing import Any, Final

import httpx
from fake_stock import FakeStock
from fake_upstream import FakeUpstream, invalid, json_answer, wrong_params

from servicekit.clock import Now
from servicekit.testing.clock import FakeClock

_IS_ID: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}").fullmatch
_CONTROL: Final = frozenset({"Cc", "Cs"})
_OF_A_PAGE: Final = ("page", "size", "category", "q", "sort", "inStock")

Product = dict[str, Any]


def product(product_id: str, *, stock: int = 10, reserved: int = 0, **changed: object) -> Product:
    """
    A product as inventory tells it; ``changed`` by the names that stand in JSON.
    """
    return {
        "id": product_id,
        "sku": product_id,
        "name": f"Product {product_id}",
        "description": f"What {product_id} is.",
        "category": "home",
        "imageUrl": f"/pictures/{product_id}.svg",
        "stockLevel": stock,
        "reserved": reserved,
        "available": stock - reserved,
        "updatedAt": "2026-01-01T12:00:00Z",
    } | changed


class FakeInventory(FakeUpstream):
    """
    Tells of ``products``, which a test may change at any time, and moves their stock for orders. By
    itself it has a clock that stands still.
    """

    def __init__(self, products: Mapping[str, Product], now: Now | None = None) -> None:
        self.products = dict(products)
        self.stock = FakeStock(self.products, now or FakeClock().now)
        routes = {"/api/v1/products": self.listed, "/api/v1/categories": self._categories}
        operations = {
            "reserve": ("/api/v1/stock/reservations", self.stock.reserve),
            "release": ("/api/v1/stock/release", self.stock.release),
            "commit": ("/api/v1/stock/commit", self.stock.commit),
            "return": ("/api/v1/stock/return", self.stock.give_back),
        }
        super().__init__(routes, operations)

    def listed(self, request: httpx.Request) -> httpx.Response:
        """
        The good answer to a request for products.
        """
        params = request.url.params
        unknown = wrong_params(request, ("ids", *_OF_A_PAGE))
        if unknown:
            return invalid(*unknown)
        if "ids" not in params:
            return self._page(params)
        if any(name in params for name in _OF_A_PAGE):
            return invalid("ids")
        return self._by_ids(params["ids"])

    def _by_ids(self, given: str) -> httpx.Response:
        ids = list(dict.fromkeys(given.split(",")))
        if len(ids) > 200 or not all(map(_IS_ID, ids)):
            return invalid("ids")
        found = [self.products[one] for one in ids if one in self.products]
        return _page_answer(found, total=len(found), page=1, size=len(ids))

    def _page(self, params: httpx.QueryParams) -> httpx.Response:
        wrong = [name for name, is_right in _RULES.items() if not is_right(params.get(name))]
        if wrong:
            return invalid(*wrong)
        page, size = int(params.get("page", 1)), int(params.get("size", 20))
        found = [one for one in self.products.values() if _matches(one, params)]
        first = (page - 1) * size
        in_order = _sorted(found, params.get("sort", "id"))
        return _page_answer(in_order[first : first + size], total=len(found), page=page, size=size)

    def _categories(self, _request: httpx.Request) -> httpx.Response:
        names = [one["category"] for one in self.products.values()]
        counts = [{"name": name, "count": names.count(name)} for name in sorted({*names})]
        return json_answer({"items": counts})


def _page_answer(items: list[Product], *, total: int, page: int, size: int) -> httpx.Response:
    pages = -(-total // size)
    told = {"items": items, "page": page, "size": size, "total": total, "pages": pages}
    return json_answer(told)


def _matches(one: Product, params: httpx.QueryParams) -> bool:
    words = _folded(f"{one['name']}\n{one['sku']}\n{one['description']}")
    return (
        params.get("category") in {None, one["category"]}
        and _folded(params.get("q", "")) in words
        and (params.get("inStock") != "true" or one["available"] > 0)
    )


def _sorted(products: list[Product], sort: str) -> list[Product]:
    name = sort.removeprefix("-")
    by_id = sorted(products, key=lambda one: str(one["id"]))
    return sorted(by_id, key=_SORT_KEYS[name], reverse=sort.startswith("-"))


def _name_key(one: Product) -> str:
    letters = unicodedata.normalize("NFKD", _folded(one["name"]))
    return "".join(letter for letter in letters if not unicodedata.combining(letter))


def _folded(text: str) -> str:
    return unicodedata.normalize("NFKC", text).casefold()


_SORT_KEYS: Final[dict[str, Callable[[Product], Any]]] = {
    "id": lambda one: one["id"],
    "name": _name_key,
    "available": lambda one: one["available"],
    "updatedAt": lambda one: one["updatedAt"],
}
_SORTS: Final = {None, *_SORT_KEYS, *(f"-{name}" for name in _SORT_KEYS)}


def _whole(most: int) -> Callable[[str | None], bool]:
    return lambda given: given is None or (given.isdecimal() and 1 <= int(given) <= most)


def _text(most: int) -> Callable[[str | None], bool]:
    return lambda given: (
        given is None
        or (len(given) <= most and not any(unicodedata.category(one) in _CONTROL for one in given))
    )


_RULES: Final[dict[str, Callable[[str | None], bool]]] = {
    "page": _whole(100_000),
    "size": _whole(200),
    "category": _text(40),
    "q": _text(100),
    "sort": lambda given: given in _SORTS,
    "inStock": lambda given: given in {None, "true", "false"},
}
