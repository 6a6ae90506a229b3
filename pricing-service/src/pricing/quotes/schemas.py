"""
What the quote routes take and answer.
"""

from datetime import datetime
from typing import Annotated, Final

from pydantic import AfterValidator, ConfigDict, Field, JsonValue

from pricing.discounts.models import MAX_CODES, MAX_QUANTITY, normalised_code
from pricing.quotes.models import Item, Wanted
from pricing.schemas import Currency, Decimals, ProductId
from servicekit.schemas import AnswerModel, RequestModel, Whole

MAX_ITEMS: Final = 100
_DISCOUNT: Final[dict[str, JsonValue]] = {
    "code": "SUMMER20",
    "amount": "8.00",
    "description": "20 % off everything this summer",
}
EXAMPLE_CALCULATION: Final[dict[str, JsonValue]] = {
    "productId": "TEST-001",
    "quantity": 2,
    "discountCodes": ["SUMMER20"],
}
EXAMPLE_QUOTE: Final[dict[str, JsonValue]] = {
    "items": [{"productId": "TEST-001", "quantity": 2}],
    "discountCodes": ["SUMMER20"],
    "currency": "USD",
    "orderId": "ord-6f1c2a",
}
_SUMS: Final[dict[str, JsonValue]] = {
    "subtotal": "39.98",
    "discount": "8.00",
    "tax": "0.00",
    "finalPrice": "31.98",
}
_LINE: Final[dict[str, JsonValue]] = {
    "productId": "TEST-001",
    "quantity": 2,
    "basePrice": "19.99",
    "discounts": [_DISCOUNT],
    "taxRate": "0",
    **_SUMS,
}

Quantity = Annotated[int, Whole(ge=1, le=MAX_QUANTITY), Field(examples=[2])]
#: Longer than a code may be, so that blanks around one do no harm.
Code = Annotated[str, Field(max_length=60, examples=["SUMMER20"]), AfterValidator(normalised_code)]
Codes = Annotated[list[Code], Field(max_length=MAX_CODES)]
OrderId = Annotated[str, Field(pattern=r"^[A-Za-z0-9._:-]{1,128}$", examples=["ord-6f1c2a"])]


class ItemModel(RequestModel):
    """
    So many pieces of a product.
    """

    product_id: ProductId
    quantity: Quantity


def _each_once(items: list[ItemModel]) -> list[ItemModel]:
    if len({item.product_id for item in items}) < len(items):
        raise ValueError("must name each product once; add its quantities up")
    return items


class CalculationRequest(ItemModel):
    """
    So many pieces of one product, and the codes to use.
    """

    discount_codes: Codes = []  # noqa: RUF012  # pydantic copies a default for each instance
    currency: Currency | None = None

    def wanted(self, default_currency: str) -> Wanted:
        """
        What is to be priced.
        """
        return Wanted(
            items=(Item(self.product_id, self.quantity),),
            codes=tuple(self.discount_codes),
            currency=self.currency or default_currency,
        )


class QuoteRequest(RequestModel):
    """
    What an order is made of. With an ``orderId`` the quote is made once, and claims its codes.
    """

    items: Annotated[
        list[ItemModel],
        Field(min_length=1, max_length=MAX_ITEMS),
        AfterValidator(_each_once),
    ]
    discount_codes: Codes = []  # noqa: RUF012  # pydantic copies a default for each instance
    currency: Currency | None = None
    order_id: OrderId | None = None

    def wanted(self, default_currency: str) -> Wanted:
        """
        What is to be priced.
        """
        return Wanted(
            items=tuple(Item(item.product_id, item.quantity) for item in self.items),
            codes=tuple(self.discount_codes),
            currency=self.currency or default_currency,
        )


class ReleaseRequest(RequestModel):
    """
    The order that is given up.
    """

    order_id: OrderId


class AppliedDiscountResponse(AnswerModel):
    """
    What a code took off.
    """

    code: str
    amount: Decimals
    description: str


class CalculationResponse(AnswerModel):
    """
    What so many pieces cost, after discounts and with tax.
    """

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "productId": "TEST-001",
                    "quantity": 2,
                    "basePrice": "19.99",
                    "subtotal": "39.98",
                    "discounts": [_DISCOUNT],
                    "tax": "0.00",
                    "finalPrice": "31.98",
                    "currency": "USD",
                }
            ]
        }
    )

    product_id: ProductId
    quantity: int
    base_price: Decimals
    subtotal: Decimals
    discounts: list[AppliedDiscountResponse]
    tax: Decimals
    final_price: Decimals
    currency: Currency


class LineResponse(AnswerModel):
    """
    What a line costs: ``subtotal`` less ``discount`` plus ``tax`` is ``finalPrice``.
    """

    product_id: ProductId
    quantity: int
    base_price: Decimals
    subtotal: Decimals
    discounts: list[AppliedDiscountResponse]
    discount: Decimals
    tax_rate: Annotated[Decimals, Field(description="As a part of one")]
    tax: Decimals
    final_price: Decimals


class QuoteResponse(AnswerModel):
    """
    What an order costs, until just before ``validUntil``; its sums are those of its lines.
    """

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "quoteId": "0b0f7f2e-6a30-4c5e-9a52-9d1f3c2a7b11",
                    "validUntil": "2026-01-01T12:15:00Z",
                    "currency": "USD",
                    "lines": [_LINE],
                    "discounts": [_DISCOUNT],
                    **_SUMS,
                }
            ]
        }
    )

    quote_id: str
    valid_until: datetime
    currency: Currency
    lines: list[LineResponse]
    discounts: list[AppliedDiscountResponse]
    subtotal: Decimals
    discount: Decimals
    tax: Decimals
    final_price: Decimals


class ReleaseResponse(AnswerModel):
    """
    The order has given back what it had claimed, and cannot be quoted any more.
    """

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"orderId": "ord-6f1c2a", "releasedAt": "2026-01-01T12:00:00Z"}]
        }
    )

    order_id: str
    released_at: datetime
