"""
That the documentation shows every kind of answer.
"""

from typing import Any

import pytest
from catalog_app import running_catalog, three_products
from pydantic import BaseModel

from gateway.catalog import examples
from gateway.catalog.schemas import (
    BulkCheckResponse,
    CatalogCategoriesResponse,
    CatalogPageResponse,
    CatalogProductResponse,
)


@pytest.mark.parametrize(
    ("shown", "model"),
    [
        (examples.PRODUCTS, CatalogProductResponse),
        (examples.PAGES, CatalogPageResponse),
        (examples.CHECKS, BulkCheckResponse),
        (examples.CATEGORIES, CatalogCategoriesResponse),
    ],
)
def test_the_examples_are_of_the_documented_form(
    shown: dict[str, Any], model: type[BaseModel]
) -> None:
    """
    Every example of a kind of answer is one that the model describes.
    """
    for one in shown.values():
        model.model_validate(one["value"])


async def test_every_kind_of_answer_is_documented_with_an_example() -> None:
    """
    Complete, incomplete, not found, not changed, not available and refused: all stand in OpenAPI.
    """
    async with running_catalog(three_products()) as running:
        described = (await running.client.get("/openapi.json")).json()["paths"]

    one = described["/api/v1/products/{product_id}"]["get"]["responses"]
    assert {"200", "304", "404", "422", "503", "504"} <= one.keys()
    assert one["200"]["content"]["application/json"]["examples"].keys() == examples.PRODUCTS.keys()
    assert "ETag" in one["200"]["headers"]
    for status in ("404", "422", "503"):
        assert one[status]["content"]["application/json"]["examples"]
    for path, method in (
        ("/products", "get"),
        ("/products/bulk-check", "post"),
        ("/categories", "get"),
    ):
        good = described[f"/api/v1{path}"][method]["responses"]["200"]
        assert good["content"]["application/json"]["examples"]
        assert good["content"]["application/json"]["schema"]
