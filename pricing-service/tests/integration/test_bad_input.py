"""
Bad input: each is refused with a clear 4xx of the one shape, and changes nothing in the database.
"""

import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import httpx
import pytest
from pricing_app import API, RunningPricing, gateway, merchant
from sqlalchemy import select

from pricing.tables import metadata
from servicekit.database import Database

Values = list[object]
Body = dict[str, object]
Rows = dict[str, list[tuple[Any, ...]]]
HUGE = 10**30
#: What is no text, no number and no list, wherever one of these is wanted.
CONTROL = "A\x00B"
SQL = "1' OR '1'='1'; DROP TABLE quotes; --"


@dataclass(frozen=True)
class Guarded:
    """
    The service, and what is in its database.
    """

    pricing: RunningPricing
    database: Database

    async def rows(self) -> Rows:
        """
        Everything that is kept, table by table.
        """
        async with self.database.read() as connection:
            return {
                table.name: sorted(
                    (tuple(row) for row in (await connection.execute(select(table))).all()),
                    key=repr,
                )
                for table in metadata.sorted_tables
            }

    async def send(self, method: str, path: str, content: bytes, type_: str) -> httpx.Response:
        """
        A body of any kind, from somebody who may do what is asked.
        """
        who = merchant() if method == "PUT" else gateway()
        return await self.pricing.http.request(
            method, f"{API}{path}", content=content, headers={**who, "Content-Type": type_}
        )

    async def refuses(self, method: str, path: str, body: object) -> dict[str, Any]:
        """
        The error that such a body gets.
        """
        # By json, since that also writes what is no JSON: NaN and Infinity.
        answer = await self.send(method, path, json.dumps(body).encode(), "application/json")
        return refusal(answer, f"{method} {path} {body!r:.200}")


def refusal(answer: httpx.Response, what: str) -> dict[str, Any]:
    """
    The error of an answer, which must be a clear no.
    """
    assert 400 <= answer.status_code < 500, f"{what}: {answer.status_code} {answer.text:.300}"
    error: dict[str, Any] = answer.json()["error"]
    assert set(error) <= {"code", "message", "details"}, what
    assert error["code"] in {"INVALID_REQUEST", "INVALID_DISCOUNT", "NOT_FOUND"}, what
    for inside in ("Traceback", "sqlalchemy", "pydantic", "SELECT", ".py"):
        assert inside not in answer.text, what
    return error


@pytest.fixture
async def guarded(seeded_url: str, pricing: RunningPricing) -> AsyncIterator[Guarded]:
    """
    The service, and an eye on its database.
    """
    database = Database(seeded_url)
    yield Guarded(pricing, database)
    await database.aclose()


#: No quantity of a product, for one reason or another. (2.0 is one: JSON knows no other whole numbers.)
QUANTITIES: Values = [
    *(0, -1, 1_000_001, HUGE, -HUGE, 1.5, -2.0, 1e300, float("nan"), float("inf")),
    *("2", "two", "", True, False, None, [], [2], {}, {"quantity": 2}),
]
PRODUCT_IDS: Values = [
    *("", " ", "TEST 001", "TEST-001\n", CONTROL, SQL, "A" * 65, "\ud800", "\u202eTEST", "a/b"),
    *(1, 1.5, True, None, [], {}),
]
#: No amount of dollars.
AMOUNTS: Values = [
    *("", " ", "-1", "-0.01", "+1", "1e3", "1E3", "NaN", "sNaN", "Infinity", "-Infinity", "0x1"),
    *("1.999", "0.001", "1.000", "1,50", "1_000", ".5", "5.", "01", " 1", "1 ", "1\n", "\u0661"),
    *("100000000.01", "9" * 16, "9" * 5000, CONTROL, SQL, "one"),
    *(1, 1.5, 19.99, -1, HUGE, True, None, float("nan"), [], ["1"], {}),
]
CURRENCIES: Values = ["", "usd", "US", "USDX", "XXX", "U D", "US\x00", SQL, 840, 1.5, True, [], {}]
CODES: Values = [
    *("", " ", "A B", "A" * 41, "A" * 5000, CONTROL, SQL, "\u017fUMMER20", "\ud800", "%", "*"),
    *(1, 1.5, True, None, [], {}),
]
ORDER_IDS: Values = ["", " ", "a b", "a" * 129, CONTROL, SQL, "\u00e4", "a\n", 1, 1.5, True, [], {}]
MOMENTS: Values = [
    *("", "now", "2030-01-01", "2030-01-01T00:00:00", "2030-13-01T00:00:00Z", CONTROL, SQL),
    *("2030-02-30T00:00:00Z", "2030-01-01T24:61:00Z", "9999-12-31T23:59:59Z", "2030-01-01T00:00Z"),
    *("0001-01-01T00:00:00Z", "2030-01-01T00:00:00+99:99", 1893456000, 1.5, True, [], {}),
]
NO_OBJECTS: Values = [None, True, 1, 1.5, "text", [], [{}], float("nan")]


def each(good: Body, field: str, *wrong: object) -> Values:
    """
    The body with this field wrong, in one way after another.
    """
    return [good | {field: value} for value in wrong]


def item(
    product_id: object = "TEST-001", quantity: object = 1, **more: object
) -> dict[str, object]:
    """
    A line of an order.
    """
    return {"productId": product_id, "quantity": quantity, **more}


def order(*items: object, **more: object) -> Body:
    """
    A quote's body, good but for what is given.
    """
    return {"items": [*items] or [item()], "orderId": "order", **more}


def calculations() -> Values:
    """
    What cannot be calculated.
    """
    return [
        *NO_OBJECTS,
        {},
        {"productId": "TEST-001"},
        {"quantity": 1},
        *each(item(), "quantity", *QUANTITIES),
        *each(item(), "productId", *PRODUCT_IDS),
        item("NO-SUCH-PRODUCT"),
        item("test-001"),
        *(item(discountCodes=[code]) for code in CODES),
        *each(item(), "discountCodes", None, "SUMMER20", {}, 1, [["SUMMER20"]]),
        item(discountCodes=["SUMMER20", "summer20"]),
        item(discountCodes=["EXPIRED10"]),
        item(discountCodes=["NO-SUCH-CODE"]),
        item(discountCodes=[f"CODE{number}" for number in range(6)]),
        *each(item(), "currency", *CURRENCIES),
        item(currency="JPY"),
        item(surprise=1),
        item(price="0.01"),
    ]


def quotes() -> Values:
    """
    What cannot be quoted.
    """
    return [
        *NO_OBJECTS,
        {},
        {"items": []},
        *each({}, "items", None, {}, "TEST-001", 1, [None], [1], ["TEST-001"], [[]]),
        *(order(item(quantity=quantity)) for quantity in QUANTITIES),
        *(order(item(product_id)) for product_id in PRODUCT_IDS),
        order(item("TEST-001"), item("NO-SUCH-PRODUCT")),
        order(item("TEST-001"), item("TEST-001")),
        order(item("TEST-001"), item("TEST-002"), item("TEST-001", 2)),
        order(*(item(f"TEST-{number:03}") for number in range(1, 102))),
        order(item(basePrice="0.01")),
        order(finalPrice="0.01"),
        *(order(discountCodes=[code]) for code in CODES),
        order(discountCodes=["SUMMER20", " summer20"]),
        order(discountCodes=["EXPIRED10", "SUMMER20"]),
        order(discountCodes=["NO-SUCH-CODE", "FLASH50"]),
        order(discountCodes=["FLASH50", "SUMMER20"]),
        order(discountCodes=["BOOKS15", "FLASH50"]),
        order(discountCodes=["WELCOME5"], currency="EUR"),
        order(discountCodes=[f"CODE{number}" for number in range(6)]),
        *each(order(), "currency", *CURRENCIES),
        order(currency="KWD"),
        *each(order(), "orderId", *ORDER_IDS),
    ]


def releases() -> Values:
    """
    What cannot be released.
    """
    return [
        *NO_OBJECTS,
        {},
        *each({}, "orderId", *ORDER_IDS, None),
        {"orderId": "order", "items": []},
    ]


def prices() -> Values:
    """
    What is no price.
    """
    good: Body = {"basePrice": "1.00", "currency": "USD"}
    return [
        *NO_OBJECTS,
        {},
        {"basePrice": "1.00"},
        {"currency": "USD"},
        *each(good, "basePrice", *AMOUNTS),
        {"basePrice": "1.5", "currency": "JPY"},
        {"basePrice": "1.0001", "currency": "KWD"},
        *each(good, "currency", *CURRENCIES, None),
        *each(good, "validFrom", *MOMENTS),
        *each(good, "validUntil", *MOMENTS),
        good | {"validFrom": "2026-01-01T11:59:59Z"},
        good | {"validUntil": "2026-01-01T12:00:00Z"},
        good | {"validFrom": "2030-01-02T00:00:00Z", "validUntil": "2030-01-01T00:00:00Z"},
        *each(good, "priceType", "", "sale", "FREE", None, 1, []),
        *each(good, "category", "", "Books", "a b", "a" * 41, CONTROL, SQL, 1, []),
        good | {"productId": "TEST-002"},
        good | {"setAt": "2026-01-01T12:00:00Z"},
    ]


def percentage(percent: str) -> Body:
    """
    What a percentage gives.
    """
    return {"type": "PERCENTAGE", "percent": percent}


def tiers(*steps: object) -> Body:
    """
    What quantity tiers give.
    """
    return {"type": "QUANTITY_TIERS", "tiers": [*steps]}


def kinds() -> Values:
    """
    What no code can give.
    """
    twenty = percentage("20")
    five: Body = {"type": "FIXED_AMOUNT", "amount": "5.00", "currency": "USD"}
    tier: Body = {"minQuantity": 5, "percent": "5"}
    return [
        *NO_OBJECTS,
        {},
        {"type": "GIFT"},
        {"type": "PERCENTAGE"},
        {"type": "FIXED_AMOUNT"},
        {"type": "QUANTITY_TIERS"},
        {"percent": "20"},
        *each(twenty, "percent", "", "0", "-5", "100.1", "101", "1e1", "NaN", "5%", "1.00001"),
        *each(twenty, "percent", 20, 20.0, True, None, [], CONTROL, SQL),
        twenty | {"amount": "5.00"},
        *each(five, "amount", *AMOUNTS, "0", "0.00"),
        *each(five, "currency", *CURRENCIES),
        five | {"amount": "5.5", "currency": "JPY"},
        tiers(),
        *map(tiers, NO_OBJECTS),
        *map(tiers, each(tier, "minQuantity", *QUANTITIES)),
        tiers(tier | {"percent": "0"}),
        tiers(tier, tier),
        tiers({"minQuantity": 10, "percent": "10"}, tier),
        tiers(tier, {"minQuantity": 10, "percent": "5"}),
        tiers(*({"minQuantity": at, "percent": str(at)} for at in range(1, 22))),
    ]


def discounts() -> Values:
    """
    What is no discount.
    """
    good: Body = {"description": "Something", "kind": percentage("20")}
    minimum: Body = {"amount": "25.00", "currency": "USD"}
    return [
        *NO_OBJECTS,
        {},
        {"kind": percentage("20")},
        {"description": "Something"},
        *each(good, "kind", *kinds()),
        *each(good, "description", "", "a" * 201, CONTROL, "\ud800", 1, None, []),
        *each(good, "category", "", "Books", "a" * 41, CONTROL, SQL, 1),
        *each(good, "validFrom", *MOMENTS),
        good | {"validFrom": "2030-01-02T00:00:00Z", "validUntil": "2030-01-01T00:00:00Z"},
        good | {"validFrom": "2030-01-01T00:00:00Z", "validUntil": "2030-01-01T00:00:00Z"},
        *each(good, "minimumOrder", *each(minimum, "amount", *AMOUNTS)),
        *each(good, "minimumOrder", *each(minimum, "currency", *CURRENCIES)),
        *each(good, "minimumOrder", "25.00", 25, [], {}, {"amount": "25.00"}),
        *each(good, "useLimit", 0, -1, 2**31, HUGE, 1.5, "5", True, []),
        *each(good, "priority", -1, 1001, HUGE, 1.5, "5", True, None, []),
        *each(good, "stackable", "true", 1, 0, None, []),
        good | {"code": "OTHER"},
        good | {"uses": 0},
    ]


ROUTES = [
    ("POST", "/prices/calculate", calculations()),
    ("POST", "/prices/quote", quotes()),
    ("POST", "/prices/quotes/release", releases()),
    ("PUT", "/prices/TEST-001", prices()),
    ("PUT", "/discounts/NEW", discounts()),
]


@pytest.mark.parametrize(
    ("method", "path", "bodies"), ROUTES, ids=["calculate", "quote", "release", "price", "discount"]
)
async def test_bad_bodies_change_nothing(
    guarded: Guarded, method: str, path: str, bodies: Values
) -> None:
    """
    Whatever is wrong with a body, it is a clear 4xx, and the database is as it was before.
    """
    before = await guarded.rows()

    for body in bodies:
        await guarded.refuses(method, path, body)

    assert await guarded.rows() == before


BROKEN = [
    b"",
    b"{",
    b"{'items': []}",
    b"\xff\xfe\x00",
    b'{"productId": "TEST-001", "quantity": 1',
    b"[" * 100_000,
    b'{"quantity": ' + b"9" * 5000 + b"}",
]


async def test_what_is_no_json_changes_nothing(guarded: Guarded) -> None:
    """
    Broken, deeply nested, too large, or of another type: refused, and nothing has changed.
    """
    before = await guarded.rows()
    good = json.dumps(order()).encode()
    too_large = b'{"items": "' + b"x" * 5_000_000 + b'"}'

    for method, path, _ in ROUTES:
        for content in BROKEN:
            answer = await guarded.send(method, path, content, "application/json")
            refusal(answer, f"{method} {path} {content!r:.60}")
        for type_ in ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data"):
            refusal(await guarded.send(method, path, good, type_), f"{method} {path} {type_}")
        answer = await guarded.send(method, path, too_large, "application/json")
        assert (answer.status_code, answer.json()["error"]["code"]) == (413, "INVALID_REQUEST")

    assert await guarded.rows() == before


ODD_ADDRESSES = [
    "/prices",
    "/prices?ids=",
    "/prices?ids=,",
    "/prices?ids=TEST-001,",
    "/prices?ids=TEST-001,,TEST-002",
    f"/prices?ids={'A' * 65}",
    f"/prices?ids={','.join(['A'] * 201)}",
    "/prices?ids=A%00B",
    "/prices?ids=A'%20OR%20'1'='1",
    "/prices?ids=%ff",
    "/prices?ids=TEST-001&currency=usd",
    "/prices?ids=TEST-001&currency=",
    "/prices?ids=TEST-001&currency=XXX",
    "/prices/TEST-001?currency=XXX",
    "/prices/TEST-001?at=yesterday",
    "/prices/TEST-001?at=2026-01-01",
    "/prices/TEST-001?at=1767268800",
    "/prices/TEST-001?at=2026-01-01T12:00:00",
    "/prices/TEST-001?at=0000-01-01T00:00:00Z",
    "/prices/NO-SUCH-PRODUCT",
    "/prices/A%00B",
    "/prices/A'%20OR%20'1'='1",
    f"/prices/{'A' * 65}",
    "/prices/TEST-001/versions?page=0",
    "/prices/TEST-001/versions?page=100001",
    "/prices/TEST-001/versions?page=1.5",
    "/prices/TEST-001/versions?size=0",
    "/prices/TEST-001/versions?size=201",
    "/prices/TEST-001/versions?size=x",
    "/prices/NO-SUCH-PRODUCT/versions",
    "/prices/quotes/no-uuid",
    "/prices/quotes/00000000-0000-0000-0000-000000000000",
]


async def test_odd_addresses(guarded: Guarded) -> None:
    """
    Parameters out of their form are refused, and what is not there is not found.
    """
    for path in ODD_ADDRESSES:
        refusal(await guarded.pricing.http.get(f"{API}{path}", headers=gateway()), path)


async def test_an_error_says_where_it_is_and_not_what_was_sent(guarded: Guarded) -> None:
    """
    Each problem names its field; a value is never repeated, since it may be anything.
    """
    error = await guarded.refuses("POST", "/prices/quote", order(item(SQL, -7), surprise=SQL))

    fields = {problem["field"] for problem in error["details"]["problems"]}
    assert fields == {"body.items[0].productId", "body.items[0].quantity", "body.surprise"}
    assert SQL not in json.dumps(error)
    assert "-7" not in json.dumps(error)
    price = await guarded.refuses(
        "PUT", "/prices/TEST-001", {"basePrice": "1.999", "currency": "USD"}
    )
    assert price["details"]["problems"] == [
        {
            "field": "body.basePrice",
            "problem": "must be a decimal number as text, from 0 to 100000000.00, "
            "with at most 2 decimals",
        }
    ]


async def test_bad_codes_are_all_named(guarded: Guarded) -> None:
    """
    Expired, unknown and misplaced codes come with their reasons, and nothing is claimed.
    """
    before = await guarded.rows()

    error = await guarded.refuses(
        "POST",
        "/prices/quote",
        order(discountCodes=["expired10", "TYPO", "BOOKS15", "FLASH50", "SUMMER20"]),
    )

    assert error["code"] == "INVALID_DISCOUNT"
    assert error["details"]["codes"] == [
        {"code": "BOOKS15", "reason": "NOT_APPLICABLE"},
        {"code": "EXPIRED10", "reason": "EXPIRED"},
        {"code": "FLASH50", "reason": "NOT_STACKABLE"},
        {"code": "SUMMER20", "reason": "NOT_STACKABLE"},
        {"code": "TYPO", "reason": "UNKNOWN"},
    ]
    assert await guarded.rows() == before
