"""
The arithmetic of an order: what its lines cost, what each code takes off, and the tax.

The rules, by which every case can be computed by hand:

1. A line's subtotal is its unit price times its quantity. Prices are without tax.
2. The codes apply one after another in a fixed order, however they were given: by priority (the
   lowest number first), then tiers before percentages before fixed amounts, then by code. Each
   works on what the codes before it have left of a line, and on the lines of its category only.
3. A percentage takes off each line ``left * percent / 100``, rounded.
4. Quantity tiers do the same, with the percent of the highest tier that the line's quantity
   reaches; a line below the first tier keeps its price. Lines are not added together.
5. A fixed amount is spread over the lines in proportion to what is left of them: each gets its
   share cut to whole minor units, and the units that remain go one each to the lines with the
   largest cut-off parts; where those are equal, to the product whose id sorts first. What is
   more than the lines have left is not used: no line and no total ever falls below zero.
6. A line's tax is ``(subtotal - discounts) * rate of its category``, rounded; a category without a
   rate has the default one. Simple on purpose: no places, no exemptions, no tax within prices.
7. Rounding is to the currency's minor unit, half up, in 3, 4 and 6 only. All else is exact, and
   the order's figures are sums of its lines'.

Whether a code may be used, see ``refusals.Reason``. A code that is not stackable must stand alone; the
minimum order is measured on the subtotal of all lines, before any discount.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Final

from pricing.discounts.eligibility import Circumstances, DiscountsRefused, faults_of
from pricing.discounts.models import Discount, FixedAmount, Kind, Percentage, QuantityTiers
from pricing.discounts.order import AppliedDiscount, Line, PricedLine, PricedOrder
from pricing.money import from_minor, rounded, to_minor
from pricing.refusals import Reason, Refusal

__all__ = [
    "DEFAULT_RATE",
    "AppliedDiscount",
    "DiscountsRefused",
    "Line",
    "PricedLine",
    "PricedOrder",
    "price_order",
]

#: The key of the rate for categories that have none of their own.
DEFAULT_RATE: Final = "default"
_NOTHING: Final = Decimal(0)
#: What each code takes off each line.
_Taken = list[tuple[Discount, list[Decimal]]]
_TURNS: Final[Mapping[type[Kind], int]] = {QuantityTiers: 0, Percentage: 1, FixedAmount: 2}


def price_order(
    lines: Sequence[Line],
    discounts: Sequence[Discount],
    *,
    currency: str,
    tax_rates: Mapping[str, Decimal],
    now: datetime,
    used_up: frozenset[str] = frozenset(),
    unknown: Sequence[str] = (),
) -> PricedOrder:
    """
    Price an order; raises DiscountsRefused naming every bad code at once.

    ``discounts`` are the known ones of the codes given, as often as they were given; ``unknown``
    the codes that nobody knows; ``used_up`` the codes whose uses are all claimed.
    """
    subtotal = _sum(line.unit_price * line.quantity for line in lines)
    order = Circumstances(lines, currency, now, subtotal, used_up)
    reasons = dict.fromkeys(unknown, Reason.UNKNOWN) | faults_of(discounts, order)
    if reasons:
        raise DiscountsRefused(tuple(Refusal(*item) for item in sorted(reasons.items())))
    taken = _taken(lines, sorted(discounts, key=_turn), currency)
    priced = tuple(
        _priced(line, _parts(taken, at), _rate(tax_rates, line), currency)
        for at, line in enumerate(lines)
    )
    return PricedOrder(
        lines=priced,
        discounts=tuple(_part(discount, _sum(amounts)) for discount, amounts in taken),
        subtotal=subtotal,
        discount=_sum(line.discount for line in priced),
        tax=_sum(line.tax for line in priced),
        total=_sum(line.total for line in priced),
    )


def _turn(discount: Discount) -> tuple[int, int, str]:
    return discount.priority, _TURNS[type(discount.kind)], discount.code


def _taken(lines: Sequence[Line], ordered: Sequence[Discount], currency: str) -> _Taken:
    left = [line.unit_price * line.quantity for line in lines]
    taken: _Taken = []
    for discount in ordered:
        of_its_category = [
            amount if discount.covers(line.category) else _NOTHING
            for line, amount in zip(lines, left, strict=True)
        ]
        amounts = _amounts(discount.kind, lines, of_its_category, currency)
        left = [amount - off for amount, off in zip(left, amounts, strict=True)]
        taken.append((discount, amounts))
    return taken


def _amounts(
    kind: Kind, lines: Sequence[Line], left: Sequence[Decimal], currency: str
) -> list[Decimal]:
    if isinstance(kind, FixedAmount):
        return _spread(kind.amount, lines, left, currency)
    return [
        rounded(amount * _percent_of(kind, line) / 100, currency)
        for line, amount in zip(lines, left, strict=True)
    ]


def _percent_of(kind: Percentage | QuantityTiers, line: Line) -> Decimal:
    return kind.percent if isinstance(kind, Percentage) else kind.percent_of(line.quantity)


def _spread(
    amount: Decimal, lines: Sequence[Line], left: Sequence[Decimal], currency: str
) -> list[Decimal]:
    """
    Rule 5, in minor units. A share never exceeds what is left of its line: the one unit more goes
    only to shares that were cut.
    """
    weights = [to_minor(part, currency) for part in left]
    whole = sum(weights)
    used = min(to_minor(amount, currency), whole)
    # Where nothing is left, there is nothing to divide by either.
    shares = [divmod(used * weight, whole or 1) for weight in weights]
    by_cut = sorted(range(len(lines)), key=lambda at: (-shares[at][1], lines[at].product_id))
    one_more = set(by_cut[: used - sum(share for share, _ in shares)])
    return [from_minor(share + (at in one_more), currency) for at, (share, _) in enumerate(shares)]


def _priced(
    line: Line, discounts: Sequence[AppliedDiscount], tax_rate: Decimal, currency: str
) -> PricedLine:
    subtotal = line.unit_price * line.quantity
    discount = _sum(applied.amount for applied in discounts)
    tax = rounded((subtotal - discount) * tax_rate, currency)
    return PricedLine(
        product_id=line.product_id,
        quantity=line.quantity,
        unit_price=line.unit_price,
        subtotal=subtotal,
        discounts=tuple(discounts),
        discount=discount,
        tax_rate=tax_rate,
        tax=tax,
        total=subtotal - discount + tax,
    )


def _rate(tax_rates: Mapping[str, Decimal], line: Line) -> Decimal:
    return tax_rates.get(line.category, tax_rates[DEFAULT_RATE])


def _parts(taken: _Taken, at: int) -> list[AppliedDiscount]:
    return [_part(discount, amounts[at]) for discount, amounts in taken if amounts[at]]


def _part(discount: Discount, amount: Decimal) -> AppliedDiscount:
    return AppliedDiscount(discount.code, discount.description, amount)


def _sum(amounts: Iterable[Decimal]) -> Decimal:
    return sum(amounts, _NOTHING)
