"""
``/products``: how the catalog changes.
"""

import asyncio
import re

import pytest
from inventory_app import RunningInventory, reason_of

NEW = {"id": "lamp", "name": "Lamp", "category": "home", "stockLevel": 7}


async def test_a_new_product_can_be_read(inventory: RunningInventory) -> None:
    """
    A product is made with its first movement; SKU and picture come by themselves.
    """
    made = await inventory.merchant.post("/products", json=NEW)

    assert made.status_code == 201
    assert made.headers["location"] == "/api/v1/products/lamp"
    assert made.json() == {
        "id": "lamp",
        "sku": "lamp",
        "name": "Lamp",
        "description": "",
        "category": "home",
        "imageUrl": "/pictures/lamp.svg",
        "stockLevel": 7,
        "reserved": 0,
        "available": 7,
        "updatedAt": "2026-01-01T12:00:00Z",
    }
    assert (await inventory.public.get("/products/lamp")).json() == made.json()
    (first,) = await inventory.movements("lamp")
    assert (first["kind"], first["stockChange"], first["stockLevelAfter"]) == ("INITIAL", 7, 7)
    assert first["who"] == "user:merchant-1"


async def test_ids_and_skus_are_unique(inventory: RunningInventory) -> None:
    """
    An id or SKU that another product has, or had, is 409 and names the field.
    """
    await inventory.product("lamp", sku="L-1")
    await inventory.product("mug", sku="M-1")
    for body, field in (
        (NEW | {"sku": "L-2"}, "id"),
        (NEW | {"id": "other", "sku": "L-1"}, "sku"),
    ):
        taken = await inventory.merchant.post("/products", json=body)
        assert taken.status_code == 409
        assert taken.json()["error"]["details"] == {"reason": "TAKEN", "field": field}
    patch = await inventory.merchant.patch("/products/mug", json={"sku": "L-1"})
    assert (patch.status_code, patch.json()["error"]["details"]["field"]) == (409, "sku")
    await inventory.merchant.delete("/products/lamp")
    again = await inventory.merchant.post("/products", json=NEW)
    assert (again.status_code, again.json()["error"]["details"]["field"]) == (409, "id")


async def test_one_of_two_at_once_is_made(inventory: RunningInventory) -> None:
    """
    Of several requests for one id at the same moment, one is 201 and the others are 409.
    """
    answers = await asyncio.gather(
        *(inventory.merchant.post("/products", json=NEW) for _ in range(5))
    )

    assert sorted(answer.status_code for answer in answers) == [201, 409, 409, 409, 409]
    assert await inventory.kinds("lamp") == ["INITIAL"]


async def test_words_change_and_stock_does_not(inventory: RunningInventory) -> None:
    """
    A patch changes what it names, moves updatedAt, and finds the product by its new words.
    """
    before = await inventory.product("lamp", name="Lamp", description="Bright")
    inventory.clock.advance(60)
    patch = {"name": "Ölampe", "category": "garden", "imageUrl": "https://cdn.example.com/l.png"}
    changed = await inventory.merchant.patch("/products/lamp", json=patch)
    found = await inventory.public.get("/products", params={"q": "ÖLAMPE", "category": "garden"})

    assert changed.status_code == 200
    assert changed.json() == before | patch | {"updatedAt": "2026-01-01T12:01:00Z"}
    assert [item["id"] for item in found.json()["items"]] == ["lamp"]
    inventory.clock.advance(60)
    nothing = await inventory.merchant.patch("/products/lamp", json={})
    assert nothing.json() == changed.json()


async def test_a_removed_product_is_gone_and_its_ledger_stays(
    inventory: RunningInventory,
) -> None:
    """
    A removed product cannot be read, listed, reserved, changed or adjusted; its movements can be read.
    """
    await inventory.product("lamp")
    assert (await inventory.merchant.delete("/products/lamp")).status_code == 204

    adjustment = {"change": 1, "reason": "counted", "adjustmentId": "count-1"}
    gone = [
        await inventory.public.get("/products/lamp"),
        await inventory.public.get("http://inventory/pictures/lamp.svg"),
        await inventory.reserve("o-1", "lamp", 1),
        await inventory.merchant.patch("/products/lamp", json={"name": "x"}),
        await inventory.merchant.delete("/products/lamp"),
        await inventory.merchant.post("/products/lamp/adjustments", json=adjustment),
    ]
    assert [answer.status_code for answer in gone] == [404] * 6
    for query in ({}, {"ids": "lamp"}, {"q": "lamp"}):
        assert (await inventory.public.get("/products", params=query)).json()["items"] == []
    assert (await inventory.public.get("/categories")).json() == {"items": []}
    assert await inventory.kinds("lamp") == ["INITIAL"]


async def test_what_orders_hold_cannot_be_removed(inventory: RunningInventory) -> None:
    """
    While units are reserved a removal is refused; after it, committed units can still be returned.
    """
    await inventory.product("lamp", stock=5)
    await inventory.reserve("o-1", "lamp", 2)
    held = await inventory.merchant.delete("/products/lamp")
    await inventory.change("commit", orderId="o-1")
    removed = await inventory.merchant.delete("/products/lamp")
    returned = await inventory.change("return", orderId="o-1")

    assert (held.status_code, reason_of(held)) == (409, "UNITS_RESERVED")
    assert held.json()["error"]["details"]["reserved"] == 2
    assert removed.status_code == 204
    assert returned.status_code == 200
    assert await inventory.kinds("lamp") == ["INITIAL", "RESERVED", "COMMITTED", "RETURNED"]
    assert await inventory.services.ledger.audit() == {}


@pytest.mark.parametrize(
    ("changed", "field"),
    [
        ({"id": ""}, "body.id"),
        ({"id": "a b"}, "body.id"),
        ({"id": "x" * 65}, "body.id"),
        ({"id": "."}, "body.id"),
        ({"id": ".."}, "body.id"),
        ({"id": "-lamp"}, "body.id"),
        ({"id": "_lamp"}, "body.id"),
        ({"id": "quote"}, "body.id"),
        ({"id": "Quotes"}, "body.id"),
        ({"id": "CALCULATE"}, "body.id"),
        ({"sku": "."}, "body.sku"),
        ({"category": "home-"}, "body.category"),
        ({"category": "home--garden"}, "body.category"),
        ({"category": "c" * 41}, "body.category"),
        ({"name": " "}, "body.name"),
        ({"name": "a\u0000b"}, "body.name"),
        ({"name": "x" * 201}, "body.name"),
        ({"category": "Home & Garden"}, "body.category"),
        ({"description": "x" * 2001}, "body.description"),
        ({"imageUrl": "javascript:alert(1)"}, "body.imageUrl"),
        ({"imageUrl": "//evil.example.com/x.svg"}, "body.imageUrl"),
        ({"imageUrl": '/x" onerror="alert(1)'}, "body.imageUrl"),
        ({"stockLevel": -1}, "body.stockLevel"),
        ({"stockLevel": 1_000_000_001}, "body.stockLevel"),
        ({"stockLevel": "7"}, "body.stockLevel"),
        ({"stockLevel": 7.5}, "body.stockLevel"),
        ({"stockLevel": True}, "body.stockLevel"),
        ({"price": "1.00"}, "body.price"),
    ],
)
async def test_bad_words_are_refused(
    inventory: RunningInventory, changed: dict[str, object], field: str
) -> None:
    """
    What a catalog cannot hold is 422, names the field, and makes nothing.
    """
    refused = await inventory.merchant.post("/products", json=NEW | changed)

    assert refused.status_code == 422, refused.text
    assert [one["field"] for one in refused.json()["error"]["details"]["problems"]] == [field]
    assert (await inventory.public.get("/products")).json()["total"] == 0


@pytest.mark.parametrize("product_id", ["x", "0", "a.b", "a..", "quote-1", "x" * 64])
async def test_every_good_id_has_its_address(inventory: RunningInventory, product_id: str) -> None:
    """
    Whatever a product may be called, it is found where it was said to be.
    """
    made = await inventory.merchant.post("/products", json=NEW | {"id": product_id})
    there = await inventory.public.get(f"http://inventory{made.headers['location']}")

    assert there.json() == made.json()


async def test_names_of_addresses_are_told(inventory: RunningInventory) -> None:
    """
    Who calls a product like an address of the prices reads why not, and the description says it.
    """
    refused = await inventory.merchant.post("/products", json=NEW | {"id": "Quote"})
    schemas = (await inventory.public.get("http://inventory/openapi.json")).json()["components"]
    told = schemas["schemas"]["NewProductRequest"]["properties"]["id"]

    (problem,) = refused.json()["error"]["details"]["problems"]
    assert "calculate, quote, quotes" in problem["problem"]
    for name in ("calculate", "QUOTE", "Quotes"):
        assert re.search(told["pattern"], name)
        assert re.search(told["not"]["pattern"], name)
    assert not re.search(told["not"]["pattern"], "quote-1")
