"""
Where orders and their reservations are kept.
"""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Row, Select, literal_column, select
from sqlalchemy.ext.asyncio import AsyncConnection

from inventory.stock.models import Order, Reservation, Status
from inventory.tables import stock_orders, stock_reservations
from servicekit.database import insert_on

_LINES = select(stock_reservations).order_by(
    stock_reservations.c.order_id, stock_reservations.c.line
)


async def claimed(connection: AsyncConnection, order_id: str, now: datetime) -> Order:
    """
    The order, noted now if nobody had heard of it, which nobody else changes until the end.
    """
    insert = insert_on(connection, stock_orders).values(
        order_id=order_id, is_whole=False, created_at=now
    )
    noted = await connection.execute(
        insert.on_conflict_do_nothing().returning(stock_orders.c.order_id)
    )
    if noted.first() is not None:
        return Order(order_id, is_released=False, is_whole=False)
    order = await locked(connection, order_id)
    assert order is not None  # noqa: S101  # orders are never forgotten
    return order


async def locked(connection: AsyncConnection, order_id: str) -> Order | None:
    """
    The order with its lines, which nobody else changes until this transaction ends.
    """
    rows = await connection.execute(
        select(stock_orders).where(stock_orders.c.order_id == order_id).with_for_update()
    )
    row = rows.one_or_none()
    if row is None:
        return None
    # A statement of its own, so that it sees what the last holder of the lock has done.
    lines = await of_order(connection, order_id)
    return Order(
        order_id, is_released=row.released_at is not None, is_whole=row.is_whole, lines=lines
    )


async def of_order(connection: AsyncConnection, order_id: str) -> tuple[Reservation, ...]:
    """
    The reservations of an order, as its lines stand.
    """
    rows = await connection.execute(_LINES.where(stock_reservations.c.order_id == order_id))
    return tuple(_reservation(row) for row in rows)


async def by_id(connection: AsyncConnection, reservation_id: str) -> Reservation | None:
    """
    The reservation of this id.
    """
    rows = await connection.execute(
        select(stock_reservations).where(stock_reservations.c.id == reservation_id)
    )
    row = rows.one_or_none()
    return None if row is None else _reservation(row)


async def add(connection: AsyncConnection, reservations: Sequence[Reservation]) -> None:
    """
    Keep new reservations.
    """
    await connection.execute(stock_reservations.insert(), [*map(_values, reservations)])


async def set_status(
    connection: AsyncConnection, reservations: Collection[Reservation], status: Status
) -> None:
    """
    Note what became of these reservations.
    """
    await connection.execute(
        stock_reservations.update()
        .where(stock_reservations.c.id.in_([reservation.id for reservation in reservations]))
        .values(status=status.value)
    )


async def set_released(connection: AsyncConnection, order_id: str, now: datetime) -> None:
    """
    Leave the tombstone.
    """
    await connection.execute(
        stock_orders.update().where(stock_orders.c.order_id == order_id).values(released_at=now)
    )


async def set_whole(connection: AsyncConnection, order_id: str) -> None:
    """
    Note that an order form has said all lines.
    """
    await connection.execute(
        stock_orders.update().where(stock_orders.c.order_id == order_id).values(is_whole=True)
    )


async def lock_due_orders(
    connection: AsyncConnection, now: datetime, *, limit: int
) -> tuple[str, ...]:
    """
    Orders with reservations that have expired and that nobody else has locked: they are ours until
    the end. ``limit`` is for the reservations.
    """
    due = _due(now).limit(limit).with_for_update(of=stock_orders, skip_locked=True)
    rows = await connection.execute(due)
    return tuple(dict.fromkeys(rows.scalars()))


async def due_orders(connection: AsyncConnection, now: datetime, *, limit: int) -> tuple[str, ...]:
    """
    Orders with reservations that have expired, whoever has locked them; ``limit`` as above.
    """
    rows = await connection.execute(_due(now).limit(limit))
    return tuple(dict.fromkeys(rows.scalars()))


def _due(now: datetime) -> Select[str]:
    return (
        select(stock_orders.c.order_id)
        .join(stock_reservations, stock_reservations.c.order_id == stock_orders.c.order_id)
        .where(
            # Written out, so that the index of open reservations is known to serve.
            stock_reservations.c.status == literal_column(f"'{Status.RESERVED.value}'"),
            stock_reservations.c.expires_at <= now,
        )
        .order_by(stock_reservations.c.expires_at)
    )


async def due_of(
    connection: AsyncConnection, order_ids: Collection[str], now: datetime
) -> list[Reservation]:
    """
    The reservations of these orders that have expired.
    """
    rows = await connection.execute(_LINES.where(stock_reservations.c.order_id.in_(order_ids)))
    return [line for line in map(_reservation, rows) if line.is_due(now)]


def _values(reservation: Reservation) -> dict[str, object]:
    return {
        "id": reservation.id,
        "order_id": reservation.order_id,
        "product_id": reservation.product_id,
        "line": reservation.line,
        "quantity": reservation.quantity,
        "status": reservation.status.value,
        "expires_at": reservation.expires_at,
        "created_at": reservation.created_at,
    }


def _reservation(row: Row[Any]) -> Reservation:
    return Reservation(
        id=row.id,
        order_id=row.order_id,
        product_id=row.product_id,
        line=row.line,
        quantity=row.quantity,
        status=Status(row.status),
        expires_at=row.expires_at,
        created_at=row.created_at,
    )
