"""
Every combination of what both services may do, with and without values from before.

The tables say what a client is told. They know nothing of how the gateway comes to it.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

import httpx
import pytest
from catalog_app import RunningCatalog, running_catalog
from fake_backends import (
    FakeBackends,
    FakeInventory,
    FakePricing,
    Fault,
    Held,
    instead,
    price,
    product,
)

from gateway.catalog.schemas import (
    BulkCheckResponse,
    CatalogPageResponse,
    CatalogProductResponse,
)

pytestmark = pytest.mark.leaping_time

Answering = Coroutine[Any, Any, httpx.Response]

ID: Final = "A-1"
AGE_S: Final = 12
#: What a caller gives whose backend hangs.
SHORT_MS: Final = 500


class Row(NamedTuple):
    """
    The status, what stands in the fields of inventory and in the price (new, old or null), and which
    parts are named as not available.
    """

    status: int
    fields: str = ""
    price: str = ""
    named: str = ""


@dataclass(frozen=True, slots=True)
class Doing:
    """
    What a service does: in the table's words, and the reason that a client is told of it.
    """

    kind: str
    reason: str | None = None


#: ``ok``: it tells. ``none``: it tells that there is none. ``gone``: nothing usable comes from it.
DEEDS: Final[dict[str, Doing]] = {
    "ok": Doing("ok"),
    "slow then ok": Doing("ok"),
    "knows none": Doing("none", "NOT_FOUND"),
    "404": Doing("gone", "UPSTREAM_ERROR"),
    "422": Doing("gone", "UPSTREAM_ERROR"),
    "500": Doing("gone", "UPSTREAM_ERROR"),
    "timeout": Doing("gone", "UPSTREAM_ERROR"),
    "stalled": Doing("gone", "DEADLINE_EXCEEDED"),
    "open breaker": Doing("gone", "CIRCUIT_OPEN"),
    "garbage": Doing("gone", "UPSTREAM_ERROR"),
    "garbage in the item": Doing("gone", "UPSTREAM_ERROR"),
    "another id": Doing("gone", "UPSTREAM_ERROR"),
}

#: For what is answered by the same rules: one deed of each kind, and those that end otherwise.
BRIEF: Final = ("ok", "slow then ok", "knows none", "500", "stalled", "open breaker")

#: By kind of inventory, kind of pricing, and whether there are values from before.
TABLE: Final[dict[tuple[str, str, bool], Row]] = {
    ("ok", "ok", False): Row(200, "new", "new"),
    ("ok", "ok", True): Row(200, "new", "new"),
    ("ok", "none", False): Row(200, "new", "null", "pricing"),
    ("ok", "none", True): Row(200, "new", "null", "pricing"),
    ("ok", "gone", False): Row(200, "new", "null", "pricing"),
    ("ok", "gone", True): Row(200, "new", "old", "pricing"),
    ("none", "ok", False): Row(404),
    ("none", "ok", True): Row(404),
    ("none", "none", False): Row(404),
    ("none", "none", True): Row(404),
    ("none", "gone", False): Row(404),
    ("none", "gone", True): Row(404),
    ("gone", "ok", False): Row(200, "null", "new", "inventory"),
    ("gone", "ok", True): Row(200, "old", "new", "inventory"),
    ("gone", "none", False): Row(503, named="inventory pricing"),
    ("gone", "none", True): Row(200, "old", "null", "inventory pricing"),
    ("gone", "gone", False): Row(503, named="inventory pricing"),
    ("gone", "gone", True): Row(200, "old", "old", "inventory pricing"),
}

FIELDS: Final = frozenset(product(ID)) | {"price", "currency", "complete", "unavailable"}
OLD: Final = {"stockLevel": 10, "name": "before", "price": "5.00"}
NEW: Final = {"stockLevel": 7, "name": "after", "price": "6.00"}


def backends(told: dict[str, Any]) -> FakeBackends:
    """
    Both services, which know the product as ``told``.
    """
    found = product(ID, stock=told["stockLevel"], name=told["name"])
    other = product("B-1", category="other")
    return FakeBackends(
        products={ID: found, "B-1": other},
        prices={ID: price(ID, told["price"]), "B-1": price("B-1")},
    )


class Slow(Held):
    """
    Answers as soon as it has been asked and the test has had its turn.
    """

    def __init__(self) -> None:
        super().__init__()
        self.asked = asyncio.Event()

    async def wait(self) -> None:
        """
        Until it is released.
        """
        self.asked.set()
        await super().wait()


def let_do(
    upstream: FakeInventory | FakePricing, deed: str, things: dict[str, Any], field: str
) -> None:
    """
    Let it do so from now on.
    """
    faults: dict[str, Fault] = {
        "slow then ok": Slow(),
        "stalled": Held(),
        "timeout": httpx.ReadTimeout("too slow"),
        "garbage": b"<html>oops</html>",
        "another id": instead(upstream.listed, ids="B-1"),
        "open breaker": AssertionError("asked although its breaker is open"),
    }
    if deed == "knows none":
        things.pop(ID)
    elif deed == "garbage in the item":
        things[ID][field] = {"not": "this"}
    elif deed != "ok":
        upstream.fail_always(faults.get(deed) or int(deed))


async def open_breakers(running: RunningCatalog, inventory: str, pricing: str) -> None:
    """
    Let those that shall be open have failed often enough, over other products.
    """
    backends = running.backends
    for upstream, deed in ((backends.inventory, inventory), (backends.pricing, pricing)):
        if deed == "open breaker":
            upstream.fail_always(500)
    if "open breaker" in {inventory, pricing}:
        for number in range(2):
            await running.get(f"/products/other-{number}")
            # Lists go to inventory by a way, and a breaker, of their own.
            await running.get("/products", q=f"other {number}")
        backends.inventory.recover()
        backends.pricing.recover()


async def answered(
    running: RunningCatalog, inventory: str, pricing: str, ask: Callable[[int | None], Answering]
) -> httpx.Response:
    """
    What is answered while both do so.
    """
    backends = running.backends
    await open_breakers(running, inventory, pricing)
    let_do(backends.inventory, inventory, backends.inventory.products, "name")
    let_do(backends.pricing, pricing, backends.pricing.prices, "basePrice")
    asking = asyncio.create_task(ask(SHORT_MS if "stalled" in {inventory, pricing} else None))
    for upstream in (backends.inventory, backends.pricing):
        if isinstance(slow := upstream._always, Slow):
            asked = asyncio.create_task(slow.asked.wait())
            # It is not asked where the answer is known without it.
            await asyncio.wait({asked, asking}, timeout=5, return_when=asyncio.FIRST_COMPLETED)
            asked.cancel()
            slow.release()
    return await asking


def expected_lacks(row: Row, inventory: str, pricing: str) -> list[dict[str, Any]]:
    """
    What ``unavailable`` says: each part that is named, its reason, and what stands in.
    """
    named = row.named.split()
    told = {"inventory": (inventory, row.fields), "pricing": (pricing, row.price)}
    return [
        {
            "part": part,
            "reason": DEEDS[deed].reason,
            "stale": stands == "old",
            "ageSeconds": AGE_S if stands == "old" else None,
        }
        for part, (deed, stands) in told.items()
        if part in named
    ]


def check_product(told: dict[str, Any], row: Row, inventory: str, pricing: str) -> None:
    """
    Its fields, its price, and what it says is missing are as the row has it; nothing else is there.
    """
    by_word = {"new": NEW, "old": OLD, "null": dict.fromkeys(NEW)}
    fields, money = by_word[row.fields], by_word[row.price]
    CatalogProductResponse.model_validate(told)
    assert told.keys() == FIELDS
    assert told["id"] == ID
    assert (told["stockLevel"], told["name"]) == (fields["stockLevel"], fields["name"])
    nulls = {
        told[name] is None
        for name in FIELDS - {"id", "price", "currency", "complete", "unavailable"}
    }
    assert nulls == {row.fields == "null"}
    assert told["price"] == money["price"]
    assert told["currency"] == (None if row.price == "null" else "USD")
    assert told["complete"] is (row.named == "")
    assert told["unavailable"] == expected_lacks(row, inventory, pricing)


def check_error(answer: httpx.Response, row: Row, inventory: str, pricing: str) -> None:
    """
    The error says what a client needs: that there is none, or which part is gone, why, and for how long.
    """
    error = answer.json()["error"]
    reasons = {"inventory": DEEDS[inventory].reason, "pricing": DEEDS[pricing].reason}
    if row.status == 404:
        assert (answer.status_code, error["code"]) == (404, "NOT_FOUND")
        assert error["details"] == {"what": "product", "id": ID}
    elif {*reasons.values()} - {"NOT_FOUND"} == {"DEADLINE_EXCEEDED"}:
        assert (answer.status_code, error["code"]) == (504, "DEADLINE_EXCEEDED")
    else:
        assert (answer.status_code, error["code"]) == (503, "SERVICE_UNAVAILABLE")
        assert error["details"]["parts"] == [
            {"part": part, "reason": reason} for part, reason in reasons.items()
        ]
        is_open = "CIRCUIT_OPEN" in reasons.values()
        assert answer.headers["Retry-After"] == ("60" if is_open else "1")


def row_of(inventory: str, pricing: str, *, has_last: bool) -> Row:
    """
    The row of what both do.
    """
    return TABLE[DEEDS[inventory].kind, DEEDS[pricing].kind, has_last]


@asynccontextmanager
async def prepared(*, has_last: bool) -> AsyncIterator[RunningCatalog]:
    """
    A catalog that has read everything before, or nothing, and services that tell something else now.
    """
    async with running_catalog(backends(OLD)) as running:
        if has_last:
            for path in (f"/products/{ID}", "/products?category=home"):
                assert (await running.get(path)).json()["complete"]
            running.clock.advance(AGE_S)
        running.backends.inventory.products[ID] |= {
            "stockLevel": 7,
            "available": 7,
            "name": "after",
        }
        running.backends.pricing.prices[ID] |= {"basePrice": "6.00"}
        yield running


@pytest.mark.parametrize("has_last", [False, True], ids=["nothing known", "known before"])
@pytest.mark.parametrize("pricing", DEEDS)
@pytest.mark.parametrize("inventory", DEEDS)
async def test_one_product(inventory: str, pricing: str, has_last: bool) -> None:
    """
    One product is answered as the table says, in the form that the documentation describes.
    """
    row = row_of(inventory, pricing, has_last=has_last)

    async with prepared(has_last=has_last) as running:
        answer = await answered(
            running,
            inventory,
            pricing,
            lambda within_ms: running.get(f"/products/{ID}", within_ms=within_ms),
        )

    if row.status != 200:
        check_error(answer, row, inventory, pricing)
        return
    assert answer.status_code == 200
    check_product(answer.json(), row, inventory, pricing)
    assert ("ETag" in answer.headers) == (row.named == "")
    assert answer.headers["Cache-Control"] == ("no-store" if row.named else "no-cache")


@pytest.mark.parametrize("has_last", [False, True], ids=["nothing known", "known before"])
@pytest.mark.parametrize("pricing", BRIEF)
@pytest.mark.parametrize("inventory", BRIEF)
async def test_a_bulk_check(inventory: str, pricing: str, has_last: bool) -> None:
    """
    A line of a bulk check says the same: found, missing or failed.
    """
    row = row_of(inventory, pricing, has_last=has_last)

    async with prepared(has_last=has_last) as running:
        answer = await answered(
            running, inventory, pricing, lambda within_ms: running.check(ID, within_ms=within_ms)
        )

    assert answer.status_code == 200
    BulkCheckResponse.model_validate(answer.json())
    (line,) = answer.json()["items"]
    status = {200: "found", 404: "missing", 503: "failed"}[row.status]
    assert (line["productId"], line["status"]) == (ID, status)
    assert (line["product"] is not None) == (status == "found")
    if status == "found":
        check_product(line["product"], row, inventory, pricing)
    reason = {"found": None, "missing": "NOT_FOUND", "failed": DEEDS[inventory].reason}[status]
    assert line["reason"] == reason
    assert [lack["part"] for lack in line["unavailable"]] == (
        ["inventory", "pricing"] if status == "failed" else []
    )
    assert answer.json()["complete"] is (row.named == "")
    assert answer.headers["Cache-Control"] == "no-store"


@pytest.mark.parametrize("has_last", [False, True], ids=["nothing known", "known before"])
@pytest.mark.parametrize("pricing", BRIEF)
@pytest.mark.parametrize("inventory", [one for one in BRIEF if one != "knows none"])
async def test_a_page(inventory: str, pricing: str, has_last: bool) -> None:
    """
    A page shows its products as they are shown alone; without inventory, only a page seen before.
    """
    row = row_of(inventory, pricing, has_last=has_last)
    is_list_lost = DEEDS[inventory].kind == "gone"

    async with prepared(has_last=has_last) as running:
        answer = await answered(
            running,
            inventory,
            pricing,
            lambda within_ms: running.get("/products", category="home", within_ms=within_ms),
        )

    if is_list_lost and not has_last:
        late = DEEDS[inventory].reason == "DEADLINE_EXCEEDED"
        assert answer.status_code == (504 if late else 503)
        return
    CatalogPageResponse.model_validate(answer.json())
    page = answer.json()
    assert (page["page"], page["size"], page["total"], page["pages"]) == (1, 20, 1, 1)
    (told,) = page["items"]
    check_product(told, row, inventory, pricing)
    assert page["complete"] is (row.named == "")
    assert [lack["part"] for lack in page["unavailable"]] == (["inventory"] if is_list_lost else [])
