"""
``/products/{id}/adjustments``: stock levels that people change, and the movements that tell of it.
"""

import asyncio

import pytest
from inventory_app import RunningInventory, reason_of


async def adjusted(
    inventory: RunningInventory, change: int, *, product: str = "lamp", reason: str = "counted"
) -> tuple[int, str | dict[str, object]]:
    """
    What an adjustment answers: its status, and its movement or the refusal's reason.
    """
    body = {"change": change, "reason": reason, "adjustmentId": "count-1"}
    answer = await inventory.merchant.post(f"/products/{product}/adjustments", json=body)
    return answer.status_code, answer.json() if answer.is_success else reason_of(answer)


async def test_an_adjustment_counts_once(inventory: RunningInventory) -> None:
    """
    The same adjustmentId again is the same movement, which reads as the ledger shows it; with
    another change or another reason it is refused.
    """
    await inventory.product("lamp", stock=5)
    await inventory.product("mug", stock=5)
    first = await adjusted(inventory, -2)
    inventory.clock.advance(60)

    assert first[0] == 201
    assert await adjusted(inventory, -2) == first
    assert (await inventory.movements("lamp"))[0] == first[1]
    assert await adjusted(inventory, -3) == (409, "OTHER_ADJUSTMENT")
    assert await adjusted(inventory, -2, reason="stolen") == (409, "OTHER_ADJUSTMENT")
    assert await inventory.amounts("lamp") == (3, 0)
    # One delivery note may count for many products.
    assert (await adjusted(inventory, 4, product="mug"))[0] == 201
    assert await inventory.amounts("mug") == (9, 0)


async def test_adjustments_at_once_count_once(inventory: RunningInventory) -> None:
    """
    A key that is sent several times at the same moment is one movement.
    """
    await inventory.product("lamp", stock=5)
    answers = await asyncio.gather(*(adjusted(inventory, 3) for _ in range(5)))

    assert answers == [answers[0]] * 5
    assert await inventory.amounts("lamp") == (8, 0)


@pytest.mark.parametrize(
    ("change", "reason"), [(-4, "BELOW_RESERVED"), (1_000_000_000, "ABOVE_LIMIT")]
)
async def test_an_adjustment_keeps_what_is_reserved(
    inventory: RunningInventory, change: int, reason: str
) -> None:
    """
    The stock level can fall to what orders hold and no further, and rise to the bound and no higher.
    """
    await inventory.product("lamp", stock=5)
    await inventory.reserve("o-1", "lamp", 2)
    body = {"change": change, "reason": "counted", "adjustmentId": "count-1"}
    refused = await inventory.merchant.post("/products/lamp/adjustments", json=body)

    assert refused.status_code == 409
    assert refused.json()["error"]["details"] == {
        "reason": reason,
        "productId": "lamp",
        "change": change,
        "stockLevel": 5,
        "reserved": 2,
    }
    # The key was not used up.
    assert (await adjusted(inventory, -3))[0] == 201
    assert await inventory.amounts("lamp") == (2, 2)


async def test_movements_tell_who_and_why(inventory: RunningInventory) -> None:
    """
    Each movement names its cause, its caller and the request; the newest stands first, by pages.
    """
    await inventory.product("lamp", stock=5)
    await inventory.service.post(
        "/stock/reserve",
        json={"orderId": "o-1", "productId": "lamp", "quantity": 2},
        headers={"X-Correlation-ID": "checkout-1"},
    )
    await adjusted(inventory, 1)
    first = await inventory.merchant.get("/products/lamp/movements", params={"size": 2})
    second = await inventory.merchant.get("/products/lamp/movements", params={"size": 2, "page": 2})
    adjustment, reserved = first.json()["items"]

    assert {**first.json(), "items": []} == {
        "items": [],
        "page": 1,
        "size": 2,
        "total": 3,
        "pages": 2,
    }
    assert [item["kind"] for item in second.json()["items"]] == ["INITIAL"]
    assert (reserved["who"], reserved["correlationId"]) == ("service:api-gateway", "checkout-1")
    assert (reserved["orderId"], reserved["reservedChange"]) == ("o-1", 2)
    assert (adjustment["who"], adjustment["why"]) == ("user:merchant-1", "counted")
    assert adjustment["adjustmentId"] == "count-1"
    assert (adjustment["stockLevelAfter"], adjustment["reservedAfter"]) == (6, 2)
    unknown = await inventory.merchant.get("/products/ghost/movements")
    assert unknown.status_code == 404


@pytest.mark.parametrize(
    "changed",
    [
        {"change": 0},
        {"change": "1"},
        {"change": 1.5},
        {"change": 10**30},
        {"reason": ""},
        {"reason": "a\u0007"},
        {"adjustmentId": ""},
        {"adjustmentId": "a b"},
        {"extra": 1},
    ],
)
async def test_bad_adjustments_are_refused(
    inventory: RunningInventory, changed: dict[str, object]
) -> None:
    """
    An adjustment that is none is 422, and nothing moves.
    """
    await inventory.product("lamp")
    body = {"change": 1, "reason": "counted", "adjustmentId": "count-1"} | changed
    refused = await inventory.merchant.post("/products/lamp/adjustments", json=body)

    assert refused.status_code == 422, refused.text
    assert await inventory.kinds("lamp") == ["INITIAL"]
