"""
Inventory and pricing keep two halves of one catalog: they must agree on what its things are called.
"""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from inventory import main as inventory
from inventory.demo_products import DEMO_PRODUCTS
from inventory.settings import Settings as InventorySettings
from pricing import main as pricing
from pricing.demo_prices import demo_discounts, demo_prices
from pricing.settings import Settings as PricingSettings

NOW = datetime(2026, 6, 1, tzinfo=UTC)
#: What a value may be.
BOUNDS = ("pattern", "minLength", "maxLength", "minimum", "maximum", "not")


def described(url: str) -> dict[str, Any]:
    """
    The schemas of both services.
    """
    apps = {
        "inventory": inventory.create_app(InventorySettings(_env_file=None, database_url=url)),
        "pricing": pricing.create_app(PricingSettings(_env_file=None, database_url=url)),
    }
    return {name: app.openapi()["components"]["schemas"] for name, app in apps.items()}


def bounds_of(schemas: dict[str, Any], *names: str) -> Iterator[str]:
    """
    What requests say of the properties that are called so, as text to compare.
    """
    for title, schema in schemas.items():
        if title.endswith("Request"):
            for name in names:
                told = schema.get("properties", {}).get(name)
                for one in [] if told is None else told.get("anyOf", [told]):
                    if one.get("type") != "null":
                        yield str({bound: one[bound] for bound in BOUNDS if bound in one})


@pytest.mark.parametrize("names", [("productId",), ("category",), ("orderId",), ("quantity",)])
def test_both_take_the_same_values(names: tuple[str, ...], tmp_path: Path) -> None:
    """
    What one service takes as an id, a category or a quantity, the other takes too.
    """
    schemas = described(f"sqlite:///{tmp_path / 'none.db'}")

    taken = {service: {*bounds_of(schemas[service], *names)} for service in schemas}

    assert taken["inventory"] == taken["pricing"]
    assert len(taken["pricing"]) == 1


def test_every_product_of_the_demo_has_a_price() -> None:
    """
    In every currency that the demo speaks, and under the category that the shop shows.
    """
    categories = {product.id: product.category for product in DEMO_PRODUCTS}
    prices = demo_prices(NOW)

    for currency in {price.currency for price in prices}:
        priced = {
            one.product_id: one.category
            for one in prices
            if one.currency == currency and one.category
        }
        assert priced == categories


def test_every_discount_of_the_demo_has_something_to_take_off() -> None:
    """
    A code for a category that no product has would be a riddle to whoever tries it.
    """
    categories = {product.category for product in DEMO_PRODUCTS}

    assert {one.category for one in demo_discounts(NOW) if one.category} <= categories
