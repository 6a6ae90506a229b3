"""
What was sold and what was not, as reports read it: sums by day, by product and by code, and the
orders of which nothing came, one by one.

Sums are made by the database and are exact. A report sees one state of it, blocks nobody who writes,
and holds a batch of orders at a time, however many there are.
"""

from collections.abc import AsyncGenerator, Sequence
from typing import Final

from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.checkout.models import Status
from gateway.checkout.sales_models import (
    TROUBLES,
    Amount,
    DayOfOrders,
    DiscountUsed,
    Happened,
    ProductSold,
    Span,
    Trouble,
    TroubleStatus,
)
from gateway.checkout.sales_statements import (
    PART,
    AnyRow,
    Statement,
    by_day,
    discounts,
    events,
    products,
    troubles,
)
from servicekit.database import Database

#: What is read and written at a time: a few milliseconds, in which others are not served.
_BATCH: Final = 100
#: How long a report may wait for its reader in the middle of reading, on PostgreSQL.
_IDLE_S: Final = 60.0


class Sales:
    """
    Reads the orders that were accepted within a span. What one call tells is of one moment.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    async def by_day(self, span: Span) -> list[DayOfOrders]:
        """
        Orders by the day in UTC, by what has become of them, and by currency.
        """
        return [
            DayOfOrders(row.day, Status(row.status), row.n, _total(row) if row.currency else None)
            for row in await self._rows(by_day(span))
        ]

    async def products(self, span: Span, *, limit: int) -> list[ProductSold]:
        """
        The ``limit`` best-sold, each product and currency for itself: most units first.
        """
        rows = await self._rows(products(span).limit(limit))
        return [ProductSold(row.product_id, row.n, int(row.units), _total(row)) for row in rows]

    async def discounts(self, span: Span) -> list[DiscountUsed]:
        """
        Every code that was used, by its name and by currency.
        """
        rows = await self._rows(discounts(span))
        return [DiscountUsed(row.code, row.n, _total(row)) for row in rows]

    async def troubles(
        self, span: Span, statuses: Sequence[TroubleStatus] = TROUBLES
    ) -> AsyncGenerator[Sequence[Trouble], None]:
        """
        The orders that have one of these statuses, the oldest first, a batch at a time.
        """
        wanted = troubles(span, statuses)
        async with self._database.read(idle_s=_IDLE_S) as connection:
            while rows := (await connection.execute(wanted.limit(_BATCH))).all():
                yield await _with_happened(connection, rows)
                # By key and not by a cursor: SQLite's driver hands out all rows of a statement.
                wanted = troubles(span, statuses, after=rows[-1])

    async def _rows(self, statement: Statement) -> Sequence[AnyRow]:
        async with self._database.read(idle_s=_IDLE_S) as connection:
            return (await connection.execute(statement)).all()


def _total(row: AnyRow) -> Amount:
    # Whole, but decimals to PostgreSQL's driver; nothing where there was nothing to sum.
    return Amount(int(row.high or 0) * PART + int(row.low or 0), row.currency)


async def _with_happened(connection: AsyncConnection, rows: Sequence[AnyRow]) -> list[Trouble]:
    found = await connection.execute(events([row.id for row in rows]))
    happened: dict[str, list[Happened]] = {row.id: [] for row in rows}
    for order_id, name, at in found:
        happened[order_id].append(Happened(name, at))
    return [_trouble(row, happened[row.id]) for row in rows]


def _trouble(row: AnyRow, happened: Sequence[Happened]) -> Trouble:
    return Trouble(
        order_id=row.id,
        owner=row.owner,
        status=Status(row.status),
        created_at=row.created_at,
        updated_at=row.updated_at,
        ended_at=row.ended_at,
        reason_code=row.reason_code,
        reason=row.reason,
        failed_step=row.failed_step,
        attention_since=row.attention_since,
        attention=row.attention,
        correlation_id=row.correlation_id,
        happened=happened,
    )
