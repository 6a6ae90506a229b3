"""
What reports are told of orders.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Literal, get_args

from pydantic import JsonValue

from gateway.checkout.models import Status
from gateway.checkout.money import from_minor

#: Of an order of which nothing came, or nothing is left, or which somebody must look after.
TroubleStatus = Literal["REJECTED", "FAILED", "NEEDS_ATTENTION", "CANCELLING", "CANCELLED"]
TROUBLES: Final[tuple[TroubleStatus, ...]] = get_args(TroubleStatus)


@dataclass(frozen=True, slots=True)
class Span:
    """
    From ``start`` on, and before ``end``.
    """

    start: datetime
    end: datetime


@dataclass(frozen=True, slots=True)
class Amount:
    """
    So many minor units of a currency.
    """

    minor: int
    currency: str

    def __str__(self) -> str:
        return from_minor(self.minor, self.currency)


@dataclass(frozen=True, slots=True)
class DayOfOrders:
    """
    The orders that were accepted on one day and now have one status. ``total`` is None where no
    money belongs to that: the orders were never confirmed, or nobody knows yet whether they stay so.
    """

    day: str
    status: Status
    orders: int
    total: Amount | None


@dataclass(frozen=True, slots=True)
class ProductSold:
    """
    What confirmed orders hold of one product, in one currency.
    """

    product_id: str
    orders: int
    units: int
    total: Amount


@dataclass(frozen=True, slots=True)
class DiscountUsed:
    """
    In how many confirmed orders a code was used, and what it took off.
    """

    code: str
    orders: int
    amount: Amount


@dataclass(frozen=True, slots=True)
class Happened:
    """
    Something that has happened to an order.
    """

    name: str
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Trouble:
    """
    An order of which nothing came, or nothing is left, and what is known of why.
    """

    order_id: str
    owner: str | None
    status: Status
    created_at: datetime
    updated_at: datetime
    ended_at: datetime | None
    reason_code: str | None
    reason: Mapping[str, JsonValue] | None
    failed_step: str | None
    attention_since: datetime | None
    attention: Mapping[str, JsonValue] | None
    correlation_id: str
    happened: Sequence[Happened]
