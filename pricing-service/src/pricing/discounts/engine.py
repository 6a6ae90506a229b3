"""
The arithmetic of an order: what its lines cost, what each code takes off, and the tax.
"""

import enum
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from pricing.discounts.models import Discount

DEFAULT_RATE = "default"


class Reason(enum.StrEnum):
    """
    Why a code cannot be used, the first that applies in this order.
    """

    REPEATED = "REPEATED"
    UNKNOWN = "UNKNOWN"
    NOT_YET_VALID = "NOT_YET_VALID"
    EXPIRED = "EXPIRED"
    USED_UP = "USED_UP"
    CURRENCY = "CURRENCY"
    MINIMUM_ORDER = "MINIMUM_ORDER"
    NOT_APPLICABLE = "NOT_APPLICABLE"
    NOT_STACKABLE = "NOT_STACKABLE"


@dataclass(frozen=True, slots=True)
class Refusal:
    """
    A code that cannot be used for this order, and why.
    """

    code: str
    reason: Reason


class DiscountsRefused(Exception):
    """
    At least one code cannot be used. All of them are named, sorted by code.
    """

    def __init__(self, refusals: tuple[Refusal, ...]) -> None:
        super().__init__(", ".join(f"{refusal.code}: {refusal.reason}" for refusal in refusals))
        self.refusals = refusals


@dataclass(frozen=True, slots=True)
class Line:
    """
    One product of an order, before discounts and tax. ``unit_price`` is in whole minor units.
    """

    product_id: str
    quantity: int
    unit_price: Decimal
    category: str


@dataclass(frozen=True, slots=True)
class AppliedDiscount:
    """
    What a code took off, of one line or of the whole order.
    """

    code: str
    description: str
    amount: Decimal


@dataclass(frozen=True, slots=True)
class PricedLine:
    """
    What a line costs. ``discounts`` are those that took something off it, in the order applied.
    """

    product_id: str
    quantity: int
    unit_price: Decimal
    subtotal: Decimal
    discounts: tuple[AppliedDiscount, ...]
    discount: Decimal
    tax_rate: Decimal
    tax: Decimal
    total: Decimal


@dataclass(frozen=True, slots=True)
class PricedOrder:
    """
    What an order costs: its lines in the order given, every code in the order applied, the sums.
    """

    lines: tuple[PricedLine, ...]
    discounts: tuple[AppliedDiscount, ...]
    subtotal: Decimal
    discount: Decimal
    tax: Decimal
    total: Decimal


def quote(
    lines: Sequence[Line],
    discounts: Sequence[Discount],
    *,
    currency: str,
    tax_rates: Mapping[str, Decimal],
    now: datetime,
    used_up: frozenset[str] = frozenset(),
    unknown: Sequence[str] = (),
) -> PricedOrder:
    """
    Price an order; raises DiscountsRefused naming every bad code at once.

    ``discounts`` are the known ones of the codes given, as often as they were given; ``unknown`` the
    codes that nobody knows; ``used_up`` the codes whose uses are all claimed, but for this order.
    """
    raise NotImplementedError
