"""
What reports ask the database.

Days, statuses and spans are of the orders; what was sold by them is joined to them, since an order may
be cancelled after its lines were written.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Final, TypeAlias

from sqlalchemy import ColumnElement, Row, Select, case, func, literal, select, true, tuple_

from gateway.checkout.models import Status
from gateway.checkout.sales_models import Span
from gateway.tables import order_discounts, order_events, order_lines, orders
from servicekit.database import UtcDateTime

#: Amounts are summed in two parts, which neither database's 64 bits can overflow before a thousand
#: million orders have. Beyond them SQLite raises, and PostgreSQL goes on in decimals.
PART: Final = 1_000_000_000
#: An order that has, or had, been paid for.
_HAS_MONEY: Final = (Status.CONFIRMED, Status.CANCELLING, Status.CANCELLED)

AnyRow: TypeAlias = Row[*tuple[Any, ...]]
Statement: TypeAlias = Select[*tuple[Any, ...]]


def by_day(span: Span) -> Statement:
    """
    How many orders, and what they come to, by day, status and currency.
    """
    has_money = orders.c.status.in_(_HAS_MONEY)
    one = (
        select(
            orders.c.day,
            orders.c.status,
            # Named otherwise than the column, which PostgreSQL would group by in its place.
            case((has_money, orders.c.currency)).label("paid_in"),
            orders.c.total,
        )
        .where(_is_within(span))
        .subquery()
        .c
    )
    return (
        select(one.day, one.status, one.paid_in.label("currency"), *_summed(one.total))
        .group_by(one.day, one.status, one.paid_in)
        .order_by(one.day, one.status, one.paid_in)
    )


def products(span: Span) -> Statement:
    """
    What confirmed orders hold of each product, the most units first.
    """
    line = order_lines.c
    units = func.sum(line.quantity)
    return (
        select(line.product_id, line.currency, units.label("units"), *_summed(line.line_total))
        .join(orders, orders.c.id == line.order_id)
        .where(_is_within(span), orders.c.status == Status.CONFIRMED)
        .group_by(line.product_id, line.currency)
        .order_by(units.desc(), line.product_id, line.currency)
    )


def discounts(span: Span) -> Statement:
    """
    What each code took off confirmed orders.
    """
    used = order_discounts.c
    return (
        select(used.code, used.currency, *_summed(used.amount))
        .join(orders, orders.c.id == used.order_id)
        .where(_is_within(span), orders.c.status == Status.CONFIRMED)
        .group_by(used.code, used.currency)
        .order_by(used.code, used.currency)
    )


def troubles(span: Span, statuses: Sequence[str], *, after: AnyRow | None = None) -> Statement:
    """
    The orders of these statuses, the oldest first, from the one that follows ``after``.
    """
    order = orders.c
    is_next: ColumnElement[bool] = true()
    if after is not None:
        # The span tells the index where to begin, which SQLite does not see in a pair.
        span = replace(span, start=after.created_at)
        last = tuple_(literal(after.created_at, UtcDateTime), literal(after.id))
        is_next = tuple_(order.created_at, order.id) > last
    # All but the others: an index by status leads to orders out of their order in time, and all of
    # them would be sorted for each batch.
    others = [status for status in Status if status not in statuses]
    return (
        select(
            order.id,
            order.owner,
            order.status,
            order.created_at,
            order.updated_at,
            order.ended_at,
            order.reason_code,
            order.reason,
            order.failed_step,
            order.attention_since,
            order.attention,
            order.correlation_id,
        )
        .where(_is_within(span), is_next, order.status.not_in(others))
        .order_by(order.created_at, order.id)
    )


def events(order_ids: Sequence[str]) -> Statement:
    """
    What has happened to these orders, each one's in its order.
    """
    event = order_events.c
    return (
        select(event.order_id, event.name, event.at)
        .where(event.order_id.in_(order_ids))
        .order_by(event.order_id, event.seq)
    )


def _is_within(span: Span) -> ColumnElement[bool]:
    return (orders.c.created_at >= span.start) & (orders.c.created_at < span.end)


def _summed(amount: ColumnElement[Any]) -> tuple[ColumnElement[Any], ...]:
    """
    How many rows, and the two parts of the sum of their amounts.
    """
    parts = func.sum(amount // PART), func.sum(amount % PART)
    return func.count().label("n"), parts[0].label("high"), parts[1].label("low")
