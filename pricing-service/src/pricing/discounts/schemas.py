"""
What the discount routes take and answer.
"""

from datetime import datetime
from typing import Annotated, Final, Literal

from pydantic import ConfigDict, Field, JsonValue

from pricing.discounts.models import (
    MAX_PRIORITY,
    MAX_QUANTITY,
    MAX_TIERS,
    MAX_USE_LIMIT,
    MIN_PRIORITY,
    Discount,
    FixedAmount,
    Kind,
    Money,
    Percentage,
    QuantityTiers,
    Tier,
    parse_percent,
)
from pricing.discounts.repository import KeptDiscount
from pricing.moments import Moment
from pricing.money import format_amount, parse_amount
from pricing.schemas import AmountText, Category, Currency
from servicekit.errors import InvalidRequest, Problem
from servicekit.schemas import AnswerModel, PageOf, RequestModel, Whole, pages_of
from servicekit.text import PlainText

PercentText = Annotated[str, Field(max_length=8, examples=["20"])]

EXAMPLE_TERMS: Final[dict[str, JsonValue]] = {
    "description": "20 % off everything this summer",
    "kind": {"type": "PERCENTAGE", "percent": "20"},
    "category": None,
    "validFrom": None,
    "validUntil": "2026-09-01T00:00:00Z",
    "minimumOrder": {"amount": "25.00", "currency": "USD"},
    "useLimit": 100,
    "stackable": True,
    "priority": 100,
}
_EXAMPLE: Final[dict[str, JsonValue]] = {
    "code": "SUMMER20",
    **EXAMPLE_TERMS,
    "uses": 3,
    "updatedAt": "2026-01-01T12:00:00Z",
}


class AmountModel(RequestModel):
    """
    An amount of money.
    """

    amount: AmountText
    currency: Currency


class PercentageModel(RequestModel):
    """
    So many percent off each line.
    """

    type: Literal["PERCENTAGE"]
    percent: PercentText

    def kind(self) -> Kind:
        """
        As the engine knows it; raises ValueError.
        """
        return Percentage(parse_percent(self.percent))


class FixedAmountModel(AmountModel):
    """
    An amount off the order, spread over its lines in proportion.
    """

    type: Literal["FIXED_AMOUNT"]

    def kind(self) -> Kind:
        """
        As the engine knows it; raises ValueError.
        """
        return FixedAmount(parse_amount(self.amount, self.currency), self.currency)


class TierModel(RequestModel):
    """
    So many percent off a line of at least so many pieces.
    """

    min_quantity: Annotated[int, Whole(ge=1, le=MAX_QUANTITY)]
    percent: PercentText


class QuantityTiersModel(RequestModel):
    """
    The more pieces on a line, the more percent off it; the highest tier that is reached counts.
    """

    type: Literal["QUANTITY_TIERS"]
    tiers: Annotated[list[TierModel], Field(min_length=1, max_length=MAX_TIERS)]

    def kind(self) -> Kind:
        """
        As the engine knows it; raises ValueError.
        """
        return QuantityTiers(
            tuple(Tier(tier.min_quantity, parse_percent(tier.percent)) for tier in self.tiers)
        )


KindModel = Annotated[
    PercentageModel | FixedAmountModel | QuantityTiersModel, Field(discriminator="type")
]


class DiscountRequest(RequestModel):
    """
    What a code gives, and when it may be used. ``minimumOrder`` is measured before discounts;
    a code with a ``useLimit`` is claimed by each order that is quoted with it.
    """

    description: Annotated[PlainText, Field(min_length=1, max_length=200)]
    kind: KindModel
    category: Category | None = None
    valid_from: Moment | None = None
    valid_until: Moment | None = None
    minimum_order: AmountModel | None = None
    use_limit: Annotated[int, Whole(ge=1, le=MAX_USE_LIMIT)] | None = None
    stackable: Annotated[bool, Field(strict=True)] = True
    priority: Annotated[int, Whole(ge=MIN_PRIORITY, le=MAX_PRIORITY)] = 100

    def of(self, code: str) -> Discount:
        """
        The discount that is meant; raises InvalidRequest for values that do not go together.
        """
        return Discount(
            code=code,
            description=self.description,
            kind=self._kind(),
            category=self.category,
            valid_from=self.valid_from,
            valid_until=self._valid_until(),
            minimum_order=self._minimum(),
            use_limit=self.use_limit,
            stackable=self.stackable,
            priority=self.priority,
        )

    def _kind(self) -> Kind:
        try:
            return self.kind.kind()
        except ValueError as error:
            raise _wrong("kind", error) from None

    def _minimum(self) -> Money | None:
        if self.minimum_order is None:
            return None
        amount, currency = self.minimum_order.amount, self.minimum_order.currency
        try:
            return Money(parse_amount(amount, currency), currency)
        except ValueError as error:
            raise _wrong("minimumOrder.amount", error) from None

    def _valid_until(self) -> datetime | None:
        if self.valid_from and self.valid_until and self.valid_until <= self.valid_from:
            raise _wrong("validUntil", ValueError("must be after validFrom"))
        return self.valid_until


class DiscountResponse(AnswerModel):
    """
    A code, what it gives, and how many of its uses are claimed (counted while it has a limit).
    """

    model_config = ConfigDict(json_schema_extra={"examples": [_EXAMPLE]})

    code: str
    description: str
    kind: KindModel
    category: str | None
    valid_from: datetime | None
    valid_until: datetime | None
    minimum_order: AmountModel | None
    use_limit: int | None
    stackable: bool
    priority: int
    uses: int
    updated_at: datetime

    @classmethod
    def of(cls, kept: KeptDiscount) -> "DiscountResponse":
        """
        All that is told of a discount.
        """
        discount = kept.discount
        return cls(
            code=discount.code,
            description=discount.description,
            kind=_kind_model(discount.kind),
            category=discount.category,
            valid_from=discount.valid_from,
            valid_until=discount.valid_until,
            minimum_order=_amount_model(discount.minimum_order),
            use_limit=discount.use_limit,
            stackable=discount.stackable,
            priority=discount.priority,
            uses=kept.uses,
            updated_at=kept.updated_at,
        )


class DiscountsResponse(PageOf[DiscountResponse]):
    """
    One page of the codes.
    """

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"items": [_EXAMPLE], "page": 1, "size": 20, "total": 1, "pages": 1}]
        }
    )

    @classmethod
    def of_page(
        cls, found: list[KeptDiscount], total: int, *, page: int, size: int
    ) -> "DiscountsResponse":
        """
        The page with its place among the others.
        """
        return cls(
            items=[DiscountResponse.of(kept) for kept in found],
            page=page,
            size=size,
            total=total,
            pages=pages_of(total, size),
        )


def _kind_model(kind: Kind) -> PercentageModel | FixedAmountModel | QuantityTiersModel:
    match kind:
        case Percentage(percent):
            return PercentageModel(type="PERCENTAGE", percent=str(percent))
        case FixedAmount(amount, currency):
            told = format_amount(amount, currency)
            return FixedAmountModel(type="FIXED_AMOUNT", amount=told, currency=currency)
        case QuantityTiers(tiers):
            models = [
                TierModel(minQuantity=tier.min_quantity, percent=str(tier.percent))
                for tier in tiers
            ]
            return QuantityTiersModel(type="QUANTITY_TIERS", tiers=models)


def _amount_model(money: Money | None) -> AmountModel | None:
    if money is None:
        return None
    return AmountModel(amount=format_amount(money.amount, money.currency), currency=money.currency)


def _wrong(field: str, error: ValueError) -> InvalidRequest:
    return InvalidRequest(problems=[Problem(field=f"body.{field}", problem=str(error))])
