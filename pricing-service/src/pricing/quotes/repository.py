"""
Where quotes are kept, and what each order has asked for.
"""

from datetime import datetime
from typing import Final

from sqlalchemy import Column, Select, Table, delete, select
from sqlalchemy.ext.asyncio import AsyncConnection

from pricing.quotes.models import OrderState, Quote
from pricing.tables import quote_orders as orders
from pricing.tables import quotes as table
from servicekit.database import insert_on

#: How many rows are forgotten in one transaction.
BATCH: Final = 500


async def answer_of(connection: AsyncConnection, quote_id: str) -> str | None:
    """
    A quote as it was told.
    """
    rows = await connection.execute(select(table.c.answer).where(table.c.id == quote_id))
    return rows.scalar_one_or_none()


async def add(connection: AsyncConnection, quote: Quote, answer: str) -> None:
    """
    Keep a quote.
    """
    await connection.execute(
        table.insert().values(id=quote.id, answer=answer, valid_until=quote.valid_until)
    )


async def locked_order(connection: AsyncConnection, order_id: str, now: datetime) -> OrderState:
    """
    What has happened with an order's quote; nobody else can quote or release it until the end.
    """
    # The update changes nothing, but locks the row where it is there already, and returns it.
    rows = await connection.execute(
        insert_on(connection, orders)
        .values(order_id=order_id, touched_at=now)
        .on_conflict_do_update(
            index_elements=[orders.c.order_id], set_={"touched_at": orders.c.touched_at}
        )
        .returning(orders)
    )
    row = rows.one()
    answer = None if row.quote_id is None else await answer_of(connection, row.quote_id)
    return OrderState(row.asked_for, row.released_at, answer)


async def note_quote(
    connection: AsyncConnection, order_id: str, quote: Quote, asked_for: str, now: datetime
) -> None:
    """
    Remember what an order was quoted.
    """
    await connection.execute(
        orders.update()
        .where(orders.c.order_id == order_id)
        .values(quote_id=quote.id, asked_for=asked_for, touched_at=now)
    )


async def note_release(connection: AsyncConnection, order_id: str, now: datetime) -> None:
    """
    Let no quote for this order come any more.
    """
    await connection.execute(
        orders.update().where(orders.c.order_id == order_id).values(released_at=now, touched_at=now)
    )


async def forget_orders(connection: AsyncConnection, *, untouched_since: datetime) -> int:
    """
    Drop a batch of orders that nothing has happened with since; returns how many.
    """
    key, touched_at = orders.c.order_id, orders.c.touched_at
    due = select(key).where(touched_at < untouched_since).order_by(touched_at).limit(BATCH)
    return await _forget(connection, orders, key, due)


async def forget_quotes(connection: AsyncConnection, *, ended_before: datetime) -> int:
    """
    Drop a batch of quotes that have long ended; returns how many.
    """
    key, valid_until = table.c.id, table.c.valid_until
    due = select(key).where(valid_until < ended_before).order_by(valid_until).limit(BATCH)
    return await _forget(connection, table, key, due)


async def _forget(
    connection: AsyncConnection, of: Table, key: Column[str], due: Select[tuple[str]]
) -> int:
    # Other replicas forget too: what one has in hand the others leave alone.
    done = await connection.execute(
        delete(of).where(key.in_(due.with_for_update(skip_locked=True)))
    )
    return done.rowcount
