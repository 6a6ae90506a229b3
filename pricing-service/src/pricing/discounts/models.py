"""
Discounts, as the shop sets them. None of them can exist with values that make no sense:
whoever builds one from outside gets a ``ValueError`` that says what to change.
"""

import itertools
import re
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Final

from pricing.money import to_minor

#: How many codes one order may use.
MAX_CODES: Final = 5
MAX_TIERS: Final = 20
#: The most pieces of one product in an order.
MAX_QUANTITY: Final = 1_000_000
#: Lower ones apply first.
MIN_PRIORITY: Final = 0
MAX_PRIORITY: Final = 1000
#: Uses are counted in a 32-bit column.
MAX_USE_LIMIT: Final = 2_000_000_000

_CODE: Final = re.compile(r"[A-Za-z0-9_-]{1,40}")
_PERCENT: Final = re.compile(r"(?:0|[1-9][0-9]{0,2})(?:\.[0-9]{1,4})?")


@dataclass(frozen=True, slots=True)
class Money:
    """
    An amount in a currency, never below zero.
    """

    amount: Decimal
    currency: str

    def __post_init__(self) -> None:
        if to_minor(self.amount, self.currency) < 0:
            raise ValueError("an amount must not be below 0")


@dataclass(frozen=True, slots=True)
class Percentage:
    """
    So many percent off each line.
    """

    percent: Decimal

    def __post_init__(self) -> None:
        _check_percent(self.percent)


@dataclass(frozen=True, slots=True)
class FixedAmount:
    """
    An amount off the order, spread over its lines in proportion.
    """

    amount: Decimal
    currency: str

    def __post_init__(self) -> None:
        if to_minor(self.amount, self.currency) <= 0:
            raise ValueError("a fixed amount must be more than 0")


@dataclass(frozen=True, slots=True)
class Tier:
    """
    So many percent off a line of at least ``min_quantity`` pieces.
    """

    min_quantity: int
    percent: Decimal

    def __post_init__(self) -> None:
        _check_percent(self.percent)
        if not 1 <= self.min_quantity <= MAX_QUANTITY:
            raise ValueError(f"a tier's quantity must be from 1 to {MAX_QUANTITY}")


@dataclass(frozen=True, slots=True)
class QuantityTiers:
    """
    The more pieces on a line, the more percent off it. The highest tier that is reached counts.
    """

    tiers: tuple[Tier, ...]

    def __post_init__(self) -> None:
        if not 1 <= len(self.tiers) <= MAX_TIERS:
            raise ValueError(f"there must be 1 to {MAX_TIERS} tiers")
        for lower, higher in itertools.pairwise(self.tiers):
            if lower.min_quantity >= higher.min_quantity or lower.percent >= higher.percent:
                raise ValueError(
                    "each tier must ask for more pieces than the one before, and give more"
                )

    def percent_of(self, quantity: int) -> Decimal:
        """
        What a line of so many pieces gets; zero below the first tier.
        """
        reached = (tier.percent for tier in reversed(self.tiers) if tier.min_quantity <= quantity)
        return next(reached, Decimal(0))


Kind = Percentage | FixedAmount | QuantityTiers


@dataclass(frozen=True, slots=True)
class Discount:
    """
    One code. It holds from ``valid_from`` until just before ``valid_until``, for lines of
    ``category`` (None: of any), in orders whose subtotal before discounts is at least
    ``minimum_order``, for ``use_limit`` orders (None: for any number of them).
    """

    code: str
    description: str
    kind: Kind
    category: str | None = None
    valid_from: datetime | None = None
    valid_until: datetime | None = None
    minimum_order: Money | None = None
    use_limit: int | None = None
    stackable: bool = True
    priority: int = 100

    def __post_init__(self) -> None:
        if self.code != normalised_code(self.code):
            raise ValueError("a discount is kept under its normalised code")
        if self.valid_from and self.valid_until and self.valid_from >= self.valid_until:
            raise ValueError("a discount must end after it begins")
        if self.use_limit is not None and not 1 <= self.use_limit <= MAX_USE_LIMIT:
            raise ValueError(f"a use limit must be from 1 to {MAX_USE_LIMIT}")
        if not MIN_PRIORITY <= self.priority <= MAX_PRIORITY:
            raise ValueError(f"a priority must be from {MIN_PRIORITY} to {MAX_PRIORITY}")

    def covers(self, category: str) -> bool:
        """
        Whether a line of that category may get something off.
        """
        return self.category in (None, category)


def normalised_code(text: str) -> str:
    """
    The form in which codes are kept and compared: no blanks around it, in capitals.
    """
    code = text.strip(" ")
    # ASCII is asked for before the capitals are made: other letters have capitals in ASCII too.
    if not _CODE.fullmatch(code):
        raise ValueError("a code has 1 to 40 letters, digits, '_' and '-'")
    return code.upper()


def parse_percent(text: str) -> Decimal:
    """
    The percentage that plain digits say, such as ``"12.5"``: more than 0, at most 100, 4 decimals.
    """
    if not _PERCENT.fullmatch(text):
        raise ValueError("a percentage is a decimal number as text, with at most 4 decimals")
    percent = Decimal(text)
    _check_percent(percent)
    return percent


def _check_percent(percent: Decimal) -> None:
    if not 0 < percent <= 100:
        raise ValueError("a percentage must be more than 0 and at most 100")
