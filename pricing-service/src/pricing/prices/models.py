"""
Prices and their versions.

The versions of one product, currency and type follow one another: a version that begins ends
the one before it, and ends itself where the next begins. A sale price lies on top of the regular
one, so at each moment there is one price: the sale's, else the regular one, else none.
"""

import enum
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Final

#: The category of a product whose category nobody has said.
GENERAL: Final = "general"


class PriceType(enum.StrEnum):
    """
    What somebody sees of a price: the shop's usual one, or a better one for a time.
    """

    REGULAR = "REGULAR"
    SALE = "SALE"


@dataclass(frozen=True, slots=True)
class Price:
    """
    What one piece costs from ``valid_from`` until just before ``valid_until``.
    """

    product_id: str
    amount: Decimal
    currency: str
    type: PriceType
    valid_from: datetime
    valid_until: datetime

    def holds_at(self, moment: datetime) -> bool:
        """
        Whether it is in force at ``moment``.
        """
        return self.valid_from <= moment < self.valid_until


@dataclass(frozen=True, slots=True)
class PriceVersion:
    """
    A price as it was set.
    """

    price: Price
    set_at: datetime


@dataclass(frozen=True, slots=True)
class NewPrice:
    """
    A price that somebody sets. Without ``valid_from`` it holds at once, without ``valid_until``
    until the next, and without a ``category`` the product keeps the one it has.
    """

    product_id: str
    amount: Decimal
    currency: str
    type: PriceType = PriceType.REGULAR
    valid_from: datetime | None = None
    valid_until: datetime | None = None
    category: str | None = None


@dataclass(frozen=True, slots=True)
class SetPrice:
    """
    A version that was just set, and the product's category from now on.
    """

    version: PriceVersion
    category: str


@dataclass(frozen=True, slots=True)
class VersionPage:
    """
    Some of a product's versions, newest first, and how many there are.
    """

    versions: tuple[PriceVersion, ...]
    total: int


@dataclass(frozen=True, slots=True)
class Offer:
    """
    What a quote needs to know of a product.
    """

    price: Price
    category: str


def in_force(prices: list[Price], moment: datetime) -> Price | None:
    """
    The one of a product's prices in one currency that counts at ``moment``.
    """
    holding = [price for price in prices if price.holds_at(moment)]
    return min(holding, key=lambda price: price.type is not PriceType.SALE, default=None)


def next_change(prices: list[Price], moment: datetime) -> datetime | None:
    """
    When another price may count next, as far as these tell.
    """
    bounds = [bound for price in prices for bound in (price.valid_from, price.valid_until)]
    return min((bound for bound in bounds if bound > moment), default=None)
