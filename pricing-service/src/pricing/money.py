"""
Amounts of money: exact decimals, read strictly, rounded in one place.

Inside, an amount is a ``Decimal`` in the currency's own unit (19.99 dollars) beside the code of its
currency. In the database it is a whole number of minor units (1999 cents), which both databases keep
exactly. In requests and answers it is a decimal string with the currency's decimals ("19.99").

Nothing overflows: with at most ``MAX_MINOR_UNITS`` for one piece, a million pieces a line, a hundred
lines and as much tax again, a total is at most 2 * 10**18 minor units, and 64 bits hold 9 * 10**18.
"""

import re
from collections.abc import Mapping
from decimal import ROUND_HALF_UP, Decimal
from types import MappingProxyType
from typing import Final

#: Decimals of each currency, by ISO 4217. In lines of ten, where the formatter would make fifty.
_DECIMALS: Final[Mapping[str, int]] = MappingProxyType({
    "CLP": 0, "ISK": 0, "JPY": 0, "KRW": 0, "VND": 0,
    "AED": 2, "AUD": 2, "BRL": 2, "CAD": 2, "CHF": 2, "CNY": 2, "CZK": 2, "DKK": 2, "EUR": 2, "GBP": 2,
    "HKD": 2, "HUF": 2, "ILS": 2, "INR": 2, "MXN": 2, "NOK": 2, "NZD": 2, "PLN": 2, "RON": 2, "SAR": 2,
    "SEK": 2, "SGD": 2, "THB": 2, "TRY": 2, "TWD": 2, "USD": 2, "ZAR": 2,
    "BHD": 3, "JOD": 3, "KWD": 3, "OMR": 3, "TND": 3,
})  # fmt: skip
#: The currencies that this service knows, in alphabetical order.
SUPPORTED: Final = tuple(sorted(_DECIMALS))
#: The most that one amount from outside may be: 100,000,000.00 USD or 10,000,000,000 JPY.
MAX_MINOR_UNITS: Final = 10_000_000_000

_FORMS: Final = {
    0: re.compile(r"(?:0|[1-9][0-9]{0,10})"),
    2: re.compile(r"(?:0|[1-9][0-9]{0,10})(?:\.[0-9]{1,2})?"),
    3: re.compile(r"(?:0|[1-9][0-9]{0,10})(?:\.[0-9]{1,3})?"),
}
_STEPS: Final = {decimals: Decimal(1).scaleb(-decimals) for decimals in _FORMS}


class UnknownCurrency(ValueError):
    """
    This service has no currency of that code.
    """

    def __init__(self) -> None:
        super().__init__(f"must be one of {', '.join(SUPPORTED)}")


class InvalidAmount(ValueError):
    """
    The text is no amount of that currency.
    """

    def __init__(self, currency: str) -> None:
        decimals, most = minor_units(currency), max_amount(currency)
        super().__init__(
            f"must be a decimal number as text, from 0 to {most}, with at most {decimals} decimals"
        )


def minor_units(code: str) -> int:
    """
    How many decimals the currency has; raises UnknownCurrency.
    """
    try:
        return _DECIMALS[code]
    except KeyError:
        raise UnknownCurrency from None


def max_amount(currency: str) -> Decimal:
    """
    The most that one amount from outside may be.
    """
    return from_minor(MAX_MINOR_UNITS, currency)


def parse_amount(text: str, currency: str) -> Decimal:
    """
    The amount that plain digits say, such as ``"19.99"``; raises InvalidAmount for everything else.

    No sign, exponent, blank or superfluous zero in front, and no more decimals than the currency has.
    """
    if not _FORMS[minor_units(currency)].fullmatch(text):
        raise InvalidAmount(currency)
    amount = Decimal(text)
    if amount > max_amount(currency):
        raise InvalidAmount(currency)
    return rounded(amount, currency)


def format_amount(amount: Decimal, currency: str) -> str:
    """
    The amount with all decimals of its currency; it must be a whole number of minor units.
    """
    return str(from_minor(to_minor(amount, currency), currency))


def to_minor(amount: Decimal, currency: str) -> int:
    """
    The amount in minor units, exactly; an amount between two of them is a mistake in our code.
    """
    exact = amount.scaleb(minor_units(currency))
    if exact != exact.to_integral_value():
        raise ValueError("an amount must be a whole number of minor units")
    return int(exact)


def from_minor(minor: int, currency: str) -> Decimal:
    """
    The amount of so many minor units.
    """
    return Decimal(minor).scaleb(-minor_units(currency))


def rounded(amount: Decimal, currency: str) -> Decimal:
    """
    The nearest whole number of minor units; half a unit counts as one more (away from zero).
    """
    return amount.quantize(_STEPS[minor_units(currency)], rounding=ROUND_HALF_UP)
