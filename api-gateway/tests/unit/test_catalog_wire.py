"""
What leaves as bytes, held to the models that the documentation shows.
"""

import json
from datetime import UTC, datetime
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from gateway.catalog import wire
from gateway.catalog.models import Categories, Checked, Lack, PageView, View
from gateway.catalog.schemas import (
    BulkCheckResponse,
    CatalogCategoriesResponse,
    CatalogPageResponse,
    CatalogProductResponse,
)
from gateway.upstreams.models import Price, Product

TEXT = st.text(max_size=20).filter(lambda text: text.isprintable() or text.isascii())
COUNTS = st.integers(0, 10**9)
MOMENTS = st.datetimes(datetime(2000, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001  # the zone is added
PRODUCTS = st.builds(
    Product,
    id=st.just("A-1"),
    sku=TEXT,
    name=TEXT,
    description=TEXT,
    category=TEXT,
    image_url=TEXT,
    stock_level=COUNTS,
    reserved=COUNTS,
    available=COUNTS,
    updated_at=MOMENTS,
)
PRICES = st.builds(
    Price,
    product_id=st.just("A-1"),
    base_price=st.from_regex(r"[1-9][0-9]{0,17}\.[0-9]{2}", fullmatch=True),
    currency=st.sampled_from(["USD", "EUR", "KWD"]),
)
LACKS = st.builds(
    Lack,
    part=st.sampled_from(["inventory", "pricing"]),
    reason=st.sampled_from(["CIRCUIT_OPEN", "NOT_FOUND"]),
    age_s=st.none() | st.floats(0, 300),
)
LACKS_OF_ONE = st.lists(LACKS, max_size=2).map(tuple)
VIEWS = st.builds(
    View,
    id=st.just("A-1"),
    product=st.none() | PRODUCTS,
    price=st.none() | PRICES,
    lacks=LACKS_OF_ONE,
).filter(lambda view: bool(view.lacks) or None not in {view.product, view.price})


def expected(view: View) -> dict[str, Any]:
    """
    The product by the model, field by field.
    """
    product, price = view.product, view.price
    model = CatalogProductResponse(
        id=view.id,
        sku=product and product.sku,
        name=product and product.name,
        description=product and product.description,
        category=product and product.category,
        image_url=product and product.image_url,
        stock_level=product and product.stock_level,
        reserved=product and product.reserved,
        available=product and product.available,
        updated_at=product and product.updated_at,
        price=price and price.base_price,
        currency=price and price.currency,
        complete=not view.lacks,
        unavailable=[
            {
                "part": lack.part,
                "reason": lack.reason,
                "stale": lack.age_s is not None,
                "ageSeconds": None if lack.age_s is None else int(lack.age_s),
            }
            for lack in view.lacks
        ],
    )
    return model.model_dump(mode="json", by_alias=True, exclude={"explain"})


@given(view=VIEWS)
def test_a_product_is_written_as_the_model_says(view: View) -> None:
    """
    Whatever stands in its fields, its JSON is what the model would have written.
    """
    told = json.loads(wire.product_json(view))
    by_model = expected(view)
    moments = (told.pop("updatedAt"), by_model.pop("updatedAt"))

    assert told == by_model
    assert [moment and datetime.fromisoformat(moment) for moment in moments] == [
        view.product and view.product.updated_at
    ] * 2


@given(views=st.lists(VIEWS, max_size=4), lacks=LACKS_OF_ONE)
def test_lists_are_written_as_the_models_say(views: list[View], lacks: tuple[Lack, ...]) -> None:
    """
    Pages, bulk checks and categories hold exactly the documented fields, and products as they are.
    """
    products = [json.loads(wire.product_json(view)) for view in views]
    page = PageView(views, 1, 20, len(views), 1, lacks)
    lines = [
        *(Checked("A-1", "found", view) for view in views),
        Checked("A-2", "missing"),
        Checked("A-3", "failed", failed_for=lacks),
    ]
    categories = Categories([("food", 3), ('"quoted"', 0)], lacks)

    told_page = json.loads(wire.page_json(page))
    told_lines = json.loads(wire.checked_json(lines))
    told_categories = json.loads(wire.categories_json(categories))

    CatalogPageResponse.model_validate(told_page)
    BulkCheckResponse.model_validate(told_lines)
    CatalogCategoriesResponse.model_validate(told_categories)
    assert told_page["items"] == products
    assert [line["product"] for line in told_lines["items"]] == [*products, None, None]
    assert told_page["complete"] is (not lacks and not any(view.lacks for view in views))
    assert told_categories["complete"] is (not lacks)


def test_an_explanation_is_added_at_the_end() -> None:
    """
    The answer stays as it was; the explanation comes after it.
    """
    assert wire.explained_json(b'{"a":1}', {"parts": []}) == b'{"a":1,"explain":{"parts":[]}}'
