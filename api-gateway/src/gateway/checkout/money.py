"""
Amounts between texts (``19.99``), as other services and clients tell them, and whole minor units
(1999), as they are kept.

How many decimals a currency has is ISO 4217's to say. An amount that is told with others is none:
pricing and the gateway would mean different things by it.
"""

from decimal import Decimal
from typing import Final

#: All others have two. In lines of ten, where the formatter would make twenty-five.
_NONE: Final = frozenset({
    "BIF", "CLP", "DJF", "GNF", "ISK", "JPY", "KMF", "KRW", "PYG", "RWF",
    "UGX", "UYI", "VND", "VUV", "XAF", "XOF", "XPF",
})  # fmt: skip
_THREE: Final = frozenset({"BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND"})


class NotThatCurrency(ValueError):
    """
    The amount has other decimals than its currency.
    """


def decimals_of(currency: str) -> int:
    """
    How many decimals amounts of the currency have.
    """
    if currency in _NONE:
        return 0
    return 3 if currency in _THREE else 2


def to_minor(amount: str, currency: str) -> int:
    """
    The amount in minor units; raises NotThatCurrency.
    """
    whole, _, decimals = amount.partition(".")
    if len(decimals) != decimals_of(currency):
        raise NotThatCurrency
    return int(whole + decimals)


def from_minor(minor: int, currency: str) -> str:
    """
    The amount of so many minor units, with all decimals of its currency.
    """
    return str(Decimal(minor).scaleb(-decimals_of(currency)))
