"""
The demo's products: complete, believable, and fit for the service's own rules.
"""

from collections import Counter

from inventory.demo_products import DEMO_PRODUCTS

CATEGORIES = ["electronics", "home", "books", "clothing", "sports", "toys"]


def test_there_are_sixty_numbered_in_order() -> None:
    """
    The other services and their demos count on exactly these ids.
    """
    assert [one.id for one in DEMO_PRODUCTS] == [f"TEST-{n:03}" for n in range(1, 61)]


def test_each_category_has_its_ten() -> None:
    """
    Ten neighbouring ids share a category; pricing uses the same slugs for the same ranges.
    """
    expected = [category for category in CATEGORIES for _ in range(10)]

    assert [one.category for one in DEMO_PRODUCTS] == expected


def test_names_differ_and_descriptions_are_sentences() -> None:
    """
    No product is called like another, and each is described in one or two short sentences.
    """
    assert len({one.name for one in DEMO_PRODUCTS}) == 60
    assert len({one.description for one in DEMO_PRODUCTS}) == 60
    for one in DEMO_PRODUCTS:
        assert 3 <= len(one.name) <= 40
        assert 30 <= len(one.description) <= 120
        assert one.description[0].isalnum()
        assert one.description.endswith(".")
        assert one.description.isprintable()


def test_stock_shows_every_case() -> None:
    """
    Two are sold out, a few are low, and the rest is there in plenty.
    """
    shelves = Counter(
        "none" if one.stock == 0 else "low" if one.stock <= 5 else "plenty" for one in DEMO_PRODUCTS
    )

    assert shelves == {"none": 2, "low": 5, "plenty": 53}
    assert all(0 <= one.stock <= 500 for one in DEMO_PRODUCTS)
