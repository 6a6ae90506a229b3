"""
How the service describes itself, and that its tables are what its migrations make.
"""

from typing import Any

from inventory_app import RunningInventory, settings_for

from inventory.demo_products import DEMO_PRODUCTS
from inventory.main import create_app
from inventory.seed import seed
from servicekit import migrations


async def test_migrations_make_the_tables(database_url: str) -> None:
    """
    A new database, migrated, differs in nothing from the tables that the code uses.
    """
    assert await migrations.pending_model_changes(database_url, "inventory") == []


async def test_every_route_is_described(sqlite_url: str) -> None:
    """
    Each route has a summary, each of its errors an example, each body and good answer a model that
    is called a request or a response.
    """
    paths = create_app(settings_for(sqlite_url)).openapi()["paths"]

    for path, operations in paths.items():
        for operation in operations.values():
            assert operation["summary"], path
            taken = operation.get("requestBody", {"content": {}})["content"]
            assert all(one["schema"]["$ref"].endswith("Request") for one in taken.values()), path
            for status, response in operation["responses"].items():
                if status.startswith("4"):
                    assert response["content"]["application/json"]["examples"], (path, status)
                elif status in {"200", "201"} and path.startswith("/api/v1"):
                    given = response["content"]["application/json"]["schema"]["$ref"]
                    assert given.endswith("Response"), path


async def test_repeats_answer_what_is_described(inventory: RunningInventory) -> None:
    """
    What a stock route sends has exactly the fields that OpenAPI shows for it.
    """
    schemas = (await inventory.public.get("http://inventory/openapi.json")).json()["components"]
    await inventory.product("lamp")
    single = await inventory.reserve("o-1", "lamp", 1)
    changed = await inventory.change("commit", orderId="o-1")
    listed = await inventory.service.get("/stock/reservations", params={"orderId": "o-1"})

    _check(schemas["schemas"], "ReservationResponse", single.json())
    for answer in (changed, listed):
        _check(schemas["schemas"], "ReservationsResponse", answer.json())
        _check(schemas["schemas"], "ReservationResponse", answer.json()["reservations"][0])


def _check(schemas: dict[str, Any], name: str, sent: dict[str, Any]) -> None:
    assert schemas[name]["required"] == [*sent]


async def test_health_tells_of_the_database(inventory: RunningInventory) -> None:
    """
    /health names the database, and the breaker of the way to identity.
    """
    health = (await inventory.public.get("http://inventory/health")).json()

    assert health["service"] == "inventory-service"
    assert health["dependencies"] == {"database": "healthy"}
    assert "identity" in health["details"]["upstreams"]


async def test_seeding_again_keeps_what_has_become(shop: RunningInventory) -> None:
    """
    What was changed, sold or removed since stays, and what is missing is made.
    """
    await shop.merchant.patch("/products/TEST-001", json={"name": "Other"})
    await shop.reserve("o-1", "TEST-002", 1)
    await shop.change("commit", orderId="o-1")
    await shop.merchant.delete("/products/TEST-003")
    before = (await shop.public.get("/products", params={"size": 200})).json()
    await seed(shop.services.products)
    after = (await shop.public.get("/products", params={"size": 200})).json()

    assert after == before
    assert after["total"] == len(DEMO_PRODUCTS) - 1
    assert await shop.services.ledger.audit() == {}
