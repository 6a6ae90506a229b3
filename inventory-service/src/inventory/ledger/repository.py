"""
Where movements are kept, and the one place that changes a product's amounts.
"""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Row, bindparam, func, literal, select
from sqlalchemy.ext.asyncio import AsyncConnection

from inventory.ledger.models import Amounts, Entry, Kind, Movement, Posting, made
from inventory.origin import Origin
from inventory.shapes import Page, Shape
from inventory.tables import products, stock_movements, stock_reservations

#: A movement as clients read it.
_ENTRY = Shape(
    id=stock_movements.c.id,
    productId=stock_movements.c.product_id,
    kind=stock_movements.c.kind,
    stockChange=stock_movements.c.stock_change,
    reservedChange=stock_movements.c.reserved_change,
    stockLevelAfter=stock_movements.c.stock_level_after,
    reservedAfter=stock_movements.c.reserved_after,
    orderId=stock_movements.c.order_id,
    reservationId=stock_movements.c.reservation_id,
    adjustmentId=stock_movements.c.adjustment_id,
    who=stock_movements.c.who,
    why=stock_movements.c.why,
    correlationId=stock_movements.c.correlation_id,
    at=stock_movements.c.at,
)
_SET_AMOUNTS = (
    products.update()
    .where(products.c.id == bindparam("product_id"))
    .values(
        stock_level=bindparam("new_stock_level"),
        reserved=bindparam("new_reserved"),
        updated_at=bindparam("at"),
    )
)


async def locked(connection: AsyncConnection, product_ids: Collection[str]) -> dict[str, Amounts]:
    """
    The amounts of these products, removed ones included, which nobody else changes until the end.

    Locks are taken in the order of the ids, so that two transactions cannot wait for each other.
    """
    rows = await connection.execute(
        select(products.c.id, products.c.stock_level, products.c.reserved, products.c.removed_at)
        .where(products.c.id.in_(product_ids))
        .order_by(products.c.id)
        .with_for_update()
    )
    return {
        row.id: Amounts(row.id, row.stock_level, row.reserved, row.removed_at is not None)
        for row in rows
    }


async def post(
    connection: AsyncConnection,
    postings: Sequence[Posting],
    amounts: Collection[Amounts],
    origin: Origin,
    at: datetime,
) -> None:
    """
    Make movements of products whose ``amounts`` this transaction has locked.
    """
    movements = made(postings, amounts, origin, at)
    last = {movement.after.product_id: movement.after for movement in movements}
    await connection.execute(
        _SET_AMOUNTS,
        [
            {
                "product_id": one.product_id,
                "new_stock_level": one.stock_level,
                "new_reserved": one.reserved,
                "at": at,
            }
            for one in last.values()
        ],
    )
    await connection.execute(stock_movements.insert(), [*map(_values, movements)])


async def adjustment(
    connection: AsyncConnection, product_id: str, adjustment_id: str
) -> Entry | None:
    """
    The movement that was made under this key of a client.
    """
    table = stock_movements
    rows = await connection.execute(
        select(table).where(
            table.c.product_id == product_id, table.c.adjustment_id == adjustment_id
        )
    )
    row = rows.one_or_none()
    return None if row is None else _entry(row)


async def page(connection: AsyncConnection, product_id: str, *, offset: int, size: int) -> Page:
    """
    The movements of a product, the newest first.
    """
    table = stock_movements
    is_of_product = table.c.product_id == product_id
    total = await connection.execute(select(func.count()).select_from(table).where(is_of_product))
    rows = await connection.execute(
        select(*_ENTRY.columns)
        .where(is_of_product)
        .order_by(table.c.id.desc())
        .offset(offset)
        .limit(size)
    )
    return Page([*_ENTRY.items(rows)], total.scalar_one())


async def differing(connection: AsyncConnection) -> dict[str, str]:
    """
    The products whose amounts are not what their movements and open reservations add up to.
    """
    movement, reservation = stock_movements.c, stock_reservations.c
    level = _sum(movement.stock_change, movement.product_id == products.c.id)
    reserved = _sum(movement.reserved_change, movement.product_id == products.c.id)
    held = _sum(
        reservation.quantity,
        (reservation.product_id == products.c.id) & (reservation.status == "RESERVED"),
    )
    amounts = products.c.stock_level, products.c.reserved
    rows = await connection.execute(
        select(products.c.id, *amounts, level, reserved, held)
        .where((amounts[0] != level) | (amounts[1] != reserved) | (amounts[1] != held))
        .order_by(products.c.id)
    )
    return {row.id: _difference(*row[1:]) for row in rows}


def _sum(column: ColumnElement[Any], condition: ColumnElement[bool]) -> ColumnElement[int]:
    return select(func.coalesce(func.sum(column), literal(0))).where(condition).scalar_subquery()


def _difference(
    stock_level: int, reserved: int, moved_level: int, moved_reserved: int, held: int
) -> str:
    return (
        f"stock level {stock_level}, by its movements {moved_level}; "
        f"reserved {reserved}, by its movements {moved_reserved}, by open reservations {held}"
    )


def _values(movement: Movement) -> dict[str, object]:
    posting = movement.posting
    return {
        "product_id": posting.product_id,
        "kind": posting.kind.value,
        "stock_change": posting.stock_change,
        "reserved_change": posting.reserved_change,
        "stock_level_after": movement.after.stock_level,
        "reserved_after": movement.after.reserved,
        "order_id": posting.order_id,
        "reservation_id": posting.reservation_id,
        "adjustment_id": posting.adjustment_id,
        "who": movement.origin.who,
        "why": posting.why,
        "correlation_id": movement.origin.correlation_id,
        "at": movement.at,
    }


def _entry(row: Row[Any]) -> Entry:
    posting = Posting(
        product_id=row.product_id,
        kind=Kind(row.kind),
        stock_change=row.stock_change,
        reserved_change=row.reserved_change,
        order_id=row.order_id,
        reservation_id=row.reservation_id,
        adjustment_id=row.adjustment_id,
        why=row.why,
    )
    after = Amounts(row.product_id, row.stock_level_after, row.reserved_after)
    return Entry(row.id, Movement(posting, after, Origin(row.who, row.correlation_id), row.at))
