"""
An order as the arithmetic takes it, and as it gives it back.
"""

from dataclasses import dataclass
from decimal import Decimal


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
