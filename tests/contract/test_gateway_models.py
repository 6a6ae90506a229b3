"""
What the gateway reads is what inventory and pricing say in their descriptions that they send.
"""

from datetime import UTC, datetime
from typing import Any, Final, get_args, get_type_hints

import msgspec
import pytest
from msgspec import Struct

from gateway.upstreams import pricing as reading_pricing
from gateway.upstreams.inventory import Category
from gateway.upstreams.models import (
    PRODUCT_ID,
    AppliedDiscount,
    Price,
    Product,
    ProductPage,
    Quote,
    QuoteLine,
    Reservation,
)
from gateway.upstreams.quotes import _is_money
from gateway.upstreams.stock import _Line, _Lines
from inventory.main import create_app as inventory_service
from inventory.product_ids import ID_PATTERN
from inventory.products.schemas import Name, Text
from inventory.settings import Settings as InventorySettings
from inventory.stock.models import Status
from pricing.discounts.models import MAX_QUANTITY as PRICING_MAX_QUANTITY
from pricing.main import create_app as pricing_service
from pricing.money import SUPPORTED, format_amount, max_amount
from pricing.names import RESERVED_IDS
from pricing.quotes.schemas import MAX_ITEMS as PRICING_MAX_ITEMS
from pricing.settings import Settings as PricingSettings

Schemas = dict[str, Any]

MOMENT: Final = datetime(2026, 1, 1, 12, tzinfo=UTC)


@pytest.fixture(scope="module")
def described(tmp_path_factory: pytest.TempPathFactory) -> Schemas:
    """
    The schemas of both services' bodies.
    """
    database_url = f"sqlite:///{tmp_path_factory.mktemp('none')}/none.db"
    apps = (
        inventory_service(InventorySettings(_env_file=None, database_url=database_url)),
        pricing_service(PricingSettings(_env_file=None, database_url=database_url)),
    )
    return {
        name: schema
        for app in apps
        for name, schema in app.openapi()["components"]["schemas"].items()
    }


def form_of(schema: dict[str, Any]) -> tuple[str, str | None]:
    """
    What kind of JSON it is. A pattern's bounds are the reader's own.
    """
    return schema["type"], schema.get("format")


@pytest.mark.parametrize(
    ("model", "name"),
    [
        (Product, "ProductResponse"),
        (ProductPage, "ProductsResponse"),
        (Category, "CategoryResponse"),
        (Price, "PriceResponse"),
        (Reservation, "ReservationResponse"),
        (_Lines, "ReservationsResponse"),
        (Quote, "QuoteResponse"),
        (QuoteLine, "LineResponse"),
        (AppliedDiscount, "AppliedDiscountResponse"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_every_field_is_promised_by_its_service(
    model: type[Struct], name: str, described: Schemas
) -> None:
    """
    A field that the gateway reads is always sent, and is of the kind that is read.
    """
    told = described[name]
    read = msgspec.json.schema(model)["$defs"][model.__name__]

    assert {*read["properties"]} <= {*told["required"]}
    assert {field: form_of(schema) for field, schema in read["properties"].items()} == {
        field: form_of(told["properties"][field]) for field in read["properties"]
    }


def test_every_text_that_inventory_takes_can_be_read() -> None:
    """
    The bounds of what is read are not narrower than of what is kept.
    """
    longest = max(_max_length(Name), _max_length(Text))
    product = {
        "id": "A-1", "sku": "A-1", "category": "home", "imageUrl": "/a.svg", "updatedAt": "2026-01-01T12:00:00Z",
        "stockLevel": 0, "reserved": 0, "available": 0, "name": "x" * longest, "description": "x" * longest,
    }  # fmt: skip

    assert msgspec.convert(product, Product).name == "x" * longest


def test_every_amount_that_pricing_tells_can_be_read() -> None:
    """
    From nothing to the most that a price may be, in each currency.
    """
    for currency in SUPPORTED:
        most = max_amount(currency)
        amounts = [format_amount(amount, currency) for amount in (most, most - most)]
        prices = [Price("A-1", amount, currency) for amount in amounts]
        assert reading_pricing._are_sound(prices), prices


def test_every_sum_that_pricing_tells_can_be_read() -> None:
    """
    From nothing to the dearest order that there can be, in each currency.
    """
    for currency in SUPPORTED:
        piece = max_amount(currency)
        dearest = piece * PRICING_MAX_QUANTITY * PRICING_MAX_ITEMS
        for price, total in ((piece, 2 * dearest), (piece - piece, piece - piece)):
            names = ("subtotal", "discount", "tax", "final_price")
            sums = dict.fromkeys(names, format_amount(total, currency))
            line = QuoteLine(
                product_id="A-1",
                quantity=PRICING_MAX_QUANTITY,
                base_price=format_amount(price, currency),
                discounts=[],
                **sums,
            )
            quote = Quote(
                quote_id="q",
                valid_until=MOMENT,
                currency=currency,
                lines=[line],
                discounts=[],
                **sums,
            )
            assert _is_money(quote), quote


def test_every_state_of_a_reservation_can_be_read() -> None:
    """
    The gateway knows each word that inventory has for it.
    """
    assert {*get_args(get_type_hints(_Line)["status"])} == {status.value for status in Status}


def test_ids_have_one_form() -> None:
    """
    What inventory calls a product the gateway takes for an id, and nothing else.
    """
    assert f"^{PRODUCT_ID}$" == ID_PATTERN


def test_addresses_of_pricing_are_no_products() -> None:
    """
    The gateway asks for no price by a name that pricing refuses.
    """
    assert {*RESERVED_IDS} == reading_pricing._ADDRESSES


def _max_length(annotated: Any) -> int:  # noqa: ANN401  # an annotation has no type
    told: int = next(
        bound.max_length
        for part in annotated.__metadata__
        for bound in getattr(part, "metadata", ())
        if hasattr(bound, "max_length")
    )
    return told
