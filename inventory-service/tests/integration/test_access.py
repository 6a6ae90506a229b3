"""
Who may do what: reads are open, stock is for services, the catalog for those who run it.
"""

from typing import Any

import pytest
from inventory_app import MERCHANT, SERVICE, RunningInventory, bearer

NOBODY = "3f2b8a52-0000-4000-8000-000000000000"
LINE = {"orderId": "o-1", "productId": "lamp", "quantity": 1}
NEW = {"id": "x", "name": "x", "category": "x"}
ADJUSTMENT = {"change": 1, "reason": "r", "adjustmentId": "a-1"}
TARGET = {"orderId": "o-1"}

STOCK: list[tuple[str, str, Any]] = [
    ("POST", "/stock/reserve", LINE),
    (
        "POST",
        "/stock/reservations",
        {"orderId": "o-1", "items": [{"productId": "lamp", "quantity": 1}]},
    ),
    ("POST", "/stock/release", TARGET),
    ("POST", "/stock/commit", TARGET),
    ("POST", "/stock/return", TARGET),
    ("GET", "/stock/reservations?orderId=o-1", None),
    ("GET", f"/stock/reservations/{NOBODY}", None),
]
CATALOG: list[tuple[str, str, Any]] = [
    ("POST", "/products", NEW),
    ("PATCH", "/products/lamp", {"name": "x"}),
    ("DELETE", "/products/lamp", None),
    ("POST", "/products/lamp/adjustments", ADJUSTMENT),
    ("GET", "/products/lamp/movements", None),
    ("GET", "/stock/low", None),
]
OPEN = ["/products", "/products/lamp", "/products?ids=lamp", "/categories"]

SHOPPER = {"kind": "user", "sub": "shopper-1"}
#: A user who somehow has a service's permission; a service without it; one that may only read.
USER_WITH_STOCK = {"kind": "user", "sub": "odd-1", "permissions": ["stock:write"]}
OTHER_SERVICE = {"kind": "service", "sub": "pricing-service", "permissions": ["prices:quote"]}
READER = SERVICE | {"scope": "read"}


async def status(
    inventory: RunningInventory, claims: dict[str, Any] | None, method: str, path: str, body: object
) -> int:
    """
    What a caller with these claims is answered.
    """
    headers = bearer(claims) if claims else {}
    answer = await inventory.public.request(method, path, json=body, headers=headers)
    return answer.status_code


async def state(inventory: RunningInventory) -> object:
    """
    What would show a change.
    """
    products = (await inventory.public.get("/products")).json()
    return products, await inventory.movements("lamp")


@pytest.mark.parametrize(("method", "path", "body"), STOCK)
async def test_stock_is_moved_by_services(
    inventory: RunningInventory, method: str, path: str, body: object
) -> None:
    """
    Without a token 401; with a user's, without the permission, or with one to read only, 403; and
    nothing has changed.
    """
    await inventory.product("lamp")
    before = await state(inventory)

    assert await status(inventory, None, method, path, body) == 401
    for claims in (SHOPPER, MERCHANT, USER_WITH_STOCK, OTHER_SERVICE, READER):
        assert await status(inventory, claims, method, path, body) == 403, claims
    assert await state(inventory) == before
    assert await status(inventory, SERVICE, method, path, body) in {200, 201, 404}


@pytest.mark.parametrize(("method", "path", "body"), CATALOG)
async def test_the_catalog_is_for_those_who_run_it(
    inventory: RunningInventory, method: str, path: str, body: object
) -> None:
    """
    Without a token 401; without catalog:write 403, for services too; and nothing has changed.
    """
    await inventory.product("lamp")
    before = await state(inventory)

    assert await status(inventory, None, method, path, body) == 401
    for claims in (SHOPPER, SERVICE, OTHER_SERVICE):
        assert await status(inventory, claims, method, path, body) == 403, claims
    assert await state(inventory) == before
    assert await status(inventory, MERCHANT, method, path, body) in {200, 201, 204}


@pytest.mark.parametrize(("method", "path", "body"), CATALOG[:4])
async def test_who_may_only_read_changes_nothing(
    inventory: RunningInventory, method: str, path: str, body: object
) -> None:
    """
    The permission without the scope to write is not enough.
    """
    await inventory.product("lamp")

    assert await status(inventory, MERCHANT | {"scope": "read"}, method, path, body) == 403


@pytest.mark.parametrize("path", OPEN)
async def test_everybody_may_read(inventory: RunningInventory, path: str) -> None:
    """
    The catalog needs no token; one that does not hold is refused all the same.
    """
    await inventory.product("lamp")
    garbage = {"Authorization": "Bearer garbage"}

    assert (await inventory.public.get(path)).status_code == 200
    assert (await inventory.public.get(path, headers=garbage)).status_code == 401
