"""
What holds of every order, whatever its lines and codes: compared with sums in plain fractions.
"""

import math
from collections.abc import Sequence
from dataclasses import fields, is_dataclass, replace
from datetime import UTC, datetime
from decimal import Decimal
from fractions import Fraction

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pricing.discounts.engine import DiscountsRefused, Line, PricedOrder, price_order
from pricing.discounts.models import Discount, FixedAmount, Kind, Percentage, QuantityTiers, Tier
from pricing.money import MAX_MINOR_UNITS, from_minor, minor_units, to_minor

NOW = datetime(2026, 1, 1, tzinfo=UTC)
CATEGORIES = ("books", "toys", "home")
#: The clock of a busy machine decides nothing here.
unhurried = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
RATES = {"default": Decimal(0), "books": Decimal("0.07"), "home": Decimal("0.195")}

currencies = st.sampled_from(["USD", "JPY", "KWD"])
#: Small ones too: there the rounding shows.
minors = st.one_of(st.integers(0, 20), st.integers(0, 100_000), st.integers(0, MAX_MINOR_UNITS))
quantities = st.one_of(st.integers(1, 30), st.integers(1, 1_000_000))
percents = st.one_of(
    st.integers(1, 100).map(Decimal),
    st.integers(1, 1_000_000).map(lambda steps: Decimal(steps).scaleb(-4)),
)


@st.composite
def line_lists(draw: st.DrawFn, currency: str) -> list[Line]:
    """
    One to eight lines of different products.
    """
    names = draw(st.lists(st.sampled_from("ABCDEFGH"), min_size=1, max_size=8, unique=True))
    return [
        Line(
            name,
            draw(quantities),
            from_minor(draw(minors), currency),
            draw(st.sampled_from(CATEGORIES)),
        )
        for name in names
    ]


@st.composite
def tier_lists(draw: st.DrawFn) -> QuantityTiers:
    """
    One to four tiers that climb.
    """
    steps = draw(st.integers(1, 4))
    floors = draw(st.lists(st.integers(1, 40), min_size=steps, max_size=steps, unique=True))
    percentages = draw(st.lists(percents, min_size=steps, max_size=steps, unique=True))
    pairs = zip(sorted(floors), sorted(percentages), strict=True)
    return QuantityTiers(tuple(Tier(pieces, percent) for pieces, percent in pairs))


@st.composite
def codes(draw: st.DrawFn, name: str, currency: str, lines: Sequence[Line]) -> Discount:
    """
    A stackable code that fits at least one of the lines.
    """
    amounts = minors.filter(bool).map(
        lambda minor: FixedAmount(from_minor(minor, currency), currency)
    )
    kinds: st.SearchStrategy[Kind] = st.one_of(percents.map(Percentage), amounts, tier_lists())
    category = draw(st.sampled_from([None, *(line.category for line in lines)]))
    discount = Discount(name, "", draw(kinds), category=category, priority=draw(st.integers(0, 2)))
    kind = discount.kind
    if isinstance(kind, QuantityTiers):
        # Its first tier is reached by any line: what fits no line is refused, see the table.
        discount = replace(
            discount, kind=QuantityTiers((replace(kind.tiers[0], min_quantity=1), *kind.tiers[1:]))
        )
    return discount


@st.composite
def orders(draw: st.DrawFn) -> tuple[list[Line], list[Discount], str]:
    """
    Lines, up to five codes that all can be used, and the currency.
    """
    currency = draw(currencies)
    lines = draw(line_lists(currency))
    names = ("ONE", "TWO", "THREE", "FOUR", "FIVE")[: draw(st.integers(0, 5))]
    return lines, [draw(codes(name, currency, lines)) for name in names], currency


def priced(lines: Sequence[Line], discounts: Sequence[Discount], currency: str) -> PricedOrder:
    """
    What the engine makes of it.
    """
    return price_order(lines, discounts, currency=currency, tax_rates=RATES, now=NOW)


@unhurried
@given(orders())
def test_nothing_falls_below_zero(order: tuple[list[Line], list[Discount], str]) -> None:
    """
    No line and no total costs less than nothing, and no code takes more than there is.
    """
    whole = priced(*order)

    for line in whole.lines:
        assert 0 <= line.discount <= line.subtotal
        assert line.tax >= 0
        assert line.total >= 0
        assert all(part.amount > 0 for part in line.discounts)
    assert all(applied.amount >= 0 for applied in whole.discounts)
    assert whole.total >= 0


@unhurried
@given(orders())
def test_everything_adds_up(order: tuple[list[Line], list[Discount], str]) -> None:
    """
    To the minor unit: lines to the order, a code's parts to what it took, codes to the discount.
    """
    whole = priced(*order)

    for name in ("subtotal", "discount", "tax", "total"):
        assert sum(getattr(line, name) for line in whole.lines) == getattr(whole, name)
    assert whole.total == whole.subtotal - whole.discount + whole.tax
    assert sum(applied.amount for applied in whole.discounts) == whole.discount
    for applied in whole.discounts:
        parts = [part for line in whole.lines for part in line.discounts]
        assert sum(part.amount for part in parts if part.code == applied.code) == applied.amount


@unhurried
@given(orders(), st.data())
def test_the_order_given_does_not_matter(
    order: tuple[list[Line], list[Discount], str], data: st.DataObject
) -> None:
    """
    Neither codes nor lines cost more or less for standing elsewhere in the request.
    """
    lines, discounts, currency = order
    expected = priced(lines, discounts, currency)

    elsewhere = data.draw(st.permutations(lines)), data.draw(st.permutations(discounts))
    shuffled = priced(*elsewhere, currency)

    assert shuffled.discounts == expected.discounts
    assert shuffled.total == expected.total
    assert set(shuffled.lines) == set(expected.lines)


def without_fixed(discounts: Sequence[Discount]) -> list[Discount]:
    """
    Up to four codes that lower a line by a part of it.
    """
    return [code for code in discounts if not isinstance(code.kind, FixedAmount)][:4]


@unhurried
@given(orders(), percents, percents)
def test_more_percent_never_costs_more(
    order: tuple[list[Line], list[Discount], str], one: Decimal, other: Decimal
) -> None:
    """
    With a bigger percentage no line costs more, tax included, whatever codes stand beside it.

    Where a fixed amount follows, this holds for the sum before tax: what remains of the spread may
    change lines by a minor unit.
    """
    lines, discounts, currency = order
    beside = without_fixed(discounts)[:3]
    voucher = Discount("VOUCHER", "", FixedAmount(Decimal(5), currency), priority=1000)
    small, big = (Discount("PCT", "", Percentage(percent)) for percent in sorted((one, other)))

    for more, less in zip(
        priced(lines, [*beside, big], currency).lines,
        priced(lines, [*beside, small], currency).lines,
        strict=True,
    ):
        assert more.total <= less.total
    most, least = (priced(lines, [*beside, code, voucher], currency) for code in (big, small))
    assert most.discount >= least.discount


@unhurried
@given(orders(), st.data())
def test_one_more_code_never_costs_more(
    order: tuple[list[Line], list[Discount], str], data: st.DataObject
) -> None:
    """
    Whoever adds a code, of any kind, to tiers and percentages pays no more for any line.
    """
    lines, discounts, currency = order
    beside = without_fixed(discounts)
    added = data.draw(codes("ADDED", currency, lines))

    without = priced(lines, beside, currency)

    for cheaper, before in zip(
        priced(lines, [*beside, added], currency).lines, without.lines, strict=True
    ):
        assert cheaper.total <= before.total


@unhurried
@given(orders())
def test_the_sums_are_those_of_the_rules(order: tuple[list[Line], list[Discount], str]) -> None:
    """
    The engine's docstring, written once more in fractions and minor units, comes to the same.
    """
    lines, discounts, currency = order
    whole = priced(lines, discounts, currency)

    left, tax = by_the_rules(lines, discounts, currency)

    assert [to_minor(line.subtotal - line.discount, currency) for line in whole.lines] == left
    assert [to_minor(line.tax, currency) for line in whole.lines] == tax


@unhurried
@given(orders())
def test_no_float_anywhere(order: tuple[list[Line], list[Discount], str]) -> None:
    """
    Every figure is an exact decimal in whole minor units, or a whole number.
    """
    whole = priced(*order)

    for value in values_in(whole):
        assert isinstance(value, Decimal | int | str)
        assert not isinstance(value, float)
    currency = order[2]
    for amount in (whole.subtotal, whole.discount, whole.tax, whole.total):
        assert to_minor(amount, currency) < 2**63


@unhurried
@given(orders(), st.sets(st.sampled_from(["ONE", "TWO", "THREE"])))
def test_a_used_up_code_is_always_refused(
    order: tuple[list[Line], list[Discount], str], used_up: set[str]
) -> None:
    """
    Whatever the order: an answer uses no code that is used up, and a refusal names exactly those.
    """
    lines, discounts, currency = order
    refused: set[str] = set()
    try:
        price_order(
            lines,
            discounts,
            currency=currency,
            tax_rates=RATES,
            now=NOW,
            used_up=frozenset(used_up),
        )
    except DiscountsRefused as error:
        refused = {refusal.code for refusal in error.refusals}

    assert refused == used_up & {discount.code for discount in discounts}


def by_the_rules(
    lines: Sequence[Line], discounts: Sequence[Discount], currency: str
) -> tuple[list[int], list[int]]:
    """
    What is left of each line, and its tax, in minor units.
    """
    scale = 10 ** minor_units(currency)
    left = [int(Fraction(line.unit_price) * scale) * line.quantity for line in lines]
    ranks = {QuantityTiers: 0, Percentage: 1, FixedAmount: 2}
    for discount in sorted(discounts, key=lambda d: (d.priority, ranks[type(d.kind)], d.code)):
        inside = [discount.category in (None, line.category) for line in lines]
        off = taken_off(
            discount.kind, lines, [a * b for a, b in zip(left, inside, strict=True)], scale
        )
        left = [amount - taken for amount, taken in zip(left, off, strict=True)]
    rates = [Fraction(RATES.get(line.category, RATES["default"])) for line in lines]
    return left, [half_up(rate * amount) for amount, rate in zip(left, rates, strict=True)]


def taken_off(kind: Kind, lines: Sequence[Line], left: Sequence[int], scale: int) -> list[int]:
    """
    What one code takes off each line, in minor units.
    """
    if isinstance(kind, Percentage):
        return [half_up(Fraction(kind.percent) * amount / 100) for amount in left]
    if isinstance(kind, QuantityTiers):
        reached = [
            max(
                (t.percent for t in kind.tiers if t.min_quantity <= line.quantity),
                default=Decimal(0),
            )
            for line in lines
        ]
        return [
            half_up(Fraction(off) * amount / 100) for amount, off in zip(left, reached, strict=True)
        ]
    used = min(int(Fraction(kind.amount) * scale), sum(left))
    exact = [Fraction(used * amount, sum(left) or 1) for amount in left]
    shares = [math.floor(share) for share in exact]
    while sum(shares) < used:
        cuts = [share - given for share, given in zip(exact, shares, strict=True)]
        first = min(range(len(lines)), key=lambda at: (-cuts[at], lines[at].product_id))
        shares[first] += 1
    return shares


def half_up(amount: Fraction) -> int:
    """
    The nearest whole number, halves up.
    """
    return math.floor(amount + Fraction(1, 2))


def values_in(thing: object) -> list[object]:
    """
    Every single value in dataclasses and tuples, however deep.
    """
    if is_dataclass(thing):
        return [value for field in fields(thing) for value in values_in(getattr(thing, field.name))]
    if isinstance(thing, tuple):
        return [value for part in thing for value in values_in(part)]
    return [thing]
