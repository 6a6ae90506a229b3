"""
What the routes of orders take and answer: for the documentation, and for bodies that come in.
"""

import re
from datetime import UTC, datetime
from typing import Annotated, Final

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    JsonValue,
)

from gateway.checkout.models import Status, Wanted
from gateway.upstreams.models import PRODUCT_ID, Item
from servicekit.schemas import AnswerModel, PageOf, RequestModel, Whole

#: What inventory and pricing take: whatever is asked here can be asked there.
MAX_ITEMS: Final = 100
MAX_QUANTITY: Final = 1_000_000
MAX_CODES: Final = 5
_EARLIEST: Final = datetime(1970, 1, 1, tzinfo=UTC)
_LATEST: Final = datetime(9998, 1, 1, tzinfo=UTC)
_MOMENT: Final = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt][0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]+)?([Zz]|[+-][0-9]{2}:[0-9]{2})"
)
_CODE: Final = re.compile(r"[A-Za-z0-9_-]{1,40}")


def _as_text(told: object) -> object:
    """
    A moment as RFC 3339 has it; what is read besides, such as seconds since 1970, is no such text.
    """
    if not isinstance(told, str) or not _MOMENT.fullmatch(told):
        raise ValueError("must be a moment with its offset, such as 2026-07-01T12:00:00Z")
    return told


def _drawn_into_bounds(moment: datetime) -> datetime:
    return max(_EARLIEST, min(moment, _LATEST)).astimezone(UTC)


def _normalised(text: str) -> str:
    code = text.strip(" ")
    if not _CODE.fullmatch(code):
        raise ValueError("a code has 1 to 40 letters, digits, '_' and '-'")
    return code.upper()


ProductId = Annotated[str, Field(pattern=f"^{PRODUCT_ID}$", examples=["TEST-001"])]
OrderId = Annotated[
    str, Field(pattern="^[0-9a-f]{32}$", examples=["7f9c2ba4e88f827d616045507605853e"])
]
Currency = Annotated[str, Field(pattern="^[A-Z]{3}$", examples=["USD"])]
#: Longer than a code may be, so that blanks around one do no harm.
Code = Annotated[str, Field(max_length=60, examples=["SUMMER20"]), AfterValidator(_normalised)]
#: A moment that is only asked about: nothing was ordered before and after the bounds.
Moment = Annotated[
    AwareDatetime,
    BeforeValidator(_as_text),
    AfterValidator(_drawn_into_bounds),
    Field(examples=["2026-07-01T12:00:00Z"]),
]
Decimals = Annotated[str, Field(pattern=r"^[0-9]+(\.[0-9]+)?$", examples=["19.99"])]


class ItemRequest(RequestModel):
    """
    So many pieces of a product.
    """

    product_id: ProductId
    quantity: Annotated[int, Whole(ge=1, le=MAX_QUANTITY), Field(examples=[2])]


def _each_once(items: list[ItemRequest]) -> list[ItemRequest]:
    if len({item.product_id for item in items}) < len(items):
        raise ValueError("must name each product once; add its quantities up")
    return items


class OrderRequest(RequestModel):
    """
    What is ordered. Without a currency it is the shop's own.
    """

    items: Annotated[
        list[ItemRequest], Field(min_length=1, max_length=MAX_ITEMS), AfterValidator(_each_once)
    ]
    discount_codes: Annotated[list[Code], Field(max_length=MAX_CODES)] = []  # noqa: RUF012  # pydantic copies a default for each instance
    currency: Currency | None = None

    def wanted(self) -> Wanted:
        """
        The order that is meant.
        """
        return Wanted(
            tuple(Item(item.product_id, item.quantity) for item in self.items),
            tuple(self.discount_codes),
            self.currency,
        )


class OrdersQuery(BaseModel):
    """
    Which orders are listed.
    """

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)

    page: Annotated[int, Field(ge=1, le=100_000, description="Which page, from 1")] = 1
    size: Annotated[int, Field(ge=1, le=100, description="How many on a page")] = 20
    status: Annotated[Status | None, Field(description="Only these")] = None
    since: Annotated[Moment | None, Field(alias="from", description="Placed then or later")] = None
    before: Annotated[Moment | None, Field(alias="to", description="Placed earlier")] = None
    owner: Annotated[
        str | None,
        Field(
            max_length=255, description="Whose; needs the scope admin, which sees all by default"
        ),
    ] = None


class OrderItemResponse(AnswerModel):
    """
    A line of an order that was sold: ``unitPrice`` times ``quantity`` less ``discount`` plus ``tax`` is
    ``lineTotal``, what is to be paid for it.
    """

    model_config = ConfigDict(extra="forbid")

    product_id: ProductId
    quantity: int
    reservation_id: str
    unit_price: Decimals
    discount: Decimals
    tax: Decimals
    line_total: Decimals


class WantedItemResponse(AnswerModel):
    """
    A line of an order that was not sold, or not yet: there is no more to tell than what was asked for.
    """

    model_config = ConfigDict(extra="forbid")

    product_id: ProductId
    quantity: int
    reservation_id: None
    unit_price: None
    discount: None
    tax: None
    line_total: None


class OrderDiscountResponse(AnswerModel):
    """
    A code that was used, and what it took off the order.
    """

    model_config = ConfigDict(extra="forbid")

    code: str
    amount: Decimals
    description: str


class ConfirmedOrderResponse(AnswerModel):
    """
    An order that is confirmed. ``subtotal`` less ``discount`` plus ``tax`` is ``totalPrice``, the sum of
    the lines' totals.
    """

    model_config = ConfigDict(extra="forbid")

    order_id: OrderId
    status: Annotated[Status, Field(description="CONFIRMED", examples=["CONFIRMED"])]
    items: list[OrderItemResponse]
    discounts: list[OrderDiscountResponse]
    subtotal: Decimals
    discount: Decimals
    tax: Decimals
    total_price: Decimals
    currency: Currency
    quote_id: str
    created_at: datetime


class ReasonResponse(AnswerModel):
    """
    Why an order was rejected or has failed: as its error told, and by which step.
    """

    model_config = ConfigDict(extra="forbid")

    code: str
    message: str
    details: dict[str, JsonValue]
    step: str | None


class AttentionResponse(AnswerModel):
    """
    Since when and by what an order is held up. It is still being tried.
    """

    model_config = ConfigDict(extra="forbid")

    since: datetime
    step: str
    why: str


class EventResponse(AnswerModel):
    """
    Something that has happened to an order.
    """

    model_config = ConfigDict(extra="forbid")

    seq: int
    name: str
    at: datetime
    facts: dict[str, JsonValue]


class OrderResponse(AnswerModel):
    """
    An order as it stands. What is not known before it is confirmed is null. ``owner`` is null for a
    guest's order; ``endedAt`` for one that is on its way.
    """

    model_config = ConfigDict(extra="forbid")

    order_id: OrderId
    status: Status
    items: list[OrderItemResponse] | list[WantedItemResponse]
    discounts: list[OrderDiscountResponse]
    subtotal: Decimals | None
    discount: Decimals | None
    tax: Decimals | None
    total_price: Decimals | None
    currency: Currency | None
    quote_id: str | None
    discount_codes: list[str]
    reason: ReasonResponse | None
    attention: AttentionResponse | None
    owner: str | None
    created_at: datetime
    updated_at: datetime
    ended_at: datetime | None


class OrderWithTimelineResponse(OrderResponse):
    """
    The same, with what has happened to it, the oldest first.
    """

    model_config = ConfigDict(extra="forbid")

    timeline: list[EventResponse]


class OrdersResponse(PageOf[OrderResponse]):
    """
    One page of orders, the newest first.
    """

    model_config = ConfigDict(extra="forbid")
