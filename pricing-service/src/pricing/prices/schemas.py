"""
What the price routes take and answer.
"""

from datetime import datetime
from typing import Annotated, Final

from pydantic import ConfigDict, Field, JsonValue

from pricing.moments import Moment
from pricing.money import parse_amount
from pricing.prices.models import NewPrice, PriceType
from pricing.schemas import AmountText, Category, Currency, Decimals, ProductId
from servicekit.errors import InvalidRequest, Problem
from servicekit.schemas import AnswerModel, PageOf, RequestModel

_PRICE: Final[dict[str, JsonValue]] = {
    "productId": "TEST-001",
    "basePrice": "19.99",
    "currency": "USD",
    "validFrom": "2026-01-01T12:00:00Z",
    "validUntil": None,
    "priceType": "REGULAR",
}
_VERSION: Final[dict[str, JsonValue]] = {**_PRICE, "setAt": "2026-01-01T12:00:00Z"}
EXAMPLE_SET: Final[dict[str, JsonValue]] = {
    "basePrice": "19.99",
    "currency": "USD",
    "category": "electronics",
}


class PriceRequest(RequestModel):
    """
    A price from a moment on. Without ``validFrom`` it holds at once, without ``validUntil`` until
    the next; without a ``category`` the product keeps the one it has, at first ``general``.
    """

    base_price: AmountText
    currency: Currency
    valid_from: Moment | None = None
    valid_until: Moment | None = None
    price_type: PriceType = PriceType.REGULAR
    category: Category | None = None

    def of(self, product_id: str) -> NewPrice:
        """
        The price that is meant; raises InvalidRequest for an amount that the currency has not.
        """
        try:
            amount = parse_amount(self.base_price, self.currency)
        except ValueError as error:
            problem = Problem("body.basePrice", str(error))
            raise InvalidRequest(problems=[problem]) from None
        return NewPrice(
            product_id=product_id,
            amount=amount,
            currency=self.currency,
            type=self.price_type,
            valid_from=self.valid_from,
            valid_until=self.valid_until,
            category=self.category,
        )


class PriceResponse(AnswerModel):
    """
    What one piece costs, before tax and discounts, from ``validFrom`` until just before
    ``validUntil`` (null: until it is changed).
    """

    model_config = ConfigDict(json_schema_extra={"examples": [_PRICE]})

    product_id: ProductId
    base_price: Decimals
    currency: Currency
    valid_from: datetime
    valid_until: datetime | None
    price_type: PriceType


class PricesResponse(AnswerModel):
    """
    The prices of the products that have one, in the order asked for.
    """

    model_config = ConfigDict(json_schema_extra={"examples": [{"items": [_PRICE]}]})

    items: list[PriceResponse]


class VersionResponse(PriceResponse):
    """
    A price as it was set. One that was replaced before it began ends where it begins.
    """

    model_config = ConfigDict(json_schema_extra={"examples": [_VERSION]})

    set_at: datetime


class SetPriceResponse(VersionResponse):
    """
    The price as it was set, and the product's category from now on.
    """

    model_config = ConfigDict(
        json_schema_extra={"examples": [{**_VERSION, "category": "electronics"}]}
    )

    category: Annotated[str, Field(description="For tax and for discounts of a category")]


class VersionsResponse(PageOf[VersionResponse]):
    """
    One page of a product's versions, those that begin last first.
    """

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"items": [_VERSION], "page": 1, "size": 20, "total": 1, "pages": 1}]
        }
    )
