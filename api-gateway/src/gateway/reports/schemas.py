"""
What the routes of reports take, and what they answer as JSON: the latter for the documentation.
"""

from datetime import datetime
from typing import Annotated, Literal

from pydantic import ConfigDict, Field

from gateway.checkout.sales_models import TROUBLES, TroubleStatus
from gateway.reports.forms import Form
from gateway.reports.models import Lack
from gateway.reports.period import Moment
from servicekit.schemas import AnswerModel, RequestModel

Amount = Annotated[str, Field(examples=["1999.50"])]


class FormQuery(RequestModel):
    """
    In which form a report is wanted.
    """

    format: Annotated[
        Form | None, Field(description="Instead of Accept: json, or csv to keep as a file")
    ] = None


class PeriodQuery(FormQuery):
    """
    Which orders a report is about: by when they were accepted.
    """

    from_: Annotated[
        Moment | None,
        Field(
            alias="from",
            description="The first day in UTC, or the first moment; 30 days before to",
            examples=["2026-11-01"],
        ),
    ] = None
    to: Annotated[
        Moment | None,
        Field(
            description="The day in UTC, or the moment, before which it ends; now",
            examples=["2026-12-01"],
        ),
    ] = None


class TopProductsQuery(PeriodQuery):
    """
    How many lines there may be.
    """

    limit: Annotated[int, Field(ge=1, le=1000, description="Lines at most")] = 100


class TroublesQuery(PeriodQuery):
    """
    Which troubles.
    """

    status: Annotated[
        list[TroubleStatus],
        Field(
            default_factory=list,
            max_length=len(TROUBLES),
            description="Only these; may stand several times",
        ),
    ]


class _Answer(AnswerModel):
    model_config = ConfigDict(extra="forbid")


class _Period(_Answer):
    from_: Annotated[datetime, Field(alias="from")]
    to: datetime


class OrdersTotalResponse(_Answer):
    """
    Orders of one status. Amounts are null where no money belongs to it.
    """

    status: str
    currency: str | None
    orders: int
    revenue: Amount | None
    cancelled: Amount | None


class OrdersLineResponse(OrdersTotalResponse):
    """
    The same of one day in UTC.
    """

    day: Annotated[str, Field(examples=["2026-11-21"])]


class OrdersReportResponse(_Period):
    """
    Orders by day, status and currency. ``revenue`` is what confirmed orders come to; ``cancelled``
    what those came to that were confirmed first. Orders that were rejected or have failed are all counted
    from ``completeSince`` on, unless they were kept for a shorter time before.
    """

    report: Literal["orders"]
    complete_since: datetime
    items: list[OrdersLineResponse]
    totals: list[OrdersTotalResponse]


class TopProductResponse(_Answer):
    """
    What was sold of a product in one currency.
    """

    product_id: str
    currency: str
    orders: int
    units: int
    revenue: Amount


class TopProductsReportResponse(_Period):
    """
    The products that confirmed orders hold, most units first.
    """

    report: Literal["top-products"]
    limit: int
    items: list[TopProductResponse]


class DiscountResponse(_Answer):
    """
    In how many orders a code was used, and what it took off them.
    """

    code: str
    currency: str
    orders: int
    amount: Amount


class DiscountsReportResponse(_Period):
    """
    The codes that confirmed orders used.
    """

    report: Literal["discounts"]
    items: list[DiscountResponse]


class StockLineResponse(_Answer):
    """
    The units of a product that are there, reserved ones too, and what they are worth. ``lack``:
    it has no price, or one that cannot be read.
    """

    product_id: str
    sku: str
    stock_level: int
    reserved: int
    price: Amount | None
    currency: str | None
    value: Amount | None
    lack: Lack | None


class StockTotalResponse(_Answer):
    """
    All products with a price in one currency.
    """

    currency: str
    products: int
    units: int
    value: Amount


class LackingResponse(_Answer):
    """
    How many products are in no total.
    """

    no_price: Annotated[int, Field(alias="NO_PRICE")]
    unreadable: Annotated[int, Field(alias="UNREADABLE")]


class StockValueReportResponse(_Answer):
    """
    Every product, read page by page from ``readFrom`` on: each counts as it was when its page was
    read. ``complete``: all of them are in the totals.
    """

    report: Literal["stock-value"]
    read_from: datetime
    items: list[StockLineResponse]
    totals: list[StockTotalResponse]
    lacking: LackingResponse
    complete: bool


class StepResponse(_Answer):
    """
    Something that has happened to an order.
    """

    name: Annotated[str, Field(examples=["reserve-stock.done"])]
    at: datetime


class TroubleResponse(_Answer):
    """
    An order of which nothing came or nothing is left. Whose it is: null for a guest.
    """

    order_id: str
    status: TroubleStatus
    owner: str | None
    created_at: datetime
    updated_at: datetime
    ended_at: datetime | None
    reason_code: str | None
    reason: dict[str, object] | None
    failed_step: str | None
    attention_since: datetime | None
    attention: dict[str, object] | None
    correlation_id: str
    steps: list[StepResponse]


class TroublesReportResponse(_Period):
    """
    The orders, the oldest first. Such as were rejected or have failed are all there from
    ``completeSince`` on, unless they were kept for a shorter time before; older ones may be dropped.
    """

    report: Literal["troubles"]
    complete_since: datetime
    statuses: list[TroubleStatus]
    items: list[TroubleResponse]
