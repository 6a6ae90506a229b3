"""
Where prices and their versions are kept.
"""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Row, and_, bindparam, case, func, literal, select
from sqlalchemy.ext.asyncio import AsyncConnection

from pricing.moments import FOREVER
from pricing.money import from_minor, to_minor
from pricing.prices.models import (
    GENERAL,
    Offer,
    Price,
    PriceType,
    PriceVersion,
    VersionPage,
    in_force,
)
from pricing.tables import price_series, product_terms
from pricing.tables import price_versions as table
from servicekit.database import Reading, insert_on

_PRICE = (
    table.c.product_id,
    table.c.currency,
    table.c.price_type,
    table.c.amount,
    table.c.valid_from,
    table.c.valid_until,
)
#: Made once: making a statement costs as much as running a small one.
_HOLDING = (
    table.c.product_id.in_(bindparam("ids", expanding=True)),
    table.c.currency == bindparam("currency"),
    table.c.valid_until > bindparam("since"),
    table.c.valid_from <= bindparam("until"),
    # Those that were replaced before they began never hold.
    table.c.valid_from < table.c.valid_until,
)
_AROUND = select(*_PRICE).where(*_HOLDING)
_OFFERS = (
    select(*_PRICE, func.coalesce(product_terms.c.category, GENERAL).label("category"))
    .select_from(table.outerjoin(product_terms, product_terms.c.product_id == table.c.product_id))
    .where(*_HOLDING)
)


async def around(
    reading: Reading,
    product_ids: Sequence[str],
    currency: str,
    *,
    since: datetime,
    until: datetime,
) -> dict[str, list[Price]]:
    """
    The prices of each product that hold at some moment from ``since`` to ``until``, both included.
    """
    asked = {"ids": product_ids, "currency": currency, "since": since, "until": until}
    rows = await reading.execute(_AROUND, asked)
    found: dict[str, list[Price]] = {}
    for row in rows:
        found.setdefault(row.product_id, []).append(_price(row))
    return found


async def offers(
    connection: AsyncConnection, product_ids: Sequence[str], currency: str, moment: datetime
) -> dict[str, Offer]:
    """
    The price in force and the category of each product that has a price.
    """
    asked = {"ids": product_ids, "currency": currency, "since": moment, "until": moment}
    rows = await connection.execute(_OFFERS, asked)
    found: dict[str, list[Price]] = {}
    categories: dict[str, str] = {}
    for row in rows:
        found.setdefault(row.product_id, []).append(_price(row))
        categories[row.product_id] = row.category
    return {
        product_id: Offer(price, categories[product_id])
        for product_id, prices in found.items()
        if (price := in_force(prices, moment)) is not None
    }


async def page(
    connection: AsyncConnection, product_id: str, currency: str, *, offset: int, size: int
) -> VersionPage:
    """
    The versions of a product's price, those that begin last first.
    """
    of_product = and_(table.c.product_id == product_id, table.c.currency == currency)
    total = await connection.execute(select(func.count()).select_from(table).where(of_product))
    rows = await connection.execute(
        select(*_PRICE, table.c.set_at)
        .where(of_product)
        .order_by(table.c.valid_from.desc(), table.c.id.desc())
        .offset(offset)
        .limit(size)
    )
    return VersionPage(
        tuple(PriceVersion(_price(row), row.set_at) for row in rows), total.scalar_one()
    )


async def lock(connection: AsyncConnection, product_id: str, currency: str) -> None:
    """
    Let nobody else set this product's price in this currency until the transaction ends.
    """
    insert = insert_on(connection, price_series).values(product_id=product_id, currency=currency)
    # The update changes nothing, but locks the row where it is there already.
    await connection.execute(
        insert.on_conflict_do_update(
            index_elements=list(price_series.primary_key),
            set_={"currency": insert.excluded.currency},
        )
    )


async def insert_in_order(
    connection: AsyncConnection, version: PriceVersion, *, by: str | None
) -> Price:
    """
    Keep a version, whose window ends where the next planned one begins, and end those before it.

    ``lock`` must be held.
    """
    new = version.price
    same = and_(
        table.c.product_id == new.product_id,
        table.c.currency == new.currency,
        table.c.price_type == new.type.value,
    )
    next_begins = await _next_planned(connection, same, new.valid_from)
    await _make_way(connection, same, new.valid_from, next_begins)
    kept = replace(new, valid_until=min(new.valid_until, next_begins))
    await connection.execute(
        table.insert().values(**_values(kept), set_at=version.set_at, set_by=by)
    )
    return kept


async def _next_planned(
    connection: AsyncConnection, same: ColumnElement[bool], moment: datetime
) -> datetime:
    following = await connection.execute(
        select(func.min(table.c.valid_from)).where(
            same,
            table.c.valid_from > moment,
            table.c.valid_from > table.c.set_at,
            table.c.valid_until > table.c.valid_from,
        )
    )
    return following.scalar_one() or FOREVER


async def _make_way(
    connection: AsyncConnection, same: ColumnElement[bool], begins: datetime, ends: datetime
) -> None:
    """
    Let nothing hold between these moments that holds at the first or begins before the second.
    """
    # What begins in between was set to hold at once, by a clock ahead of ours or before ours was
    # put back. It was set before, so it must not replace what is set now.
    cut_at = case(
        (table.c.valid_from > begins, table.c.valid_from),
        else_=literal(begins, table.c.valid_until.type),
    )
    await connection.execute(
        table.update()
        .where(same, table.c.valid_from < ends, table.c.valid_until > begins)
        .values(valid_until=cut_at)
    )


async def set_category(connection: AsyncConnection, product_id: str, category: str | None) -> str:
    """
    Give a product a category, unless that is None; returns the one it has from now on.
    """
    insert = insert_on(connection, product_terms).values(
        product_id=product_id, category=category or GENERAL
    )
    keys = [product_terms.c.product_id]
    if category is None:
        await connection.execute(insert.on_conflict_do_nothing(index_elements=keys))
    else:
        await connection.execute(
            insert.on_conflict_do_update(index_elements=keys, set_={"category": category})
        )
    kept = await connection.execute(
        select(product_terms.c.category).where(product_terms.c.product_id == product_id)
    )
    return str(kept.scalar_one())


async def begin(connection: AsyncConnection, product_id: str, currency: str) -> bool:
    """
    As ``lock``, for a product that never had a price in this currency; False where it had.
    """
    done = await connection.execute(
        insert_on(connection, price_series)
        .values(product_id=product_id, currency=currency)
        .on_conflict_do_nothing()
    )
    return done.rowcount == 1


def _values(price: Price) -> dict[str, object]:
    return {
        "product_id": price.product_id,
        "currency": price.currency,
        "price_type": price.type.value,
        "amount": to_minor(price.amount, price.currency),
        "valid_from": price.valid_from,
        "valid_until": price.valid_until,
    }


def _price(row: Row[*tuple[Any, ...]]) -> Price:
    return Price(
        product_id=row.product_id,
        amount=from_minor(row.amount, row.currency),
        currency=row.currency,
        type=PriceType(row.price_type),
        valid_from=row.valid_from,
        valid_until=row.valid_until,
    )
