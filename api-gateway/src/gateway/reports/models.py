"""
The rows of reports, and a report before it is written.

A row's fields are the columns of CSV and, in the same order, the fields of JSON.
"""

from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

from msgspec import Struct
from pydantic import JsonValue

Lack = Literal["NO_PRICE", "UNREADABLE"]


class Line(Struct, frozen=True, rename="camel"):
    """
    One row. Amounts are decimal strings with all decimals of their currency.
    """


class OrdersLine(Line, frozen=True):
    """
    The orders of one day and status; what they come to, where money belongs to that status.

    ``revenue`` is of confirmed orders, ``cancelled`` of those that were, and are or will be cancelled.
    """

    day: str
    status: str
    currency: str | None
    orders: int
    revenue: str | None
    cancelled: str | None


class ProductLine(Line, frozen=True):
    """
    What was sold of a product in one currency.
    """

    product_id: str
    currency: str
    orders: int
    units: int
    revenue: str


class DiscountLine(Line, frozen=True):
    """
    How often a code was used in one currency, and what it took off.
    """

    code: str
    currency: str
    orders: int
    amount: str


class StockLine(Line, frozen=True):
    """
    What the stock of a product is worth: every unit that is there, reserved ones too.

    ``lack`` says why nobody knows.
    """

    product_id: str
    sku: str
    stock_level: int
    reserved: int
    price: str | None
    currency: str | None
    value: str | None
    lack: Lack | None


class Step(Struct, frozen=True):
    """
    Something that has happened to an order.
    """

    name: str
    at: datetime


class TroubleLine(Line, frozen=True):
    """
    An order of which nothing came, or nothing is left. ``owner`` is a user's id, null a guest.
    """

    order_id: str
    status: str
    owner: str | None
    created_at: datetime
    updated_at: datetime
    ended_at: datetime | None
    reason_code: str | None
    reason: Mapping[str, JsonValue] | None
    failed_step: str | None
    attention_since: datetime | None
    attention: Mapping[str, JsonValue] | None
    correlation_id: str
    steps: Sequence[Step]


Batches = AsyncGenerator[Sequence[Line], None]


@dataclass(frozen=True, slots=True)
class Report:
    """
    ``batches``, none of them empty, are read as they are written, once; ``tail`` is asked after them.
    ``complete_since``: from when on all rows are there, where older ones may be dropped; as JSON has it.
    """

    name: str
    line: type[Line]
    head: Mapping[str, JsonValue]
    batches: Batches
    tail: Callable[[], Mapping[str, JsonValue]] = field(default=dict)
    complete_since: str | None = None
