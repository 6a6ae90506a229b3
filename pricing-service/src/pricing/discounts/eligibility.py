"""
Which codes an order may use, and why not the others.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from pricing.discounts.models import Discount, FixedAmount, Money, QuantityTiers
from pricing.discounts.order import Line
from pricing.refusals import Reason, Refusal


class DiscountsRefused(Exception):
    """
    At least one code cannot be used. All of them are named, sorted by code.
    """

    def __init__(self, refusals: tuple[Refusal, ...]) -> None:
        super().__init__(", ".join(f"{refusal.code}: {refusal.reason}" for refusal in refusals))
        self.refusals = refusals


@dataclass(frozen=True, slots=True)
class Circumstances:
    """
    What decides whether a code may be used.
    """

    lines: Sequence[Line]
    currency: str
    now: datetime
    subtotal: Decimal
    used_up: frozenset[str]


def faults_of(discounts: Sequence[Discount], order: Circumstances) -> dict[str, Reason]:
    """
    The codes that cannot be used, each with its reason.
    """
    times = Counter(discount.code for discount in discounts)
    faults = {discount.code: Reason.REPEATED for discount in discounts if times[discount.code] > 1}
    for discount in discounts:
        reason = _fault(discount, order)
        if reason is not None:
            faults.setdefault(discount.code, reason)
    sound = [discount for discount in discounts if discount.code not in faults]
    if len(sound) > 1 and not all(discount.stackable for discount in sound):
        faults |= {discount.code: Reason.NOT_STACKABLE for discount in sound}
    return faults


def _fault(discount: Discount, order: Circumstances) -> Reason | None:
    begins, ends, minimum = discount.valid_from, discount.valid_until, discount.minimum_order
    amounts = [
        money for money in (discount.kind, minimum) if isinstance(money, FixedAmount | Money)
    ]
    checks = (
        (Reason.NOT_YET_VALID, begins is not None and order.now < begins),
        (Reason.EXPIRED, ends is not None and order.now >= ends),
        (Reason.USED_UP, discount.code in order.used_up),
        (Reason.CURRENCY, not all(money.currency == order.currency for money in amounts)),
        (Reason.MINIMUM_ORDER, minimum is not None and order.subtotal < minimum.amount),
        (Reason.NOT_APPLICABLE, not any(_reaches(discount, line) for line in order.lines)),
    )
    return next((reason for reason, holds in checks if holds), None)


def _reaches(discount: Discount, line: Line) -> bool:
    """
    Whether the line is in the discount's category and, of tiers, has enough pieces.
    """
    kind = discount.kind
    too_few = isinstance(kind, QuantityTiers) and not kind.percent_of(line.quantity)
    return discount.covers(line.category) and not too_few
