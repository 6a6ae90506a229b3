"""
Orders in the database. What must happen once is an update that says from which state it goes.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from sqlalchemy import (
    ColumnElement,
    Connection,
    and_,
    bindparam,
    func,
    select,
    true,
    update,
)
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.checkout.models import Attention, End, Order, Page, Sold, Status
from gateway.checkout.rows import end_row, new_row, order_if_readable
from gateway.tables import OPEN, order_discounts, order_lines, orders
from servicekit.database import Change, Insertion, Reading, RowsOf
from servicekit.errors import ServiceUnavailable

_ADD: Final = Insertion(
    orders,
    *("id", "owner", "status", "created_at", "updated_at", "day", "items", "discount_codes"),
    *("wanted_currency", "correlation_id", "traceparent"),
)
_ADD_LINES: Final = Insertion(
    order_lines,
    *("order_id", "product_id", "quantity", "unit_price", "line_total", "currency", "day"),
)
_ADD_DISCOUNTS: Final = Insertion(order_discounts, "order_id", "code", "amount", "currency", "day")
_BY_ID: Final = select(orders).where(orders.c.id == bindparam("order_id"))
#: One after the other, each by a look into the index: DISTINCT would read all of it.
_FIRST: Final = select(func.min(orders.c.status).label("status")).cte("statuses", recursive=True)
_NEXT: Final = (
    select(func.min(orders.c.status)).where(orders.c.status > _FIRST.c.status).scalar_subquery()
)
_STATUSES: Final = select(_FIRST.union_all(select(_NEXT).where(_FIRST.c.status.is_not(None))))
_NOT_ENDED: Final = (
    select(orders.c.id, orders.c.day)
    .where(orders.c.id.in_(bindparam("order_ids", expanding=True)), orders.c.ended_at.is_(None))
    # In one order, or two who end several could wait for each other; beside whoever refers to them.
    .order_by(orders.c.id)
    .with_for_update(key_share=True)
)
_END_PLACING: Final = Change(
    orders,
    "id",
    to=[
        *("status", "updated_at", "ended_at", "currency", "subtotal", "total", "answer"),
        *("reason_code", "reason", "failed_step"),
    ],
)


@dataclass(frozen=True, slots=True)
class Filters:
    """
    Which orders a list shows. ``owner``: None for everybody's.
    """

    owner: str | None = None
    status: Status | None = None
    since: datetime | None = None
    before: datetime | None = None


@dataclass(frozen=True, slots=True)
class Opened:
    """
    Some of the orders that are on their way; the ids of those that another release has written so that
    this one cannot read them, and since when they are as they are.
    """

    orders: Sequence[Order]
    unreadable: Mapping[str, datetime]
    count: int
    last_id: str


def rows_of_new(new: Sequence[Order]) -> RowsOf:
    """
    What is written of new orders.
    """
    return _ADD, [new_row(order) for order in new]


async def by_id(reading: Reading, order_id: str) -> Order | None:
    """
    The order as it stands.

    Raises ServiceUnavailable where another release has written it so that only that one can read it.
    """
    rows = [*await reading.execute(_BY_ID, {"order_id": order_id})]
    if not rows:
        return None
    order = order_if_readable(rows[0])
    if order is None:
        raise ServiceUnavailable("what another release has written of this order")
    return order


async def page(connection: AsyncConnection, wanted: Filters, *, number: int, size: int) -> Page:
    """
    A page of the orders that are wanted, the newest first; without those that this release cannot read.
    """
    which = _where(wanted)
    total = await connection.scalar(select(func.count()).select_from(orders).where(which))
    statement = (
        select(orders)
        .where(which)
        .order_by(orders.c.created_at.desc(), orders.c.id.desc())
        .limit(size)
        .offset((number - 1) * size)
    )
    rows = (await connection.execute(statement)).all()
    read = {row.id: order_if_readable(row) for row in rows}
    return Page(
        [order for order in read.values() if order is not None],
        total or 0,
        unreadable=[order_id for order_id, order in read.items() if order is None],
    )


def not_ended(connection: Connection, order_ids: Sequence[str]) -> dict[str, str]:
    """
    Those of these orders whose placing has not ended, which nobody else ends meanwhile; with their days.

    A replay of an end, after a crash, finds it ended: also when the order was cancelled since.
    """
    rows = connection.execute(_NOT_ENDED, {"order_ids": order_ids})
    return {row.id: row.day for row in rows}


def rows_of_ends(ends: Sequence[End]) -> RowsOf:
    """
    What is written of orders whose placing has ended: what they have become.
    """
    return _END_PLACING, [end_row(end) for end in ends]


def rows_of_sales(sales: Sequence[tuple[str, str, Sold]]) -> Sequence[RowsOf]:
    """
    What is written for reports of what orders have sold, each given with its id and its day.
    """
    lines, discounts = [], []
    for order_id, day, what in sales:
        same = {"order_id": order_id, "day": day, "currency": what.currency}
        lines += [{**line, **same} for line in what.lines]
        discounts += [{**one, **same} for one in what.discounts]
    return (_ADD_LINES, lines), (_ADD_DISCOUNTS, discounts)


def begin_cancelling(connection: Connection, cancelling: Order) -> bool:
    """
    A confirmed order is about to be cancelled; False where it is none, or was before.
    """
    now = {"updated_at": cancelling.updated_at, "traceparent": cancelling.traceparent}
    return _move(connection, cancelling.id, {Status.CONFIRMED}, status=Status.CANCELLING, **now)


def end_cancelling(connection: Connection, order_id: str, now: datetime) -> bool:
    """
    The order is cancelled; False where it was before.
    """
    before = {Status.CANCELLING, Status.NEEDS_ATTENTION}
    return _move(
        connection, order_id, before, status=Status.CANCELLED, updated_at=now, ended_at=now
    )


def flag(connection: Connection, order_id: str, attention: Attention, *, while_in: Status) -> bool:
    """
    The order needs attention; False where it is not ``while_in`` any more.
    """
    return _move(
        connection,
        order_id,
        {while_in},
        status=Status.NEEDS_ATTENTION,
        updated_at=attention.since,
        attention_since=attention.since,
        attention={"step": attention.step, "why": attention.why},
    )


def ask_retry(connection: Connection, order_id: str, now: datetime) -> bool:
    """
    Whoever carries the order through shall try again; False where it needs no attention.
    """
    return _move(connection, order_id, {Status.NEEDS_ATTENTION}, retry_asked_at=now)


async def retries_asked(connection: AsyncConnection, since: datetime) -> dict[str, datetime]:
    """
    The orders for which that was asked since then, and when.
    """
    statement = select(orders.c.id, orders.c.retry_asked_at).where(
        orders.c.status == Status.NEEDS_ATTENTION.value, orders.c.retry_asked_at >= since
    )
    return {row.id: row.retry_asked_at for row in await connection.execute(statement)}


async def needing_attention(connection: AsyncConnection) -> int:
    """
    How many orders do.
    """
    statement = select(func.count()).where(orders.c.status == Status.NEEDS_ATTENTION.value)
    return await connection.scalar(statement) or 0


async def strange_statuses(connection: AsyncConnection) -> set[str]:
    """
    The statuses that orders have and this release does not know.
    """
    return {row.status for row in await connection.execute(_STATUSES)} - {*Status, None}


async def open_since(
    connection: AsyncConnection,
    before: datetime,
    *,
    strange: Collection[str],
    after_id: str,
    limit: int,
) -> Opened:
    """
    Orders that are on their way since ``before``, by id from behind ``after_id``; those of ``strange``
    statuses as well, unless they have ended.
    """
    is_on_its_way = orders.c.status.in_(OPEN) | orders.c.ended_at.is_(None)
    statement = (
        select(orders)
        .where(orders.c.status.in_([*OPEN, *strange]), is_on_its_way)
        .where(orders.c.updated_at < before, orders.c.id > after_id)
        .order_by(orders.c.id)
        .limit(limit)
    )
    rows = (await connection.execute(statement)).all()
    read = [(row, order_if_readable(row)) for row in rows]
    return Opened(
        [order for _, order in read if order is not None],
        {row.id: row.updated_at for row, order in read if order is None},
        count=len(rows),
        last_id=rows[-1].id if rows else after_id,
    )


def ended_among(connection: Connection, order_ids: Collection[str]) -> Sequence[str]:
    """
    Which of these orders have ended; no other ends before this transaction does.
    """
    statement = (
        select(orders.c.id, orders.c.status).where(orders.c.id.in_(order_ids)).order_by(orders.c.id)
    )
    rows = connection.execute(statement.with_for_update(read=True))
    return [row.id for row in rows if row.status not in OPEN]


def _move(
    connection: Connection, order_id: str, before: Collection[Status], **values: object
) -> bool:
    told = [status.value for status in before]
    statement = update(orders).where(orders.c.id == order_id, orders.c.status.in_(told))
    return connection.execute(statement.values(**values)).rowcount == 1


def _where(wanted: Filters) -> ColumnElement[bool]:
    conditions: list[ColumnElement[bool]] = [true()]
    if wanted.owner is not None:
        conditions.append(orders.c.owner == wanted.owner)
    if wanted.status is not None:
        conditions.append(orders.c.status == wanted.status.value)
    if wanted.since is not None:
        conditions.append(orders.c.created_at >= wanted.since)
    if wanted.before is not None:
        conditions.append(orders.c.created_at < wanted.before)
    return and_(*conditions)
