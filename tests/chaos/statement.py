"""
What stands in the databases of all services, as plain values to be compared.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, Final

import orjson
from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway import tables as gateway
from inventory import tables as inventory
from pricing import tables as pricing
from pricing.money import from_minor
from tests.chaos.construction import GATEWAY, INVENTORY, PRICING
from tests.chaos.databases import Databases


@dataclass(frozen=True, slots=True)
class Shelf:
    """
    A product's amounts.
    """

    stock_level: int
    reserved: int


@dataclass(frozen=True, slots=True)
class Order:
    """
    An order as the gateway has it. ``total`` is None unless it was confirmed.
    """

    id: str
    status: str
    items: Mapping[str, int]
    codes: tuple[str, ...] = ()
    total: Decimal | None = None
    currency: str | None = None
    reason_code: str | None = None
    lines: Mapping[str, int] = field(default_factory=dict)
    events: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Movement:
    """
    What the ledger says of an order and a product.
    """

    order_id: str
    product_id: str
    kind: str
    quantity: int


@dataclass(frozen=True, slots=True)
class Statement:
    """
    All books at one time. ``keys`` counts what each remembered Idempotency-Key's order is;
    ``quoted`` holds totals by order, ``claims`` pairs of order and code, ``uses`` counts by code.
    """

    shelves: Mapping[str, Shelf]
    orders: Mapping[str, Order]
    keys: Sequence[str]
    movements: Sequence[Movement]
    quoted: Mapping[str, tuple[Decimal, str]]
    claims: frozenset[tuple[str, str]]
    uses: Mapping[str, int]


#: By how much an order's movement changes what is there and what is held, for one unit.
_EFFECT: Final = {
    "RESERVED": (0, 1),
    "RELEASED": (0, -1),
    "EXPIRED": (0, -1),
    "COMMITTED": (-1, -1),
    "RETURNED": (1, 0),
}


async def read_statement(databases: Databases) -> Statement:
    """
    The statement now. It is of one moment only while nothing happens.
    """
    async with databases.opened(GATEWAY, INVENTORY, PRICING) as (ours, stock, prices):
        async with ours.read() as connection:
            orders, keys = await _orders(connection), await _keys(connection)
        async with stock.read() as connection:
            shelves, movements = await _shelves(connection), await _movements(connection)
        async with prices.read() as connection:
            quoted = await _quoted(connection)
            claims, uses = await _claims(connection), await _uses(connection)
    return Statement(shelves, orders, keys, movements, quoted, claims, uses)


async def open_orders(databases: Databases) -> set[str]:
    """
    Orders that have not ended.
    """
    table = gateway.orders
    async with databases.opened(GATEWAY) as (ours,), ours.read() as connection:
        rows = await connection.execute(select(table.c.id).where(table.c.status.in_(gateway.OPEN)))
        return set(rows.scalars())


async def is_settled(databases: Databases) -> bool:
    """
    Whether every order has ended and nothing is held for any.
    """
    if await open_orders(databases):
        return False
    async with databases.opened(INVENTORY) as (stock,), stock.read() as connection:
        held = await connection.execute(select(func.sum(inventory.products.c.reserved)))
        return not held.scalar_one()


async def _orders(connection: AsyncConnection) -> dict[str, Order]:
    lines: dict[str, dict[str, int]] = {}
    for row in await connection.execute(select(gateway.order_lines)):
        lines.setdefault(row.order_id, {})[row.product_id] = row.quantity
    events: dict[str, list[str]] = {}
    table = gateway.order_events
    for row in await connection.execute(
        select(table.c.order_id, table.c.name).order_by(table.c.order_id, table.c.seq)
    ):
        events.setdefault(row.order_id, []).append(row.name)
    # Named one by one: another checkout's orders may have other columns besides.
    columns = ("id", "status", "items", "discount_codes", "total", "currency", "reason_code")
    rows = await connection.execute(select(*(gateway.orders.c[name] for name in columns)))
    return {
        row.id: _order(row, lines.get(row.id, {}), tuple(events.get(row.id, ()))) for row in rows
    }


def _order(row: Any, lines: Mapping[str, int], events: tuple[str, ...]) -> Order:  # noqa: ANN401 - SQLAlchemy's Row
    return Order(
        id=row.id,
        status=row.status,
        items=dict(row.items),
        codes=tuple(row.discount_codes),
        total=None if row.total is None else from_minor(row.total, row.currency),
        currency=row.currency,
        reason_code=row.reason_code,
        lines=lines,
        events=events,
    )


async def _keys(connection: AsyncConnection) -> list[str]:
    rows = await connection.execute(select(gateway.idempotency_keys.c.order_id))
    return list(rows.scalars())


async def _shelves(connection: AsyncConnection) -> dict[str, Shelf]:
    rows = await connection.execute(select(inventory.products))
    return {row.id: Shelf(row.stock_level, row.reserved) for row in rows}


async def _movements(connection: AsyncConnection) -> list[Movement]:
    table = inventory.stock_movements
    rows = await connection.execute(
        select(table).where(table.c.order_id.is_not(None)).order_by(table.c.id)
    )
    return [Movement(row.order_id, row.product_id, row.kind, _quantity(row)) for row in rows]


def _quantity(row: Any) -> int:  # noqa: ANN401 - SQLAlchemy's Row
    stock, reserved = _EFFECT[row.kind]
    quantity: int = abs(row.stock_change) or abs(row.reserved_change)
    if (row.stock_change, row.reserved_change) != (stock * quantity, reserved * quantity):
        raise AssertionError(f"a movement of {row.kind} that is none: {row}")
    return quantity


async def _quoted(connection: AsyncConnection) -> dict[str, tuple[Decimal, str]]:
    rows = await connection.execute(
        select(pricing.quote_orders.c.order_id, pricing.quotes.c.answer).join(
            pricing.quotes, pricing.quotes.c.id == pricing.quote_orders.c.quote_id
        )
    )
    quotes = {row.order_id: orjson.loads(row.answer) for row in rows}
    return {id_: (Decimal(told["finalPrice"]), told["currency"]) for id_, told in quotes.items()}


async def _claims(connection: AsyncConnection) -> frozenset[tuple[str, str]]:
    table = pricing.discount_claims
    rows = await connection.execute(select(table.c.order_id, table.c.code))
    return frozenset((row.order_id, row.code) for row in rows)


async def _uses(connection: AsyncConnection) -> dict[str, int]:
    table = pricing.discounts
    rows = await connection.execute(
        select(table.c.code, table.c.uses).where(table.c.use_limit.is_not(None))
    )
    return {row.code: row.uses for row in rows}
