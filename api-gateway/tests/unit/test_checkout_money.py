"""
Amounts as text and as whole minor units.
"""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.checkout.money import NotThatCurrency, from_minor, to_minor
from pricing.money import SUPPORTED, format_amount, minor_units
from pricing.money import from_minor as pricings_from_minor


@given(minor=st.integers(0, 2**63 - 1), currency=st.sampled_from(SUPPORTED))
def test_what_pricing_tells_is_read_and_told_again(minor: int, currency: str) -> None:
    """
    In every currency that pricing knows, to the last minor unit.
    """
    told = format_amount(pricings_from_minor(minor, currency), currency)

    assert to_minor(told, currency) == minor
    assert from_minor(minor, currency) == told


@pytest.mark.parametrize(
    ("amount", "currency"), [("1", "USD"), ("1.0", "USD"), ("1.00", "JPY"), ("1.00", "KWD")]
)
def test_an_amount_with_other_decimals_is_none(amount: str, currency: str) -> None:
    """
    Pricing and the gateway would mean different things by it.
    """
    with pytest.raises(NotThatCurrency):
        to_minor(amount, currency)


def test_a_currency_that_nobody_has_told_of_has_two_decimals() -> None:
    """
    As nearly all have; pricing knows fewer.
    """
    assert to_minor("19.99", "MAD") == 1999
    assert {minor_units(one) for one in SUPPORTED} == {0, 2, 3}
