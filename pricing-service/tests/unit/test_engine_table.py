"""
The arithmetic of orders, case by case. The results were computed by hand from the rules in the
engine's docstring; where the sum is not obvious, a comment shows it.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from pricing.discounts.engine import DiscountsRefused, Line, PricedOrder, price_order
from pricing.discounts.models import (
    Discount,
    FixedAmount,
    Kind,
    Money,
    Percentage,
    QuantityTiers,
    Tier,
)
from pricing.refusals import Reason

NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)
SECOND = timedelta(seconds=1)
TAX = {
    "default": Decimal("0.10"),
    "toys": Decimal(0),
    "books": Decimal("0.07"),
    "home": Decimal("0.19"),
}


def discount(code: str, kind: Kind, category: str | None = None, priority: int = 100) -> Discount:
    """
    A stackable code without conditions.
    """
    return Discount(code, f"About {code}", kind, category=category, priority=priority)


def percent(value: str, category: str | None = None) -> Discount:
    """
    A code for so many percent, named after them.
    """
    name = f"P{value.replace('.', '-')}{category or ''}".upper()
    return discount(name, Percentage(Decimal(value)), category)


def fixed(value: str, currency: str = "USD", category: str | None = None) -> Discount:
    """
    A code for a fixed amount, named after it.
    """
    name = f"F{value.replace('.', '-')}{category or ''}".upper()
    return discount(name, FixedAmount(Decimal(value), currency), category)


def tiers(category: str | None = None) -> Discount:
    """
    The code T: 5 % from 5 pieces, 10 % from 10, 15 % from 25.
    """
    steps = tuple(Tier(pieces, Decimal(off)) for pieces, off in ((5, 5), (10, 10), (25, 15)))
    return discount("T", QuantityTiers(steps), category)


@dataclass(frozen=True)
class Case:
    """
    An order and what it costs. ``lines``: id, pieces, price, category. ``costs``, for each line:
    discount, tax, total. ``codes``: what each takes off, in the order in which they apply.
    """

    name: str
    lines: Sequence[tuple[str, int, str, str]]
    discounts: Sequence[Discount]
    costs: Sequence[tuple[str, str, str]]
    codes: Sequence[tuple[str, str]]
    total: str
    currency: str = "USD"


def toys(price: str, quantity: int = 1, product_id: str = "A") -> tuple[str, int, str, str]:
    """
    A line without tax.
    """
    return (product_id, quantity, price, "toys")


CASES = [
    # 3 x 19.99
    Case("no code", [toys("19.99", 3)], [], [("0", "0", "59.97")], [], "59.97"),
    # 20 % of 158.00
    Case(
        "a percentage",
        [toys("79.00", 2)],
        [percent("20")],
        [("31.60", "0", "126.40")],
        [("P20", "31.60")],
        "126.40",
    ),
    # 10 % of 0.05 = 0.005
    Case(
        "half a cent goes up",
        [toys("0.05")],
        [percent("10")],
        [("0.01", "0", "0.04")],
        [("P10", "0.01")],
        "0.04",
    ),
    # 10 % of 0.25 = 0.025, which half even would make 0.02
    Case(
        "half a cent goes up after an even one",
        [toys("0.25")],
        [percent("10")],
        [("0.03", "0", "0.22")],
        [("P10", "0.03")],
        "0.22",
    ),
    # 10 % of 0.04 = 0.004
    Case(
        "less than half a cent goes down",
        [toys("0.04")],
        [percent("10")],
        [("0", "0", "0.04")],
        [("P10", "0")],
        "0.04",
    ),
    # 12.5 % of 0.99 = 0.12375
    Case(
        "a fraction of a percent",
        [toys("0.99")],
        [percent("12.5")],
        [("0.12", "0", "0.87")],
        [("P12-5", "0.12")],
        "0.87",
    ),
    Case(
        "everything off",
        [("A", 3, "33.33", "home")],
        [percent("100")],
        [("99.99", "0", "0")],
        [("P100", "99.99")],
        "0",
    ),
    # 0.0001 % of 10000.00 = 0.01
    Case(
        "the smallest percentage",
        [toys("10000.00")],
        [percent("0.0001")],
        [("0.01", "0", "9999.99")],
        [("P0-0001", "0.01")],
        "9999.99",
    ),
    # 50 % of 0.01 = 0.005: the whole cent
    Case(
        "rounding up takes no more than there is",
        [toys("0.01")],
        [percent("50")],
        [("0.01", "0", "0")],
        [("P50", "0.01")],
        "0",
    ),
    # each line: 10 % of 0.05 = 0.005 -> 0.01; of the sum it would be 0.015 -> 0.02
    Case(
        "each line is rounded by itself",
        [toys("0.05"), toys("0.05", product_id="B"), toys("0.05", product_id="C")],
        [percent("10")],
        [("0.01", "0", "0.04")] * 3,
        [("P10", "0.03")],
        "0.12",
    ),
    # 10 % of 1005 = 100.5
    Case(
        "yen: half goes up",
        [toys("1005")],
        [percent("10")],
        [("101", "0", "904")],
        [("P10", "101")],
        "904",
        "JPY",
    ),
    # 10 % of 3 x 333 = 99.9; tax: 19 % of 899 = 170.81
    Case(
        "yen: discount and tax are whole",
        [("A", 3, "333", "home")],
        [percent("10")],
        [("100", "171", "1070")],
        [("P10", "100")],
        "1070",
        "JPY",
    ),
    # 15 % of 1.010 = 0.1515
    Case(
        "dinars: half goes up",
        [toys("1.010")],
        [percent("15")],
        [("0.152", "0", "0.858")],
        [("P15", "0.152")],
        "0.858",
        "KWD",
    ),
    # 7 % of 0.250 = 0.0175 -> 0.018
    Case(
        "dinars: tax to the fils",
        [("A", 1, "0.250", "books")],
        [],
        [("0", "0.018", "0.268")],
        [],
        "0.268",
        "KWD",
    ),
    # A stays below the first tier, B reaches it: 5 % of 50.00
    Case(
        "tiers: below the first and on it",
        [toys("10.00", 4), toys("10.00", 5, "B")],
        [tiers()],
        [("0", "0", "40.00"), ("2.50", "0", "47.50")],
        [("T", "2.50")],
        "87.50",
    ),
    # A: 5 % of 9.00; B: 10 % of 10.00
    Case(
        "tiers: just below the second and on it",
        [toys("1.00", 9), toys("1.00", 10, "B")],
        [tiers()],
        [("0.45", "0", "8.55"), ("1.00", "0", "9.00")],
        [("T", "1.45")],
        "17.55",
    ),
    # A: 10 % of 24.00; B: 15 % of 25.00
    Case(
        "tiers: just below the last and on it",
        [toys("1.00", 24), toys("1.00", 25, "B")],
        [tiers()],
        [("2.40", "0", "21.60"), ("3.75", "0", "21.25")],
        [("T", "6.15")],
        "42.85",
    ),
    # 5 % of 5.00 on each line, not 10 % of both together
    Case(
        "tiers: lines are not added together",
        [toys("1.00", 5), toys("1.00", 5, "B")],
        [tiers()],
        [("0.25", "0", "4.75")] * 2,
        [("T", "0.50")],
        "9.50",
    ),
    # A: 10 % of 20.00, then tax: 19 % of 18.00 = 3.42; B is no home line
    Case(
        "tiers: of one category",
        [("A", 10, "2.00", "home"), toys("2.00", 10, "B")],
        [tiers("home")],
        [("2.00", "3.42", "21.42"), ("0", "0", "20.00")],
        [("T", "2.00")],
        "41.42",
    ),
    # 15 % of 10**14
    Case(
        "the largest line there can be",
        [toys("100000000.00", 1_000_000)],
        [tiers()],
        [("15000000000000.00", "0", "85000000000000.00")],
        [("T", "15000000000000.00")],
        "85000000000000.00",
    ),
    Case(
        "a fixed amount",
        [toys("30.00")],
        [fixed("5.00")],
        [("5.00", "0", "25.00")],
        [("F5-00", "5.00")],
        "25.00",
    ),
    # 3.00 + 1.00 is all there is
    Case(
        "a fixed amount larger than the order",
        [toys("3.00"), toys("1.00", product_id="B")],
        [fixed("5.00")],
        [("3.00", "0", "0"), ("1.00", "0", "0")],
        [("F5-00", "4.00")],
        "0",
    ),
    Case(
        "a fixed amount as large as the order",
        [toys("2.50", 2)],
        [fixed("5.00")],
        [("5.00", "0", "0")],
        [("F5-00", "5.00")],
        "0",
    ),
    # 3.333 each: 3.33 and one cent left; all were cut by the same, so it goes to A
    Case(
        "spread: equal parts, the first id gets the cent",
        [toys("10.00", product_id=name) for name in "CAB"],
        [fixed("10.00")],
        [("3.33", "0", "6.67"), ("3.34", "0", "6.66"), ("3.33", "0", "6.67")],
        [("F10-00", "10.00")],
        "20.00",
    ),
    # 500 cents over 100:200:400 = 71 3/7, 142 6/7, 285 5/7 -> 71, 142, 285 and 2 left: B and C
    Case(
        "spread: the largest parts cut off get the cents",
        [toys("1.00"), toys("2.00", product_id="B"), toys("4.00", product_id="C")],
        [fixed("5.00")],
        [("0.71", "0", "0.29"), ("1.43", "0", "0.57"), ("2.86", "0", "1.14")],
        [("F5-00", "5.00")],
        "2.00",
    ),
    # 33.3, 33.3, 33.4 -> 33 each and 1 left: C
    Case(
        "spread: yen",
        [toys("333"), toys("333", product_id="B"), toys("334", product_id="C")],
        [fixed("100", "JPY")],
        [("33", "0", "300"), ("33", "0", "300"), ("34", "0", "300")],
        [("F100", "100")],
        "900",
        "JPY",
    ),
    # 100 fils over 50:150:130 = 15.15, 45.45, 39.39 -> 15, 45, 39 and 1 left: B
    Case(
        "spread: dinars",
        [toys("0.050"), toys("0.150", product_id="B"), toys("0.130", product_id="C")],
        [fixed("0.100", "KWD")],
        [("0.015", "0", "0.035"), ("0.046", "0", "0.104"), ("0.039", "0", "0.091")],
        [("F0-100", "0.100")],
        "0.230",
        "KWD",
    ),
    # half a cent each: cut to nothing, and the cent goes to A
    Case(
        "spread: one cent over two lines",
        [toys("0.01", product_id="B"), toys("0.01")],
        [fixed("0.01")],
        [("0", "0", "0.01"), ("0.01", "0", "0")],
        [("F0-01", "0.01")],
        "0.01",
    ),
    Case(
        "spread: a free line gets nothing",
        [toys("0.00"), toys("7.00", product_id="B")],
        [fixed("5.00")],
        [("0", "0", "0"), ("5.00", "0", "2.00")],
        [("F5-00", "5.00")],
        "2.00",
    ),
    Case(
        "spread: an order that is free already",
        [toys("0.00")],
        [fixed("5.00")],
        [("0", "0", "0")],
        [("F5-00", "0")],
        "0",
    ),
    # A, B: 5.00 over 12.00:8.00; tax 7 % of 9.00 and of 6.00; C is no book
    Case(
        "spread: over one category",
        [("A", 1, "12.00", "books"), ("B", 2, "4.00", "books"), toys("100.00", product_id="C")],
        [fixed("5.00", category="books")],
        [("3.00", "0.63", "9.63"), ("2.00", "0.42", "6.42"), ("0", "0", "100.00")],
        [("F5-00BOOKS", "5.00")],
        "116.05",
    ),
    # 15 % of 29.98 = 4.497; tax: 7 % of 25.48 = 1.7836
    Case(
        "a percentage off one category",
        [("A", 2, "14.99", "books"), toys("10.00", product_id="B")],
        [percent("15", "books")],
        [("4.50", "1.78", "27.26"), ("0", "0", "10.00")],
        [("P15BOOKS", "4.50")],
        "37.26",
    ),
    # 7 % of 0.50 = 0.035
    Case(
        "tax: half a cent goes up",
        [("A", 1, "0.50", "books")],
        [],
        [("0", "0.04", "0.54")],
        [],
        "0.54",
    ),
    # 0.035 each goes up; of the sum it would be 0.07
    Case(
        "tax: each line is rounded by itself",
        [("A", 1, "0.50", "books"), ("B", 1, "0.50", "books")],
        [],
        [("0", "0.04", "0.54")] * 2,
        [],
        "1.08",
    ),
    # 119.00 - 23.80 = 95.20; 19 % of that = 18.088
    Case(
        "tax: on what the discount left",
        [("A", 1, "119.00", "home")],
        [percent("20")],
        [("23.80", "18.09", "113.29")],
        [("P20", "23.80")],
        "113.29",
    ),
    # 10.00 over 60.00:40.00; 19 % of 54.00 = 10.26; 7 % of 36.00 = 2.52
    Case(
        "tax: two rates after one fixed amount",
        [("A", 1, "60.00", "home"), ("B", 1, "40.00", "books")],
        [fixed("10.00")],
        [("6.00", "10.26", "64.26"), ("4.00", "2.52", "38.52")],
        [("F10-00", "10.00")],
        "102.78",
    ),
    Case(
        "tax: the default rate",
        [("A", 1, "10.00", "never-heard-of")],
        [],
        [("0", "1.00", "11.00")],
        [],
        "11.00",
    ),
    # 99.90 - 9.99 = 89.91; 20 % of that = 17.982; 89.91 - 17.98 - 5.00
    Case(
        "stacked: tiers, then percentage, then fixed amount",
        [toys("9.99", 10)],
        [fixed("5.00"), percent("20"), tiers()],
        [("32.97", "0", "66.93")],
        [("T", "9.99"), ("P20", "17.98"), ("F5-00", "5.00")],
        "66.93",
    ),
    # 30.00 - 5.00 = 25.00; 20 % of that = 5.00 (the other way round: 6.00 and 5.00)
    Case(
        "stacked: the lower priority number first",
        [toys("30.00")],
        [percent("20"), replace(fixed("5.00"), priority=1)],
        [("10.00", "0", "20.00")],
        [("F5-00", "5.00"), ("P20", "5.00")],
        "20.00",
    ),
    # 33 % of 0.50 = 0.165 -> 0.17, 50 % of 0.33 = 0.165 -> 0.17
    # (the other way round: 0.25, then 33 % of 0.25 = 0.0825 -> 0.08, a total of 0.17)
    Case(
        "stacked: of one kind by code",
        [toys("0.50")],
        [percent("50"), percent("33")],
        [("0.34", "0", "0.16")],
        [("P33", "0.17"), ("P50", "0.17")],
        "0.16",
    ),
    # 10.00 - 5.00 leaves 5.00 of the 7.00
    Case(
        "stacked: the second fixed amount is larger than what is left",
        [toys("10.00")],
        [fixed("7.00"), fixed("5.00")],
        [("10.00", "0", "0")],
        [("F5-00", "5.00"), ("F7-00", "5.00")],
        "0",
    ),
    Case(
        "stacked: after everything is off",
        [toys("10.00")],
        [percent("100"), fixed("5.00")],
        [("10.00", "0", "0")],
        [("P100", "10.00"), ("F5-00", "0")],
        "0",
    ),
    # books: 20.00 - 3.00 = 17.00, - 3.40 = 13.60; toys: 10.00 - 2.00 = 8.00
    # 500 cents over 1360:800 = 314.81, 185.19 -> 314, 185 and 1 left: A
    # A: 13.60 - 3.15 = 10.45, tax 0.7315; B: 8.00 - 1.85
    Case(
        "stacked: three, one of them for books only",
        [("A", 1, "20.00", "books"), toys("10.00", product_id="B")],
        [percent("20"), fixed("5.00"), percent("15", "books")],
        [("9.55", "0.73", "11.18"), ("3.85", "0", "6.15")],
        [("P15BOOKS", "3.00"), ("P20", "5.40"), ("F5-00", "5.00")],
        "17.33",
    ),
]


def priced(case: Case) -> PricedOrder:
    """
    What the engine makes of the case.
    """
    return price_order(
        [Line(name, pieces, Decimal(price), kind) for name, pieces, price, kind in case.lines],
        case.discounts,
        currency=case.currency,
        tax_rates=TAX,
        now=NOW,
    )


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_what_an_order_costs(case: Case) -> None:
    """
    Each line, each code and the total come out as computed by hand.
    """
    order = priced(case)

    costs = [(line.discount, line.tax, line.total) for line in order.lines]
    assert costs == [tuple(map(Decimal, cost)) for cost in case.costs]
    codes = [(applied.code, applied.amount) for applied in order.discounts]
    assert codes == [(code, Decimal(amount)) for code, amount in case.codes]
    assert order.total == Decimal(case.total)


def test_an_order_tells_everything_of_its_lines() -> None:
    """
    Lines keep their order and say what was asked, at which price and rate, and which codes gave.
    """
    order = priced(next(case for case in CASES if case.name.startswith("stacked: three")))

    book, toy = order.lines
    assert (book.product_id, book.quantity, book.unit_price) == ("A", 1, Decimal("20.00"))
    assert (book.subtotal, book.tax_rate) == (Decimal("20.00"), Decimal("0.07"))
    assert [(part.code, str(part.amount)) for part in book.discounts] == [
        ("P15BOOKS", "3.00"),
        ("P20", "3.40"),
        ("F5-00", "3.15"),
    ]
    assert [part.code for part in toy.discounts] == ["P20", "F5-00"]
    assert book.discounts[0].description == "About P15BOOKS"
    assert (order.subtotal, order.discount) == (Decimal("30.00"), Decimal("13.40"))
    assert order.tax == Decimal("0.73")


def refusals(
    *discounts: Discount,
    lines: Sequence[tuple[str, int, str, str]] = (toys("10.00"),),
    used_up: frozenset[str] = frozenset(),
    unknown: Sequence[str] = (),
    currency: str = "USD",
) -> dict[str, Reason]:
    """
    Each code that is refused, and why, in the order told.
    """
    try:
        price_order(
            [Line(name, pieces, Decimal(price), kind) for name, pieces, price, kind in lines],
            discounts,
            currency=currency,
            tax_rates=TAX,
            now=NOW,
            used_up=used_up,
            unknown=unknown,
        )
    except DiscountsRefused as refused:
        return {refusal.code: refusal.reason for refusal in refused.refusals}
    return {}


TEN = percent("10")
ALONE = replace(percent("50"), stackable=False)
MINIMUM = replace(percent("30"), minimum_order=Money(Decimal("10.00"), "USD"))


def test_a_code_holds_within_its_window() -> None:
    """
    From the first moment on, until just before the last.
    """
    assert refusals(replace(TEN, valid_from=NOW, valid_until=NOW + SECOND)) == {}
    assert refusals(replace(TEN, valid_from=NOW + SECOND)) == {"P10": Reason.NOT_YET_VALID}
    assert refusals(replace(TEN, valid_until=NOW)) == {"P10": Reason.EXPIRED}


def test_a_minimum_is_reached_by_the_whole_order_before_discounts() -> None:
    """
    Exactly the minimum is enough, lines of other categories count, and discounts do not.
    """
    lines = [("A", 1, "4.00", "books"), toys("6.00", product_id="B")]
    below = [("A", 1, "4.00", "books"), toys("5.99", product_id="B")]
    assert refusals(replace(MINIMUM, category="books"), TEN, lines=lines) == {}
    assert refusals(replace(MINIMUM, category="books"), TEN, lines=below) == {
        "P30": Reason.MINIMUM_ORDER
    }


def test_amounts_are_of_the_orders_currency() -> None:
    """
    A fixed amount or a minimum in another currency does not fit; a percentage fits any.
    """
    assert refusals(fixed("5.00"), MINIMUM, TEN, currency="EUR") == {
        "F5-00": Reason.CURRENCY,
        "P30": Reason.CURRENCY,
    }


def test_a_code_must_fit_a_line() -> None:
    """
    A code of a category that is not in the order, or tiers that no line reaches, cannot be used.
    """
    assert refusals(percent("15", "books")) == {"P15BOOKS": Reason.NOT_APPLICABLE}
    assert refusals(tiers(), lines=[toys("1.00", 4)]) == {"T": Reason.NOT_APPLICABLE}
    in_another = [toys("1.00", 5), ("B", 4, "1.00", "home")]
    assert refusals(tiers("home"), lines=in_another) == {"T": Reason.NOT_APPLICABLE}
    assert refusals(tiers(), lines=in_another) == {}


def test_a_code_counts_once() -> None:
    """
    A code that was given twice is named once.
    """
    assert refusals(TEN, TEN) == {"P10": Reason.REPEATED}
    assert refusals(TEN, unknown=["X", "X"]) == {"X": Reason.UNKNOWN}


def test_used_up_codes_are_refused() -> None:
    """
    A code whose uses are all claimed is refused, and no other.
    """
    assert refusals(TEN, used_up=frozenset({"P10", "OTHER"})) == {"P10": Reason.USED_UP}
    assert refusals(TEN, used_up=frozenset({"OTHER"})) == {}


def test_what_is_not_stackable_stands_alone() -> None:
    """
    Alone it is good; beside others all of them are named, except where only one code is good.
    """
    assert refusals(ALONE) == {}
    assert refusals(ALONE, TEN) == {"P10": Reason.NOT_STACKABLE, "P50": Reason.NOT_STACKABLE}
    assert refusals(ALONE, replace(TEN, valid_until=NOW)) == {"P10": Reason.EXPIRED}
    assert refusals(replace(ALONE, valid_until=NOW), TEN) == {"P50": Reason.EXPIRED}
    assert refusals(ALONE, unknown=["NO"]) == {"NO": Reason.UNKNOWN}


def test_all_bad_codes_are_named_at_once() -> None:
    """
    Whoever sends several bad codes learns of all of them, each with the first reason that applies.
    """
    late = replace(fixed("5.00", "EUR"), valid_until=NOW, minimum_order=Money(Decimal(99), "EUR"))

    named = refusals(
        late, ALONE, TEN, percent("15", "books"), used_up=frozenset({"F5-00"}), unknown=["GONE"]
    )

    assert named == {
        "F5-00": Reason.EXPIRED,
        "GONE": Reason.UNKNOWN,
        "P10": Reason.NOT_STACKABLE,
        "P15BOOKS": Reason.NOT_APPLICABLE,
        "P50": Reason.NOT_STACKABLE,
    }
    assert list(named) == sorted(named)
