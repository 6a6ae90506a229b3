"""
Questions that the gateway's clients ask of inventory and pricing, and what comes of each.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from gateway.upstreams.inventory import Inventory, Search
from gateway.upstreams.models import ProductPage
from gateway.upstreams.pricing import Pricing
from servicekit.errors import UpstreamRefused
from servicekit.http import ServiceClient

ALL = [f"TEST-{number:03}" for number in range(1, 61)]
NOT_SOLD = [f"N-{number:03}-{'x' * 58}" for number in range(200)]


@dataclass(frozen=True, slots=True)
class Backends:
    """
    A client of each backend, and what the catalog reads by it.
    """

    inventory: ServiceClient
    pricing: ServiceClient

    async def products(self, *ids: str) -> object:
        """
        Products by their ids.
        """
        return await Inventory(self.inventory).products(ids)

    async def page(self, number: int = 1, size: int = 200, **search: str | bool) -> ProductPage:
        """
        A page; by default one that holds everything that is found.
        """
        return await Inventory(self.inventory).page(Search(number, size, **search))  # type: ignore[arg-type]  # a table's values

    async def prices(self, *ids: str) -> object:
        """
        Prices by products' ids.
        """
        return await Pricing(self.pricing).prices(ids)


@dataclass(frozen=True, slots=True)
class Case:
    """
    A question, and what comes of it, whoever is asked.
    """

    name: str
    ask: Callable[[Backends], Awaitable[object]]
    expected: object


async def outcome(case: Case, backends: Backends) -> tuple[object, object]:
    """
    What is told of it, and everything that was found.
    """
    try:
        found = await case.ask(backends)
    except UpstreamRefused as refusal:
        told = {"refused": refusal.upstream_status, "code": refusal.upstream_code}
        return told | {"fields": fields_of(refusal)}, None
    except ValueError as error:
        return {"our mistake": str(error)}, None
    n_first = len(case.expected.get("first", [])) if isinstance(case.expected, dict) else 0
    return told_of(found, n_first), found


def fields_of(refusal: UpstreamRefused) -> list[object]:
    """
    Which parameters were refused.
    """
    match refusal.facts:
        case {"problems": [*problems]}:
            return [problem["field"] for problem in problems if isinstance(problem, dict)]
        case _:
            return []


def refused(field: str, status: int = 422) -> dict[str, object]:
    """
    How a refusal of one parameter is told.
    """
    return {"refused": status, "code": "INVALID_REQUEST", "fields": [f"query.{field}"]}


def listed(*first: str, n: int, page: int = 1, size: int = 200, total: int) -> dict[str, object]:
    """
    How a page is told that has ``n`` items and begins with these.
    """
    pages = -(-total // size)
    told = {"first": [*first], "n": n, "page": page, "size": size, "total": total}
    return told | {"pages": pages}


def told_of(found: object, is_first: int) -> object:
    """
    What a case says of what was found: the first few of a page's ids, the keys of a batch.
    """
    match found:
        case ProductPage():
            ids = [product.id for product in found.items]
            told = listed(
                *ids[:is_first], n=len(ids), page=found.page, size=found.size, total=found.total
            )
            return told | {"pages": found.pages}
        case dict():
            return [*found]
        case _:
            return found


async def asked_of_inventory(backends: Backends, **params: str) -> object:
    """
    A question that the gateway's client would not ask.
    """
    return (await backends.inventory.get("/api/v1/products", params=params)).json()


async def asked_of_pricing(backends: Backends, **params: str) -> object:
    """
    As above.
    """
    return (await backends.pricing.get("/api/v1/prices", params=params)).json()


def sorted_by(sort: str) -> Callable[[Backends], Awaitable[object]]:
    """
    Everything in this order.
    """
    return lambda backends: backends.page(sort=sort)


TOO_MANY = [*ALL, *NOT_SOLD[:141]]
SORTS = {
    "id": ["TEST-001", "TEST-002", "TEST-003"],
    "-id": ["TEST-060", "TEST-059", "TEST-058"],
    "name": ["TEST-022", "TEST-042", "TEST-018"],
    "-name": ["TEST-041", "TEST-020", "TEST-036"],
    "available": ["TEST-010", "TEST-016", "TEST-050"],
    "-available": ["TEST-031", "TEST-046", "TEST-060"],
    "updatedAt": ["TEST-001", "TEST-003", "TEST-004"],
    "-updatedAt": ["TEST-002", "TEST-016", "TEST-001"],
}

CASES = [
    # Products by their ids
    Case("one product", lambda b: b.products("TEST-007"), ["TEST-007"]),
    Case(
        "products in the order asked for",
        lambda b: b.products("TEST-009", "TEST-001", "TEST-005"),
        ["TEST-009", "TEST-001", "TEST-005"],
    ),
    Case("an unknown product", lambda b: b.products("NO-1"), []),
    Case(
        "known and unknown products",
        lambda b: b.products("NO-1", "TEST-002", "NO-2", "TEST-001"),
        ["TEST-002", "TEST-001"],
    ),
    Case("a product whose id has other capitals", lambda b: b.products("test-001"), []),
    Case("all products at once", lambda b: b.products(*reversed(ALL)), ALL[::-1]),
    Case(
        "200 ids as long as they may be",
        lambda b: b.products(*NOT_SOLD[:199], "TEST-001"),
        ["TEST-001"],
    ),
    Case(
        "201 ids",
        lambda b: b.products(*TOO_MANY),
        {"our mistake": "must be 1 to 200 ids, not 201"},
    ),
    Case("no ids", lambda b: b.products(), {"our mistake": "must be 1 to 200 ids, not 0"}),
    Case("201 ids, sent", lambda b: asked_of_inventory(b, ids=",".join(TOO_MANY)), refused("ids")),
    Case("an empty list of ids, sent", lambda b: asked_of_inventory(b, ids=""), refused("ids")),
    Case("an id that none can be", lambda b: b.products("TEST-001", "a b"), refused("ids")),
    Case(
        "ids beside a page",
        lambda b: asked_of_inventory(b, ids="TEST-001", page="1"),
        refused("ids"),
    ),
    # Pages
    Case(
        "the first page",
        lambda b: b.page(1, 25),
        listed("TEST-001", "TEST-002", n=25, size=25, total=60),
    ),
    Case(
        "the second page",
        lambda b: b.page(2, 25),
        listed("TEST-026", n=25, page=2, size=25, total=60),
    ),
    Case(
        "the last page",
        lambda b: b.page(3, 25),
        listed("TEST-051", n=10, page=3, size=25, total=60),
    ),
    Case("a page beyond", lambda b: b.page(4, 25), listed(n=0, page=4, size=25, total=60)),
    Case(
        "the smallest page",
        lambda b: b.page(60, 1),
        listed("TEST-060", n=1, page=60, size=1, total=60),
    ),
    Case("the largest page", lambda b: b.page(1, 200), listed("TEST-001", n=60, total=60)),
    Case(
        "the last page that can be asked for",
        lambda b: b.page(100_000, 200),
        listed(n=0, page=100_000, total=60),
    ),
    Case("page 0", lambda b: b.page(0), refused("page")),
    Case("page 100,001", lambda b: b.page(100_001), refused("page")),
    Case("size 0", lambda b: b.page(1, 0), refused("size")),
    Case("size 201", lambda b: b.page(1, 201), refused("size")),
    # What is looked for
    Case("a category", lambda b: b.page(category="home"), listed("TEST-011", n=10, total=10)),
    Case("an unknown category", lambda b: b.page(category="cars"), listed(n=0, total=0)),
    Case("no category", lambda b: b.page(category=""), listed(n=0, total=0)),
    Case("a category too long", lambda b: b.page(category="x" * 41), refused("category")),
    Case("a category with a line's end", lambda b: b.page(category="a\nb"), refused("category")),
    Case("words in a name", lambda b: b.page(q="kettle"), listed("TEST-011", n=1, total=1)),
    Case("words in capitals", lambda b: b.page(q="KETTLE"), listed("TEST-011", n=1, total=1)),
    Case(
        "words in a description",
        lambda b: b.page(q="temperature you set"),
        listed("TEST-011", n=1, total=1),
    ),
    Case("part of an SKU", lambda b: b.page(q="test-01"), listed("TEST-010", n=10, total=10)),
    Case("signs that SQL knows", lambda b: b.page(q="%_"), listed(n=0, total=0)),
    Case("signs that addresses know", lambda b: b.page(q="a&b=c+d#e"), listed(n=0, total=0)),
    Case("words that nothing has", lambda b: b.page(q="ß∂ƒ"), listed(n=0, total=0)),
    Case("no words", lambda b: b.page(q=""), listed("TEST-001", n=60, total=60)),
    Case("words too long", lambda b: b.page(q="x" * 101), refused("q")),
    Case("words with a zero", lambda b: b.page(q="a\0b"), refused("q")),
    Case(
        "what is in stock", lambda b: b.page(is_in_stock=True), listed("TEST-001", n=57, total=57)
    ),
    Case(
        "all of it together",
        lambda b: b.page(2, 3, category="sports", q="e", sort="-name", is_in_stock=True),
        listed("TEST-049", "TEST-044", "TEST-046", n=3, page=2, size=3, total=9),
    ),
    *(
        Case(f"sorted by {sort}", sorted_by(sort), listed(*first, n=60, total=60))
        for sort, first in SORTS.items()
    ),
    Case("an order that is none", lambda b: b.page(sort="price"), refused("sort")),
    Case(
        "the categories",
        lambda b: Inventory(b.inventory).categories(),
        [(name, 10) for name in ("books", "clothing", "electronics", "home", "sports", "toys")],
    ),
    # Prices
    Case("one price", lambda b: b.prices("TEST-001"), ["TEST-001"]),
    Case("prices in the order asked for", lambda b: b.prices(*ALL[::-1]), ALL[::-1]),
    Case("the price of an unknown product", lambda b: b.prices("NO-1"), []),
    Case(
        "known and unknown prices",
        lambda b: b.prices("NO-1", "TEST-002", "NO-2", "TEST-001"),
        ["TEST-002", "TEST-001"],
    ),
    Case("200 long ids' prices", lambda b: b.prices(*NOT_SOLD[:199], "TEST-001"), ["TEST-001"]),
    Case(
        "201 prices",
        lambda b: b.prices(*TOO_MANY),
        {"our mistake": "must be 1 to 200 ids, not 201"},
    ),
    Case("no prices", lambda b: b.prices(), {"our mistake": "must be 1 to 200 ids, not 0"}),
    Case("201 prices, sent", lambda b: asked_of_pricing(b, ids=",".join(TOO_MANY)), refused("ids")),
    Case("no prices, sent", lambda b: asked_of_pricing(b, ids=""), refused("ids")),
    Case("the price of what has no id", lambda b: b.prices("TEST-001", "a b"), refused("ids")),
    Case(
        "a product called as an address is, beside another",
        lambda b: b.prices("quote", "TEST-001", "Calculate", "QUOTES"),
        ["TEST-001"],
    ),
    Case("nothing but addresses", lambda b: b.prices("Quotes"), []),
    Case("an address, sent", lambda b: asked_of_pricing(b, ids="TEST-001,Quote"), refused("ids")),
]
