"""
Pictures: well-formed and small whatever the names hold, and always the same for one product.
"""

from xml.etree import ElementTree as ET

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from inventory.demo_products import DEMO_PRODUCTS, DemoProduct
from inventory.products.pictures import picture

SVG = "{http://www.w3.org/2000/svg}"
CATEGORIES = sorted({one.category for one in DEMO_PRODUCTS})
_ANYTHING = st.text(max_size=400)


@given(_ANYTHING, _ANYTHING, st.sampled_from([*CATEGORIES, "unknown", "<svg>", ""]))
@example("A-1", "</title></svg><script>alert(1)</script>\"&'", "books")
@example("A-1", "\x00\x1b\ud800\ufffe", "home")
@example("\udcff", "&" * 400, "toys")
@example("A-1", "\U0001f4e6" * 400, "clothing")
def test_whatever_the_name_it_is_small_and_well_formed(
    product_id: str, name: str, category: str
) -> None:
    """
    Any text gives one SVG of less than 3 kB; what looks like markup stays text.
    """
    svg = picture(product_id, name, category)

    root = ET.fromstring(svg)
    assert len(svg.encode()) < 3000
    assert root.tag == f"{SVG}svg"
    assert not list(root.iter(f"{SVG}script"))


@pytest.mark.parametrize("product", DEMO_PRODUCTS, ids=lambda one: one.id)
def test_demo_names_stand_whole_in_their_pictures(product: DemoProduct) -> None:
    """
    Each name of the demo is the title, and fits below the motif without being cut.
    """
    root = ET.fromstring(picture(product.id, product.name, product.category))

    caption = " ".join(span.text or "" for span in root.iter(f"{SVG}tspan"))
    assert root.findtext(f"{SVG}title") == product.name
    assert caption == product.name


def test_a_product_always_looks_the_same() -> None:
    """
    Nothing in it is random: caches and tests may compare pictures by their bytes.
    """
    assert picture("A-1", "Lamp", "home") == picture("A-1", "Lamp", "home")


def test_products_of_a_category_differ_a_little() -> None:
    """
    Two products of one name and category can be told apart by their colours.
    """
    assert picture("A-1", "Lamp", "home") != picture("A-2", "Lamp", "home")


def test_each_category_has_a_motif_of_its_own() -> None:
    """
    The same id and name look different in each category; unknown ones share one motif.
    """
    pictures = [picture("A-1", "Lamp", category) for category in [*CATEGORIES, "garage"]]

    assert len(set(pictures)) == len(CATEGORIES) + 1
    assert picture("A-1", "Lamp", "garage") == picture("A-1", "Lamp", "attic")


def test_a_long_name_is_cut_visibly() -> None:
    """
    Two lines are all there is room for; the rest is shown to be missing.
    """
    root = ET.fromstring(picture("A-1", "very " * 30, "home"))

    lines = [span.text or "" for span in root.iter(f"{SVG}tspan")]
    assert len(lines) == 2
    assert lines[-1].endswith("…")
