"""
Amounts, currencies and codes: what is read, what is refused, and how it is rounded.
"""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pricing.discounts.models import (
    Discount,
    FixedAmount,
    Money,
    Percentage,
    QuantityTiers,
    Tier,
    normalised_code,
    parse_percent,
)
from pricing.money import (
    MAX_MINOR_UNITS,
    SUPPORTED,
    InvalidAmount,
    UnknownCurrency,
    format_amount,
    from_minor,
    max_amount,
    minor_units,
    parse_amount,
    rounded,
    to_minor,
)

TEN = Percentage(Decimal(10))


@pytest.mark.parametrize(
    ("text", "currency", "minor", "shown"),
    [
        ("19.99", "USD", 1999, "19.99"),
        ("19.9", "USD", 1990, "19.90"),
        ("19", "USD", 1900, "19.00"),
        ("0", "USD", 0, "0.00"),
        ("0.01", "EUR", 1, "0.01"),
        ("1500", "JPY", 1500, "1500"),
        ("0", "JPY", 0, "0"),
        ("1.234", "KWD", 1234, "1.234"),
        ("0.001", "KWD", 1, "0.001"),
        ("100000000.00", "USD", 10_000_000_000, "100000000.00"),
        ("10000000000", "JPY", 10_000_000_000, "10000000000"),
        ("10000000", "KWD", 10_000_000_000, "10000000.000"),
    ],
)
def test_good_amounts(text: str, currency: str, minor: int, shown: str) -> None:
    """
    Plain digits with at most the currency's decimals are read exactly and shown with all of them.
    """
    amount = parse_amount(text, currency)

    assert to_minor(amount, currency) == minor
    assert format_amount(amount, currency) == shown


@pytest.mark.parametrize(
    ("text", "currency"),
    [
        ("", "USD"),
        ("-1", "USD"),
        ("-0", "USD"),
        ("+1", "USD"),
        ("1e3", "USD"),
        ("1E-2", "USD"),
        ("NaN", "USD"),
        ("sNaN", "USD"),
        ("Infinity", "USD"),
        (" 1", "USD"),
        ("1\n", "USD"),
        ("1.", "USD"),
        (".5", "USD"),
        ("01", "USD"),
        ("1,50", "USD"),
        ("1_000", "USD"),
        ("0x10", "USD"),
        ("\u0661", "USD"),  # the Arabic digit one, which Decimal would take
        ("1.999", "USD"),
        ("1.000", "USD"),
        ("1.5", "JPY"),
        ("1.0", "JPY"),
        ("1.2345", "KWD"),
        ("100000000.01", "USD"),
        ("10000000000.1", "USD"),
        ("10000000001", "JPY"),
        ("9" * 400, "USD"),
    ],
)
def test_bad_amounts(text: str, currency: str) -> None:
    """
    Signs, exponents, blanks, other digits, too many decimals and too much are refused.
    """
    with pytest.raises(InvalidAmount, match=f"with at most {minor_units(currency)} decimals"):
        parse_amount(text, currency)


@pytest.mark.parametrize("code", ["", "usd", "US", "USDX", "XXX", "U$D", "USD\n"])
def test_unknown_currencies(code: str) -> None:
    """
    Only the codes of the table are currencies; the refusal names them, and not what was sent.
    """
    with pytest.raises(UnknownCurrency, match=r"must be one of AED, AUD, .*, ZAR$"):
        minor_units(code)


def test_decimals_of_currencies() -> None:
    """
    The currencies differ in their decimals, by ISO 4217.
    """
    assert {minor_units(code) for code in SUPPORTED} == {0, 2, 3}
    assert [minor_units(code) for code in ("USD", "EUR", "GBP", "CHF", "JPY", "KWD")] == [
        *(2, 2, 2, 2, 0, 3)
    ]
    assert list(SUPPORTED) == sorted(set(SUPPORTED))


@pytest.mark.parametrize(
    ("amount", "currency", "nearest"),
    [
        ("0.005", "USD", "0.01"),
        ("0.015", "USD", "0.02"),
        ("0.025", "USD", "0.03"),  # half even would say 0.02
        ("0.0249999", "USD", "0.02"),
        ("2.675", "USD", "2.68"),  # a binary fraction would say 2.67
        ("0.5", "JPY", "1"),
        ("2.5", "JPY", "3"),
        ("2.4999", "JPY", "2"),
        ("0.0005", "KWD", "0.001"),
        ("1.0025", "KWD", "1.003"),
    ],
)
def test_halves_go_up(amount: str, currency: str, nearest: str) -> None:
    """
    Half a minor unit counts as a whole one.
    """
    assert rounded(Decimal(amount), currency) == Decimal(nearest)


@given(st.sampled_from(SUPPORTED), st.integers(min_value=0, max_value=MAX_MINOR_UNITS))
def test_amounts_survive_every_form(currency: str, minor: int) -> None:
    """
    Minor units, amount and text are three forms of the same.
    """
    amount = from_minor(minor, currency)

    assert to_minor(amount, currency) == minor
    assert parse_amount(format_amount(amount, currency), currency) == amount
    assert rounded(amount, currency) == amount
    assert amount <= max_amount(currency)


def test_no_amount_lies_between_minor_units() -> None:
    """
    What was never rounded is neither stored nor shown.
    """
    for write in (to_minor, format_amount):
        with pytest.raises(ValueError, match="whole number of minor units"):
            write(Decimal("0.005"), "USD")


def test_codes_have_one_form() -> None:
    """
    Case and blanks around a code do not matter.
    """
    assert normalised_code(" summer20 ") == normalised_code("SUMMER20") == "SUMMER20"
    assert normalised_code("a_-9") == "A_-9"


@pytest.mark.parametrize(
    "text",
    ["", " ", "A B", "A" * 41, "ÄB", "SUMMER20\n", "\u017fUMMER20", "STRA\u00dfE", "A\x00", "A'--"],
)
def test_what_is_no_code(text: str) -> None:
    """
    Other characters are refused, also those whose capitals are letters of ASCII (\u017f, \u00df).
    """
    with pytest.raises(ValueError, match="1 to 40 letters"):
        normalised_code(text)


@pytest.mark.parametrize("text", ["0.0001", "1", "12.5", "33.3333", "100", "100.0"])
def test_good_percentages(text: str) -> None:
    """
    More than nothing, at most everything, to four decimals.
    """
    assert parse_percent(text) == Decimal(text)


@pytest.mark.parametrize(
    "text",
    ["", "0", "0.0", "-1", "100.0001", "101", "999", "1e1", "NaN", "1.00001", "01", "1 ", "20%"],
)
def test_bad_percentages(text: str) -> None:
    """
    Anything else is refused.
    """
    with pytest.raises(ValueError, match="a percentage"):
        parse_percent(text)


def tiers(*steps: tuple[int, int]) -> QuantityTiers:
    """
    Tiers of these quantities and percentages.
    """
    return QuantityTiers(tuple(Tier(quantity, Decimal(percent)) for quantity, percent in steps))


@pytest.mark.parametrize(
    "steps",
    [
        (),
        ((0, 5),),
        ((1_000_001, 5),),
        ((5, 0),),
        ((5, 101),),
        ((5, 5), (5, 10)),
        ((5, 10), (10, 10)),
        ((10, 10), (5, 5)),
        tuple((quantity, quantity) for quantity in range(1, 22)),
    ],
)
def test_tiers_climb(steps: tuple[tuple[int, int], ...]) -> None:
    """
    There are 1 to 20 tiers, each for more pieces and more percent than the one before.
    """
    with pytest.raises(ValueError, match=r"tier|percentage"):
        tiers(*steps)


def test_the_highest_tier_reached_counts() -> None:
    """
    Each tier holds from its quantity until just below the next one's; before the first is nothing.
    """
    steps = tiers((5, 5), (10, 10))

    percents = [steps.percent_of(quantity) for quantity in (1, 4, 5, 9, 10, 1_000_000)]
    assert percents == [0, 0, 5, 5, 10, 10]


@pytest.mark.parametrize(
    "changed",
    [
        {"code": "lower"},
        {"code": ""},
        {"use_limit": 0},
        {"use_limit": 2_000_000_001},
        {"priority": -1},
        {"priority": 1001},
    ],
)
def test_impossible_discounts(changed: dict[str, object]) -> None:
    """
    A discount whose values make no sense cannot be built.
    """
    values: dict[str, object] = {"code": "OK", "description": "", "kind": TEN}
    with pytest.raises(ValueError, match=r"must|code"):
        Discount(**(values | changed))  # type: ignore[arg-type]  # a test's own table of values


@pytest.mark.parametrize(
    ("amount", "currency"), [("0", "USD"), ("-1", "USD"), ("0.001", "USD"), ("1", "XXX")]
)
def test_impossible_fixed_amounts(amount: str, currency: str) -> None:
    """
    A fixed amount is more than nothing, in whole minor units of a known currency.
    """
    with pytest.raises(ValueError, match="must be"):
        FixedAmount(Decimal(amount), currency)


def test_a_minimum_may_be_nothing_but_not_less() -> None:
    """
    A minimum order of zero is one that every order reaches.
    """
    assert Money(Decimal(0), "JPY").amount == 0
    with pytest.raises(ValueError, match="must not be below 0"):
        Money(Decimal(-1), "JPY")
