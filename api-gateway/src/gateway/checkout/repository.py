"""
Orders in the database. What must happen once is an update that says from which state it goes.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import ColumnElement, Row, and_, bindparam, func, insert, select, true, update
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.checkout.models import Attention, Order, Page, Reason, Sold, Status, Wanted
from gateway.tables import OPEN, order_discounts, order_lines, orders
from gateway.upstreams.models import Item
from servicekit.database import Reading

_ADD: Final = insert(orders)
_ADD_LINES: Final = insert(order_lines)
_ADD_DISCOUNTS: Final = insert(order_discounts)
_BY_ID: Final = select(orders).where(orders.c.id == bindparam("order_id"))
#: A replay of the placing's end, after a crash, finds it ended: also when it was cancelled since.
_END_PLACING: Final = (
    update(orders)
    .where(orders.c.id == bindparam("order_id"), orders.c.ended_at.is_(None))
    .values({
        name: bindparam(name)
        for name in (
            *("status", "updated_at", "ended_at", "currency", "subtotal", "total", "answer"),
            *("reason_code", "reason", "failed_step"),
        )
    })
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Filters:
    """
    Which orders a list shows. ``owner``: None for everybody's.
    """

    owner: str | None = None
    status: Status | None = None
    since: datetime | None = None
    before: datetime | None = None


async def add(connection: AsyncConnection, order: Order) -> None:
    """
    A new order.
    """
    await connection.execute(
        _ADD,
        {
            "id": order.id,
            "owner": order.owner,
            "status": order.status.value,
            "created_at": order.created_at,
            "updated_at": order.updated_at,
            "day": day_of(order.created_at),
            "items": [[one.product_id, one.quantity] for one in order.wanted.items],
            "discount_codes": list(order.wanted.codes),
            "wanted_currency": order.wanted.currency,
            "correlation_id": order.correlation_id,
        },
    )


async def by_id(reading: Reading, order_id: str) -> Order | None:
    """
    The order as it stands.
    """
    found = await reading.execute(_BY_ID, {"order_id": order_id})
    rows = found if isinstance(found, Sequence) else found.all()
    return _order(rows[0]) if rows else None


async def page(connection: AsyncConnection, wanted: Filters, *, number: int, size: int) -> Page:
    """
    A page of the orders that are wanted, the newest first.
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
    return Page([_order(row) for row in rows], total or 0)


async def end_placing(
    connection: AsyncConnection,
    order_id: str,
    status: Status,
    now: datetime,
    *,
    sold: Sold | None = None,
    reason: Reason | None = None,
) -> bool:
    """
    The order is what it has become, with what was sold; False where it was before.
    """
    ended = await connection.execute(
        _END_PLACING,
        {
            "order_id": order_id,
            "status": status.value,
            "updated_at": now,
            "ended_at": now,
            "currency": sold and sold.currency,
            "subtotal": sold and sold.subtotal,
            "total": sold and sold.total,
            "answer": sold and sold.answer,
            "reason_code": reason and reason.code,
            "reason": reason and {"message": reason.message, "details": dict(reason.details)},
            "failed_step": reason and reason.step,
        },
    )
    return ended.rowcount == 1


async def add_sold(connection: AsyncConnection, order_id: str, day: str, sold: Sold) -> None:
    """
    What was sold by an order, for reports.
    """
    same = {"order_id": order_id, "day": day, "currency": sold.currency}
    await connection.execute(_ADD_LINES, [{**line, **same} for line in sold.lines])
    if sold.discounts:
        await connection.execute(_ADD_DISCOUNTS, [{**one, **same} for one in sold.discounts])


async def begin_cancelling(connection: AsyncConnection, order_id: str, now: datetime) -> bool:
    """
    A confirmed order is about to be cancelled; False where it is none, or was before.
    """
    return await _move(
        connection, order_id, {Status.CONFIRMED}, status=Status.CANCELLING, updated_at=now
    )


async def end_cancelling(connection: AsyncConnection, order_id: str, now: datetime) -> bool:
    """
    The order is cancelled; False where it was before.
    """
    before = {Status.CANCELLING, Status.NEEDS_ATTENTION}
    return await _move(
        connection, order_id, before, status=Status.CANCELLED, updated_at=now, ended_at=now
    )


async def flag(
    connection: AsyncConnection, order_id: str, attention: Attention, *, while_in: Status
) -> bool:
    """
    The order needs attention; False where it is not ``while_in`` any more.
    """
    return await _move(
        connection,
        order_id,
        {while_in},
        status=Status.NEEDS_ATTENTION,
        updated_at=attention.since,
        attention_since=attention.since,
        attention={"step": attention.step, "why": attention.why},
    )


async def ask_retry(connection: AsyncConnection, order_id: str, now: datetime) -> bool:
    """
    Whoever carries the order through shall try again; False where it needs no attention.
    """
    return await _move(connection, order_id, {Status.NEEDS_ATTENTION}, retry_asked_at=now)


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


async def open_since(
    connection: AsyncConnection, before: datetime, *, after_id: str, limit: int
) -> Sequence[Order]:
    """
    Orders that are on their way since ``before``, by id from behind ``after_id``.
    """
    statement = (
        select(orders)
        .where(orders.c.status.in_(OPEN), orders.c.updated_at < before, orders.c.id > after_id)
        .order_by(orders.c.id)
        .limit(limit)
    )
    return [_order(row) for row in (await connection.execute(statement)).all()]


async def ended_among(connection: AsyncConnection, order_ids: Collection[str]) -> Sequence[str]:
    """
    Which of these orders have ended; no other ends before this transaction does.
    """
    statement = select(orders.c.id, orders.c.status).where(orders.c.id.in_(order_ids))
    rows = await connection.execute(statement.with_for_update(read=True))
    return [row.id for row in rows if row.status not in OPEN]


def day_of(moment: datetime) -> str:
    """
    The day in UTC: ``2026-11-21``.
    """
    return moment.date().isoformat()


async def _move(
    connection: AsyncConnection, order_id: str, before: Collection[Status], **values: object
) -> bool:
    told = [status.value for status in before]
    statement = update(orders).where(orders.c.id == order_id, orders.c.status.in_(told))
    return (await connection.execute(statement.values(**values))).rowcount == 1


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


def _order(row: Row[Any]) -> Order:
    return Order(
        id=row.id,
        owner=row.owner,
        status=Status(row.status),
        created_at=row.created_at,
        updated_at=row.updated_at,
        wanted=Wanted(
            tuple(Item(product_id, quantity) for product_id, quantity in row.items),
            tuple(row.discount_codes),
            row.wanted_currency,
        ),
        correlation_id=row.correlation_id,
        ended_at=row.ended_at,
        answer=row.answer,
        reason=_reason(row),
        attention=_attention(row),
    )


def _reason(row: Row[Any]) -> Reason | None:
    if row.reason_code is None:
        return None
    return Reason(row.reason_code, row.reason["message"], row.reason["details"], row.failed_step)


def _attention(row: Row[Any]) -> Attention | None:
    if row.attention_since is None:
        return None
    return Attention(row.attention_since, row.attention["step"], row.attention["why"])
