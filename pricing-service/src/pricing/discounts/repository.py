"""
Where discounts are kept, and how many of their uses are claimed.
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import Row, delete, func, or_, select
from sqlalchemy.ext.asyncio import AsyncConnection

from pricing.discounts.models import (
    Discount,
    FixedAmount,
    Kind,
    Money,
    Percentage,
    QuantityTiers,
    Tier,
)
from pricing.money import from_minor, parse_amount, to_minor
from pricing.tables import discount_claims as claims
from pricing.tables import discounts as table
from servicekit.database import insert_on


@dataclass(frozen=True, slots=True)
class KeptDiscount:
    """
    A discount with its number in the database, and how many of its uses are claimed.
    """

    id: int
    discount: Discount
    uses: int
    updated_at: datetime

    @property
    def is_used_up(self) -> bool:
        """
        Whether no use is left.
        """
        limit = self.discount.use_limit
        return limit is not None and self.uses >= limit


async def by_codes(connection: AsyncConnection, codes: Collection[str]) -> dict[str, KeptDiscount]:
    """
    The discounts of those codes that there are.
    """
    rows = await connection.execute(select(table).where(table.c.code.in_(codes)))
    return {row.code: _kept(row) for row in rows}


async def page(
    connection: AsyncConnection, *, offset: int, size: int
) -> tuple[list[KeptDiscount], int]:
    """
    Some of the discounts by code, and how many there are.
    """
    total = await connection.execute(select(func.count()).select_from(table))
    rows = await connection.execute(select(table).order_by(table.c.code).offset(offset).limit(size))
    return [_kept(row) for row in rows], total.scalar_one()


async def save(connection: AsyncConnection, discount: Discount, now: datetime) -> KeptDiscount:
    """
    Keep a discount under its code, new or changed; what is claimed of it stays claimed.
    """
    values = _values(discount) | {"updated_at": now}
    rows = await connection.execute(
        insert_on(connection, table)
        .values(code=discount.code, **values)
        .on_conflict_do_update(index_elements=[table.c.code], set_=values)
        .returning(table)
    )
    return _kept(rows.one())


async def add_missing(connection: AsyncConnection, discount: Discount, now: datetime) -> bool:
    """
    Keep a discount unless there is one of its code; returns whether it was kept.
    """
    values = _values(discount) | {"updated_at": now}
    done = await connection.execute(
        insert_on(connection, table)
        .values(code=discount.code, **values)
        .on_conflict_do_nothing(index_elements=[table.c.code])
    )
    return done.rowcount == 1


async def remove(connection: AsyncConnection, code: str) -> bool:
    """
    Forget a discount and who has claimed it; returns whether there was one.
    """
    rows = await connection.execute(delete(table).where(table.c.code == code).returning(table.c.id))
    discount_id = rows.scalar_one_or_none()
    if discount_id is None:
        return False
    await connection.execute(delete(claims).where(claims.c.discount_id == discount_id))
    return True


async def claim(connection: AsyncConnection, order_id: str, kept: KeptDiscount) -> bool:
    """
    Let an order have one use of a discount, once; returns False where none is left.

    Whoever claims several does so in the order of their codes, so that no two wait for each other.
    """
    new = await connection.execute(
        insert_on(connection, claims)
        .values(order_id=order_id, discount_id=kept.id, code=kept.discount.code)
        .on_conflict_do_nothing()
    )
    if new.rowcount == 0:
        return True
    done = await connection.execute(
        table.update()
        .where(
            table.c.id == kept.id,
            or_(table.c.use_limit.is_(None), table.c.uses < table.c.use_limit),
        )
        .values(uses=table.c.uses + 1)
    )
    return done.rowcount == 1


async def held_by(connection: AsyncConnection, order_id: str) -> set[int]:
    """
    The discounts of which an order holds a use.
    """
    rows = await connection.execute(
        select(claims.c.discount_id).where(claims.c.order_id == order_id)
    )
    return set(rows.scalars())


async def give_back(connection: AsyncConnection, order_id: str) -> list[str]:
    """
    Take back every use that an order has claimed, in the order of the codes; returns these.
    """
    rows = await connection.execute(
        select(claims.c.discount_id, claims.c.code)
        .where(claims.c.order_id == order_id)
        .order_by(claims.c.code)
    )
    held = rows.all()
    for row in held:
        await connection.execute(
            table.update()
            .where(table.c.id == row.discount_id, table.c.uses > 0)
            .values(uses=table.c.uses - 1)
        )
    if held:
        await connection.execute(delete(claims).where(claims.c.order_id == order_id))
    return [row.code for row in held]


def _values(discount: Discount) -> dict[str, object]:
    minimum = discount.minimum_order
    return {
        "description": discount.description,
        "kind": _kind_as_json(discount.kind),
        "category": discount.category,
        "valid_from": discount.valid_from,
        "valid_until": discount.valid_until,
        "minimum_amount": to_minor(minimum.amount, minimum.currency) if minimum else None,
        "minimum_currency": minimum.currency if minimum else None,
        "use_limit": discount.use_limit,
        "is_stackable": discount.stackable,
        "priority": discount.priority,
    }


def _kept(row: Row[Any]) -> KeptDiscount:
    currency = row.minimum_currency
    discount = Discount(
        code=row.code,
        description=row.description,
        kind=_kind_of_json(row.kind),
        category=row.category,
        valid_from=row.valid_from,
        valid_until=row.valid_until,
        minimum_order=Money(from_minor(row.minimum_amount, currency), currency)
        if currency
        else None,
        use_limit=row.use_limit,
        stackable=row.is_stackable,
        priority=row.priority,
    )
    return KeptDiscount(row.id, discount, row.uses, row.updated_at)


def _kind_as_json(kind: Kind) -> dict[str, object]:
    match kind:
        case Percentage(percent):
            return {"percent": str(percent)}
        case FixedAmount(amount, currency):
            return {"amount": str(amount), "currency": currency}
        case QuantityTiers(tiers):
            return {"tiers": [[tier.min_quantity, str(tier.percent)] for tier in tiers]}


def _kind_of_json(kept: dict[str, Any]) -> Kind:
    match kept:
        case {"percent": percent}:
            return Percentage(Decimal(percent))
        case {"amount": amount, "currency": currency}:
            return FixedAmount(parse_amount(amount, currency), currency)
        case _:
            return QuantityTiers(
                tuple(Tier(quantity, Decimal(percent)) for quantity, percent in kept["tiers"])
            )
