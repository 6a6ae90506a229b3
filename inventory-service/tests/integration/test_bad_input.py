"""
What cannot be right is refused by a clear 4xx, and leaves the database as it was.

The file is long so that the tables stand beside what they are held to.
"""

import itertools
import json
import re
from collections.abc import AsyncIterator, Mapping
from typing import Any

import httpx
import pytest
from inventory_app import SERVICE, RunningInventory, client_of, settings_for
from sqlalchemy import select

from inventory.main import create_app
from inventory.tables import metadata
from servicekit.database import Database
from servicekit.settings import ServiceSettings
from servicekit.testing.clock import FakeClock

#: A body that is good, by path, for whoever may send it.
GOOD: Mapping[str, Mapping[str, Any]] = {
    "/stock/reserve": {"orderId": "order-2", "productId": "lamp", "quantity": 1},
    "/stock/reservations": {
        "orderId": "order-2",
        "items": [{"productId": "lamp", "quantity": 1}],
    },
    "/stock/release": {"orderId": "order-1"},
    "/stock/commit": {"orderId": "order-1"},
    "/stock/return": {"orderId": "order-1"},
    "/products": {"id": "desk", "name": "Desk", "category": "home", "stockLevel": 1},
    "/products/lamp/adjustments": {"change": 1, "reason": "found", "adjustmentId": "a-1"},
}
_INJECTION = "x'; DROP TABLE products; --"
_CONTROL = "a\x00b"
_NOT_A_COUNT: list[object] = [
    0,
    -1,
    1_000_001,
    2**63,
    10**400,
    1.5,
    "3",
    "",
    True,
    None,
    [],
    {},
]
_NOT_A_NAME: list[object] = [
    "",
    " ",
    "a b",
    "../x",
    "a" * 129,
    _INJECTION,
    _CONTROL,
    "\ud800",
    "\u202e",
    7,
    None,
]
_NO_ITEMS: list[object] = [[], {}, "lamp", None, [[]], [None]]


def _line(**changed: object) -> dict[str, object]:
    return {"productId": "lamp", "quantity": 1, **changed}


#: Path, and what is changed of the good body.
WRONG_VALUES: list[tuple[str, dict[str, Any]]] = [
    *(("/stock/reserve", {"quantity": value}) for value in _NOT_A_COUNT),
    *(("/stock/reserve", {"productId": value}) for value in _NOT_A_NAME),
    *(("/stock/reserve", {"orderId": value}) for value in _NOT_A_NAME),
    *(("/stock/reservations", {"items": [_line(quantity=value)]}) for value in _NOT_A_COUNT),
    *(("/stock/reservations", {"items": [_line(productId=value)]}) for value in _NOT_A_NAME),
    *(("/stock/reservations", {"orderId": value}) for value in _NOT_A_NAME),
    *(("/stock/reservations", {"items": value}) for value in _NO_ITEMS),
    ("/stock/reservations", {"items": [_line(), _line()]}),
    ("/stock/reservations", {"items": [_line(), _line(quantity=2)]}),
    ("/stock/reservations", {"items": [_line(productId=f"p{n}") for n in range(101)]}),
    ("/stock/reservations", {"items": [_line(unknown=1)]}),
    *(
        (f"/stock/{deed}", changed)
        for deed in ("release", "commit", "return")
        for changed in (
            {"orderId": None},
            {"reservationId": "00000000-0000-4000-8000-000000000000"},
            {"orderId": _INJECTION},
            {"orderId": _CONTROL},
            {"orderId": ["order-1"]},
            {"orderId": None, "reservationId": "1 OR 1=1"},
            {"orderId": None, "reservationId": 1},
        )
    ),
    *(("/products", {"id": value}) for value in [*_NOT_A_NAME, "a" * 65, "a:b"]),
    *(("/products", {"sku": value}) for value in ["", "a b", _INJECTION, _CONTROL, 7]),
    *(
        ("/products", {"name": value})
        for value in ["", "  ", "n" * 201, _CONTROL, "\ud800", 7, None]
    ),
    *(("/products", {"description": value}) for value in ["d" * 2001, _CONTROL, 7, None]),
    *(("/products", {"category": value}) for value in ["", "c" * 65, "Home", _CONTROL, None]),
    *(
        ("/products", {"imageUrl": value})
        for value in ["javascript:alert(1)", "//evil.example", "/" + "i" * 500, "/a b", ""]
    ),
    *(("/products", {"stockLevel": value}) for value in [-1, 10**9 + 1, 2**63, 1.5, "1", True]),
    *(
        ("/products/lamp/adjustments", {"change": value})
        for value in [0, -(10**9) - 1, 10**9 + 1, 2**63, 1.5, "1", True, None]
    ),
    *(
        ("/products/lamp/adjustments", {"reason": value})
        for value in ["", "  ", "r" * 501, _CONTROL, 7, None]
    ),
    *(("/products/lamp/adjustments", {"adjustmentId": value}) for value in _NOT_A_NAME),
    *((path, {"unknownField": 1}) for path in GOOD),
]


#: Bodies that are no JSON object of text.
UNREADABLE: list[bytes] = [
    b"",
    b"null",
    b"[]",
    b"7",
    b'"text"',
    b"{",
    b'{"orderId": "order-2", "productId": "lamp", "quantity": 1',
    b'{"orderId": "order-2", "productId": "lamp", "quantity": NaN}',
    b'{"orderId": "order-2", "productId": "lamp", "quantity": Infinity}',
    b'{"orderId": "order-2", "productId": "lamp", "quantity": 1e400}',
    b'{"orderId": "\xff", "productId": "lamp", "quantity": 1}',
    b"[" * 100_000,
    b'{"quantity": ' + b"9" * 5_000 + b"}",
    b"<order/>",
]
WRONG_TYPES = ["text/plain", "application/xml", "application/x-www-form-urlencoded", "image/png"]
_UNKNOWN = "00000000-0000-4000-8000-000000000000"
_LAMP_AND_GHOST = [_line(), _line(productId="ghost")]
_TOO_MUCH = [_line(quantity=9), _line(productId="mug", quantity=5)]

#: Method, path, body, status, and what the details must hold.
REFUSED: list[tuple[str, str, dict[str, Any] | None, int, dict[str, Any]]] = [
    ("POST", "/stock/reserve", _line(productId="ghost", orderId="o"), 404, {"id": "ghost"}),
    (
        "POST",
        "/stock/reservations",
        {"orderId": "o", "items": _LAMP_AND_GHOST},
        404,
        {"id": "ghost"},
    ),
    (
        "POST",
        "/stock/reserve",
        _line(quantity=9, orderId="o"),
        409,
        {"productId": "lamp", "wanted": 9, "left": 8},
    ),
    (
        "POST",
        "/stock/reservations",
        {"orderId": "o", "items": _TOO_MUCH},
        409,
        {
            "items": [
                {"productId": "lamp", "wanted": 9, "left": 8},
                {"productId": "mug", "wanted": 5, "left": 3},
            ]
        },
    ),
    ("POST", "/stock/commit", {"orderId": "unknown"}, 404, {"id": "unknown"}),
    ("POST", "/stock/return", {"orderId": "unknown"}, 404, {"id": "unknown"}),
    *(
        ("POST", f"/stock/{deed}", {"reservationId": _UNKNOWN}, 404, {"id": _UNKNOWN})
        for deed in ("release", "commit", "return")
    ),
    ("POST", "/products", {**GOOD["/products"], "id": "lamp"}, 409, {"field": "id"}),
    ("POST", "/products", {**GOOD["/products"], "sku": "lamp"}, 409, {"field": "sku"}),
    ("PATCH", "/products/mug", {"sku": "lamp"}, 409, {"field": "sku"}),
    ("PATCH", "/products/ghost", {"name": "Ghost"}, 404, {"id": "ghost"}),
    ("DELETE", "/products/ghost", None, 404, {"id": "ghost"}),
    ("DELETE", "/products/lamp", None, 409, {"reserved": 2}),
    (
        "POST",
        "/products/lamp/adjustments",
        {"change": -9, "reason": "lost", "adjustmentId": "a-1"},
        409,
        {"reason": "BELOW_RESERVED", "stockLevel": 10, "reserved": 2},
    ),
    (
        "POST",
        "/products/ghost/adjustments",
        {"change": 1, "reason": "found", "adjustmentId": "a-1"},
        404,
        {"id": "ghost"},
    ),
]

WRONG_ADDRESSES = [
    "/products?size=0",
    "/products?size=201",
    "/products?size=ten",
    "/products?page=0",
    "/products?page=99999999999999999999",
    "/products?sort=price",
    "/products?sort=id;DROP TABLE products",
    "/products?q=%00",
    f"/products?q={'q' * 101}",
    "/products?category=%1b",
    "/products?inStock=perhaps",
    "/products?ids=",
    "/products?ids=lamp,,mug",
    "/products?ids=lamp,m%00ug",
    "/products?ids=" + ",".join(f"p{number}" for number in range(201)),
    "/products?ids=lamp&category=home",
    "/products?ids=lamp&q=lamp",
    "/products?ids=lamp&page=1",
    "/products?ids=lamp&sort=id",
    "/products?ids=lamp&inStock=true",
    "/products/a%20b",
    "/products/a%00b",
    f"/products/{'a' * 65}",
    "/products/x';DROP%20TABLE%20products",
    "/products/lamp/movements?size=201",
    "/products/lamp/movements?page=0",
    "/stock/low?threshold=-1",
    "/stock/low?threshold=1000001",
    "/stock/reservations",
    "/stock/reservations?orderId=",
    "/stock/reservations?orderId=a%00b",
    "/stock/reservations?orderId=x';DROP TABLE products",
    "/stock/reservations/7",
    f"/stock/reservations/{_UNKNOWN}'",
]


@pytest.fixture
async def http(
    inventory: RunningInventory, migrated_url: str, clock: FakeClock
) -> AsyncIterator[httpx.AsyncClient]:
    """
    A caller who may do everything, in a shop with two products, one of them reserved.
    """
    await inventory.product("lamp", stock=10)
    await inventory.product("mug", stock=3)
    assert (await inventory.reserve("order-1", "lamp", 2)).status_code == 201
    everything = SERVICE | {"permissions": ["stock:write", "catalog:write"]}
    app = create_app(settings_for(migrated_url), now=clock.now)
    async with app.router.lifespan_context(app), client_of(app, everything) as client:
        yield client


@pytest.fixture
async def unchanged(
    http: httpx.AsyncClient, inventory: RunningInventory
) -> AsyncIterator[httpx.AsyncClient]:
    """
    The same caller; whatever is asked must leave every row as it was.
    """
    before = await rows(inventory.services.database)
    yield http
    assert await rows(inventory.services.database) == before


@pytest.mark.parametrize("path", GOOD)
async def test_a_good_body_is_taken(http: httpx.AsyncClient, path: str) -> None:
    """
    What the tables below make worse is good to begin with.
    """
    if path == "/stock/return":
        await http.post("/stock/commit", json=GOOD["/stock/commit"])

    answer = await http.post(path, json=GOOD[path])

    assert answer.is_success, answer.text


async def test_wrong_values_change_nothing(unchanged: httpx.AsyncClient) -> None:
    """
    Each wrong value of each field is a 422 that names the field and does not repeat the value.
    """
    for path, changed in WRONG_VALUES:
        answer = await send(unchanged, path, {**GOOD[path], **changed})

        assert told(answer) == (422, "INVALID_REQUEST"), (path, changed, answer.text)
        assert names(answer, changed), (path, changed, answer.text)
        assert "DROP TABLE" not in answer.text


async def test_what_cannot_be_read_changes_nothing(unchanged: httpx.AsyncClient) -> None:
    """
    A body that is no JSON, or no object, is a 400 or 422.
    """
    for path, content in itertools.product(GOOD, UNREADABLE):
        answer = await send(unchanged, path, content)

        assert told(answer) in {(400, "INVALID_REQUEST"), (422, "INVALID_REQUEST")}, content[:80]


async def test_a_body_of_another_type_changes_nothing(unchanged: httpx.AsyncClient) -> None:
    """
    Only what says that it is JSON is read as JSON.
    """
    for path, content_type in itertools.product(GOOD, WRONG_TYPES):
        answer = await send(unchanged, path, GOOD[path], content_type)

        assert told(answer) in {(415, "INVALID_REQUEST"), (422, "INVALID_REQUEST")}, content_type


async def test_a_body_beyond_the_bound_changes_nothing(unchanged: httpx.AsyncClient) -> None:
    """
    More than MAX_BODY_BYTES is a 413, however good the rest is.
    """
    for path, good in GOOD.items():
        content = (
            json.dumps(good).encode()
            + b" " * ServiceSettings.model_fields["max_body_bytes"].default
        )

        assert told(await send(unchanged, path, content)) == (413, "INVALID_REQUEST")


async def test_what_is_refused_changes_nothing(unchanged: httpx.AsyncClient) -> None:
    """
    What is not there, not left or taken is refused with the facts, and nothing is done by halves.
    """
    for method, path, body, status, facts in REFUSED:
        answer = await unchanged.request(method, path, json=body)

        assert answer.status_code == status, (path, body, answer.text)
        assert facts.items() <= answer.json()["error"]["details"].items(), answer.text


async def test_wrong_addresses_are_refused(unchanged: httpx.AsyncClient) -> None:
    """
    Each wrong parameter is a 422.
    """
    for path in WRONG_ADDRESSES:
        answer = await unchanged.get(path)

        assert told(answer) == (422, "INVALID_REQUEST"), (path, answer.text)


async def send(
    http: httpx.AsyncClient,
    path: str,
    body: Mapping[str, Any] | bytes,
    content_type: str = "application/json",
) -> httpx.Response:
    """
    Whatever is answered to a body, good JSON or not.
    """
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    return await http.post(path, content=content, headers={"Content-Type": content_type})


def told(answer: httpx.Response) -> tuple[int, str]:
    """
    Status and code of a refusal.
    """
    return answer.status_code, answer.json()["error"]["code"]


def names(answer: httpx.Response, changed: Mapping[str, object]) -> bool:
    """
    Whether a refusal says where to look: at what was changed, or at the body as a whole where that
    has one field too many or too few.
    """
    fields = [problem["field"] for problem in answer.json()["error"]["details"]["problems"]]
    is_whole = "orderId" in changed or "reservationId" in changed
    return any(
        (field == "body" and is_whole) or {*changed} & {*re.findall(r"\w+", field)}
        for field in fields
    )


async def rows(database: Database) -> dict[str, list[tuple[object, ...]]]:
    """
    Every row of every table.
    """
    async with database.read() as connection:
        return {
            table.name: [tuple(row) for row in await connection.execute(select(table))]
            for table in metadata.sorted_tables
        }
