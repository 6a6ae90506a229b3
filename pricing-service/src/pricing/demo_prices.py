"""
What the demo's sixty products cost, ``TEST-001`` to ``TEST-060`` in this order, and its codes.

The products themselves are the inventory service's; their names stand here for the reader only.
"""

from collections.abc import Iterator
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Final

from pricing.discounts.models import (
    Discount,
    FixedAmount,
    Money,
    Percentage,
    QuantityTiers,
    Tier,
)
from pricing.money import parse_amount
from pricing.prices.models import NewPrice, PriceType

CURRENCIES: Final = ("USD", "EUR")

#: One line a product: dollars, euros, its name.
_SHELVES: Final = {
    "electronics": """
79.00 74.90 Aurora Wireless Earbuds
429.00 399.00 Meridian 27" Monitor
119.00 109.00 Tempo Mechanical Keyboard
39.90 36.90 Drift Wireless Mouse
99.00 92.00 Beacon Smart Speaker
59.90 54.90 Pocket Power Bank 20k
139.00 129.00 Lumen E-Reader
289.00 269.00 Orbit Action Camera
49.90 45.90 Relay USB-C Hub
69.00 64.90 Halo Webcam
""",
    "home": """
89.00 84.90 Ember Gooseneck Kettle
44.90 41.90 Cast Iron Skillet 26 cm
149.00 139.00 Linen Bedding Set
54.00 49.90 Oak Cutting Board
36.00 33.90 Stoneware Mug, Set of 4
84.90 79.90 Chef's Knife 20 cm
32.50 29.90 Glass Storage Jars, Set of 6
189.00 179.00 Arc Floor Lamp
42.00 38.90 French Press 1 l
119.00 110.00 Wool Throw Blanket
""",
    "books": """
16.99 15.99 The Quiet Harbour
24.95 22.90 A Field Guide to City Birds
29.95 27.90 Bread in Seven Days
14.99 13.99 The Cartographer's Daughter
39.95 36.90 Small Spaces, Big Rooms
21.50 19.90 Mathematics for the Curious
12.99 11.99 Night Train to Trieste
27.95 25.90 The Year-Round Garden
18.99 17.50 Letters from the Ice
17.95 16.90 Learn to Draw in 30 Walks
""",
    "clothing": """
24.90 22.90 Organic Cotton T-Shirt
98.00 89.90 Merino Crew Sweater
159.00 149.00 Rain Jacket Fjord
129.00 119.00 Selvedge Denim Jeans
64.90 59.90 Canvas Sneakers
22.50 19.90 Wool Beanie
45.00 41.90 Leather Belt
69.00 64.90 Flannel Shirt
26.90 24.90 Trail Socks, 3 Pairs
135.00 125.00 Down Vest Ridge
""",
    "sports": """
68.00 62.90 Yoga Mat Terra
249.00 229.00 Adjustable Dumbbell 24 kg
94.90 87.90 Trail Running Backpack 12 l
18.90 16.90 Jump Rope Pro
119.00 109.00 Carbon Hiking Poles
29.90 27.50 Insulated Bottle 750 ml
24.50 22.90 Climbing Chalk Bag
109.00 99.90 Road Bike Helmet
27.90 25.90 Resistance Bands, Set of 5
23.90 21.90 Swim Goggles Current
""",
    "toys": """
58.00 53.90 Wooden Train Set
46.00 42.90 Building Blocks, 100 Pieces
29.90 27.90 Plush Bear Otto
39.00 35.90 Star Projector
149.00 139.00 Junior Telescope 70 mm
37.50 34.90 Garden Hand Tools, Set of 3
74.00 68.90 Raised Bed Planter
32.90 29.90 Kite Swift
36.50 33.90 Cooperative Board Game: Tide
14.90 13.50 Herb Seeds, 12 Sorts
""",
}

#: What is cheaper for a time: dollars, euros, the day on which it begins (0: at once) and ends.
_SALES: Final = {
    "TEST-003": ("95.00", "87.00", 0, 14),
    "TEST-015": ("28.80", "26.90", 0, 7),
    "TEST-028": ("19.95", "17.90", 0, 30),
    "TEST-042": ("199.00", "185.00", 0, 10),
    "TEST-033": ("119.00", "109.00", 7, 21),
    "TEST-055": ("119.00", "109.00", 14, 28),
}


def demo_prices(now: datetime) -> tuple[NewPrice, ...]:
    """
    Every product's price in each currency; sales begin at ``now`` or days after it.
    """
    return (*_regular_prices(), *_sale_prices(now))


def demo_discounts(now: datetime) -> tuple[Discount, ...]:
    """
    The demo's codes; one has expired at ``now``, the others hold without end.
    """
    return (
        Discount("SUMMER20", "20 % off everything", Percentage(Decimal(20))),
        Discount(
            "WELCOME5",
            "5 dollars off an order of 25 or more",
            FixedAmount(Decimal("5.00"), "USD"),
            minimum_order=Money(Decimal("25.00"), "USD"),
        ),
        Discount(
            "BULK10",
            "5 % off from 5 pieces of a product, 10 % from 10, 15 % from 25",
            QuantityTiers((_tier(5, 5), _tier(10, 10), _tier(25, 15))),
        ),
        Discount("BOOKS15", "15 % off books", Percentage(Decimal(15)), category="books"),
        Discount(
            "FLASH50",
            "Half price for the first hundred orders, with no other code",
            Percentage(Decimal(50)),
            use_limit=100,
            stackable=False,
        ),
        Discount(
            "EXPIRED10",
            "10 % off, until yesterday",
            Percentage(Decimal(10)),
            valid_from=now - timedelta(days=31),
            valid_until=now - timedelta(days=1),
        ),
    )


def _regular_prices() -> Iterator[NewPrice]:
    shelves = (
        (category, line.split(maxsplit=2)[:2])
        for category, shelf in _SHELVES.items()
        for line in shelf.strip().splitlines()
    )
    for number, (category, amounts) in enumerate(shelves, start=1):
        for amount, currency in zip(amounts, CURRENCIES, strict=True):
            yield NewPrice(
                f"TEST-{number:03}", parse_amount(amount, currency), currency, category=category
            )


def _sale_prices(now: datetime) -> Iterator[NewPrice]:
    for product_id, (*amounts, begins, ends) in _SALES.items():
        for amount, currency in zip(amounts, CURRENCIES, strict=True):
            yield NewPrice(
                product_id,
                parse_amount(amount, currency),
                currency,
                PriceType.SALE,
                # Without a beginning it holds at once, however late the clock is read again.
                valid_from=now + timedelta(days=begins) if begins else None,
                valid_until=now + timedelta(days=ends),
            )


def _tier(min_quantity: int, percent: int) -> Tier:
    return Tier(min_quantity, Decimal(percent))
