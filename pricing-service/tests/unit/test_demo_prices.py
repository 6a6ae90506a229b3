"""
The demo's prices and codes.
"""

from collections import Counter
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from pricing.demo_prices import CURRENCIES, demo_discounts, demo_prices
from pricing.discounts.engine import DiscountsRefused, Line, price_order
from pricing.discounts.models import Percentage
from pricing.prices.models import NewPrice, PriceType
from pricing.refusals import Reason

NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)
SHELVES = ("electronics", "home", "books", "clothing", "sports", "toys")
CODES = {discount.code: discount for discount in demo_discounts(NOW)}
REGULAR = {
    (price.product_id, price.currency): price
    for price in demo_prices(NOW)
    if price.type is PriceType.REGULAR
}
SALES = [price for price in demo_prices(NOW) if price.type is PriceType.SALE]


def test_every_product_has_a_price_in_each_currency() -> None:
    """
    Sixty products, ten a category, each with one regular price in dollars and one in euros.
    """
    ids = [f"TEST-{number:03}" for number in range(1, 61)]

    assert list(REGULAR) == [(name, currency) for name in ids for currency in CURRENCIES]
    assert len(demo_prices(NOW)) == len(REGULAR) + len(SALES)
    for number, name in enumerate(ids):
        assert REGULAR[name, "USD"].category == SHELVES[number // 10]
        assert REGULAR[name, "EUR"].category == SHELVES[number // 10]
    assert Counter(price.category for price in REGULAR.values()) == dict.fromkeys(SHELVES, 20)


def test_the_readme_counts_them() -> None:
    """
    How many prices and codes a seed makes.
    """
    text = (Path(__file__).parents[2] / "README.md").read_text()

    assert f"the demo's {len(demo_prices(NOW))} prices and six codes" in text
    assert len(CODES) == 6


def test_prices_are_believable() -> None:
    """
    Between ten and five hundred, and in euros somewhat less than in dollars.
    """
    for (name, _), price in REGULAR.items():
        assert 10 < price.amount < 500
        dollars, euros = REGULAR[name, "USD"].amount, REGULAR[name, "EUR"].amount
        assert Decimal("0.85") < euros / dollars < 1


def is_running(price: NewPrice) -> bool:
    """
    Whether a sale begins at once.
    """
    return price.valid_from is None


def test_sales_are_cheaper_and_end() -> None:
    """
    Some sales run and some are to come, each in both currencies, and each below the regular price.
    """
    assert any(map(is_running, SALES))
    assert not all(map(is_running, SALES))
    for sale in SALES:
        assert sale.amount < REGULAR[sale.product_id, sale.currency].amount
        assert sale.valid_until is not None
        assert sale.valid_until > (sale.valid_from or NOW) >= NOW
    windows = Counter((sale.product_id, sale.valid_from, sale.valid_until) for sale in SALES)
    assert set(windows.values()) == {len(CURRENCIES)}


def test_sales_follow_the_moment_given() -> None:
    """
    Seeded a year later, every window lies a year later.
    """
    year = timedelta(days=365)

    later = [price for price in demo_prices(NOW + year) if price.type is PriceType.SALE]

    assert [sale.valid_until for sale in later] == [
        sale.valid_until + year for sale in SALES if sale.valid_until
    ]


@pytest.mark.parametrize(
    ("code", "total"),
    [
        # 3 x 20.00 books and 12 x 10.00 toys: 180.00
        ("SUMMER20", "144.00"),  # - 36.00
        ("WELCOME5", "175.00"),
        ("BULK10", "168.00"),  # - 10 % of the toys
        ("BOOKS15", "171.00"),  # - 15 % of the books
        ("FLASH50", "90.00"),
    ],
)
def test_what_the_codes_are_worth(code: str, total: str) -> None:
    """
    Each code takes off what its description says.
    """
    lines = [Line("A", 3, Decimal("20.00"), "books"), Line("B", 12, Decimal("10.00"), "toys")]

    order = price_order(
        lines, [CODES[code]], currency="USD", tax_rates={"default": Decimal(0)}, now=NOW
    )

    assert order.total == Decimal(total)


def refused(*codes: str, price: str = "24.99", now: datetime = NOW) -> dict[str, Reason]:
    """
    Why the demo's codes are refused for a toy at this price.
    """
    with pytest.raises(DiscountsRefused) as error:
        price_order(
            [Line("A", 1, Decimal(price), "toys")],
            [CODES[code] for code in codes],
            currency="USD",
            tax_rates={"default": Decimal(0)},
            now=now,
        )
    return {refusal.code: refusal.reason for refusal in error.value.refusals}


def test_when_the_codes_are_refused() -> None:
    """
    The demo has a code for every refusal that a storefront should be able to show.
    """
    assert refused("EXPIRED10") == {"EXPIRED10": Reason.EXPIRED}
    assert refused("WELCOME5") == {"WELCOME5": Reason.MINIMUM_ORDER}
    assert refused("BOOKS15", "BULK10") == dict.fromkeys(
        ("BOOKS15", "BULK10"), Reason.NOT_APPLICABLE
    )
    assert refused("FLASH50", "SUMMER20") == dict.fromkeys(
        ("FLASH50", "SUMMER20"), Reason.NOT_STACKABLE
    )
    assert CODES["FLASH50"].use_limit == 100


def test_the_first_code_is_the_documented_one() -> None:
    """
    SUMMER20 is 20 % for everything, at any time, beside other codes.
    """
    summer = CODES["SUMMER20"]

    assert summer.kind == Percentage(Decimal(20))
    assert (summer.category, summer.valid_from, summer.valid_until) == (None, None, None)
    assert summer.stackable
