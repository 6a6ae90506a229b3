"""
What is asked of a quote, and what it says.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

import orjson

from pricing.discounts.engine import PricedOrder


@dataclass(frozen=True, slots=True)
class Item:
    """
    So many pieces of a product.
    """

    product_id: str
    quantity: int


@dataclass(frozen=True, slots=True)
class Wanted:
    """
    What is to be priced: each product once, with normalised codes, as often as they were given.
    """

    items: tuple[Item, ...]
    codes: tuple[str, ...]
    currency: str

    @property
    def digest(self) -> str:
        """
        The same for what means the same: the order of items and codes does not count.
        """
        items = sorted([item.product_id, item.quantity] for item in self.items)
        meant = orjson.dumps([items, sorted(self.codes), self.currency])
        return hashlib.sha256(meant).hexdigest()


@dataclass(frozen=True, slots=True)
class QuoteTerms:
    """
    How orders are taxed, how long a quote holds, and how long it is kept after that.
    """

    tax_rates: Mapping[str, Decimal]
    hold_for: timedelta
    kept_for: timedelta


@dataclass(frozen=True, slots=True)
class Quote:
    """
    An order's price that holds until just before ``valid_until``.
    """

    id: str
    order: PricedOrder
    currency: str
    valid_until: datetime


@dataclass(frozen=True, slots=True)
class OrderState:
    """
    What has happened with an order's quote; ``answer`` is the quote as it was told.
    """

    asked_for: str | None
    released_at: datetime | None
    answer: str | None
