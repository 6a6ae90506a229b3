"""
Movements: what each kind does to the amounts.
"""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inventory.ledger.models import Amounts, Kind, Posting, made
from inventory.origin import Origin
from inventory.products.models import Description, NewProduct, folded

NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("kind", "before", "after"),
    [
        (Kind.RESERVED, (10, 3), (10, 5)),
        (Kind.RELEASED, (10, 3), (10, 1)),
        (Kind.EXPIRED, (10, 3), (10, 1)),
        (Kind.COMMITTED, (10, 3), (8, 1)),
        (Kind.RETURNED, (10, 3), (12, 3)),
    ],
)
def test_what_a_movement_does(kind: Kind, before: tuple[int, int], after: tuple[int, int]) -> None:
    """
    Two units of each kind.
    """
    posting = Posting.of_order(
        kind, product_id="lamp", quantity=2, order_id="o-1", reservation_id="r-1"
    )
    amounts = Amounts("lamp", *before).after(posting)

    assert (amounts.stock_level, amounts.reserved) == after


@given(st.lists(st.tuples(st.sampled_from(["lamp", "mug"]), st.integers(-9, 9))))
def test_movements_follow_one_another(changes: list[tuple[str, int]]) -> None:
    """
    Each movement begins where the last of its product ended, so that they add up.
    """
    start = {name: Amounts(name, 100, 0) for name in ("lamp", "mug")}
    postings = [Posting(name, Kind.ADJUSTED, change) for name, change in changes]
    movements = made(postings, start.values(), Origin("test"), NOW)

    for name in start:
        level = 100
        for movement in movements:
            if movement.posting.product_id == name:
                level += movement.posting.stock_change
                assert movement.after.stock_level == level


def test_a_new_product_gets_what_is_left_to_us() -> None:
    """
    SKU and picture come from the id unless they are given.
    """
    plain = Description.of(NewProduct("TEST-1", "Lamp", "home"))
    given_ = Description.of(NewProduct("TEST-1", "Lamp", "home", sku="L", image_url="/x.png"))

    assert (plain.sku, plain.image_url) == ("TEST-1", "/pictures/TEST-1.svg")
    assert (given_.sku, given_.image_url) == ("L", "/x.png")


@given(st.text(max_size=50))
def test_folding_is_done_once(text: str) -> None:
    """
    What is folded stays as it is, so that words find themselves.
    """
    assert folded(folded(text)) == folded(text)
    assert folded(text.lower()) == folded(folded(text.lower()))


def test_names_sort_without_marks() -> None:
    """
    ``Ärmel`` stands with ``Arm``, whatever its form, and its key fits its column.
    """
    assert Description.of(NewProduct("a", "Ärmel", "home")).name_key == "armel"
    assert len(Description.of(NewProduct("a", "\ufdfa" * 200, "home")).name_key) <= 200
