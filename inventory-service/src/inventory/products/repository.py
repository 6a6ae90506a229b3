"""
Where products are kept. Their amounts are the ledger's to change.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final

from sqlalchemy import ColumnElement, Select, bindparam, func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from inventory.errors import Taken
from inventory.products.models import Description, Search, folded
from inventory.shapes import Item, Page, Shape
from inventory.tables import products as table
from servicekit.database import Reading, UniqueViolation

_AVAILABLE: Final = table.c.stock_level - table.c.reserved
_IS_THERE: Final = table.c.removed_at.is_(None)
#: A product as clients read it.
_PRODUCT: Final = Shape(
    id=table.c.id,
    sku=table.c.sku,
    name=table.c.name,
    description=table.c.description,
    category=table.c.category,
    imageUrl=table.c.image_url,
    stockLevel=table.c.stock_level,
    reserved=table.c.reserved,
    available=_AVAILABLE,
    updatedAt=table.c.updated_at,
)
_SORTED_BY: Final[dict[str, ColumnElement[Any]]] = {
    "id": table.c.id,
    "name": table.c.name_key,
    "available": _AVAILABLE,
    "updatedAt": table.c.updated_at,
}
# Made once: to put a statement together takes longer than to send it.
_ALL: Final = select(*_PRODUCT.columns).where(_IS_THERE)
_ONE: Final = _ALL.where(table.c.id == bindparam("id"))
_SOME: Final = _ALL.where(table.c.id.in_(bindparam("ids", expanding=True)))
_DESCRIBED: Final = select(table).where(_IS_THERE, table.c.id == bindparam("id"))
_CATEGORIES: Final = (
    select(table.c.category, func.count())
    .where(_IS_THERE)
    .group_by(table.c.category)
    .order_by(table.c.category)
)


async def by_id(reading: Reading, product_id: str) -> Item | None:
    """
    The product of this id, if it was not removed.
    """
    rows = await reading.execute(_ONE, {"id": product_id})
    return next(_PRODUCT.items(rows), None)


async def by_ids(reading: Reading, product_ids: Sequence[str]) -> list[Item]:
    """
    The products of these ids in this order, by one query; unknown ones are left out.
    """
    rows = await reading.execute(_SOME, {"ids": _padded(product_ids)})
    found = {item["id"]: item for item in _PRODUCT.items(rows)}
    return [found[product_id] for product_id in product_ids if product_id in found]


async def page(connection: AsyncConnection, search: Search, *, offset: int, size: int) -> Page:
    """
    Some of the products that ``search`` finds.
    """
    column = _SORTED_BY[search.sort.removeprefix("-")]
    is_descending = search.sort.startswith("-")
    order = (column.desc() if is_descending else column, table.c.id)
    is_scan = search.q is not None or search.sort.removeprefix("-") not in {"id", "name"}
    return await _page(
        connection, _matching(search), order, offset=offset, size=size, is_scan=is_scan
    )


async def low(connection: AsyncConnection, threshold: int, *, offset: int, size: int) -> Page:
    """
    Products of which at most ``threshold`` units are available, the fewest first.
    """
    few, order = _ALL.where(threshold >= _AVAILABLE), (_AVAILABLE, table.c.id)
    return await _page(connection, few, order, offset=offset, size=size, is_scan=True)


async def categories(reading: Reading) -> list[tuple[str, int]]:
    """
    Each category with the number of its products.
    """
    return [(row[0], row[1]) for row in await reading.execute(_CATEGORIES)]


async def described(
    connection: AsyncConnection, product_id: str, *, is_locked: bool = False
) -> Description | None:
    """
    A product's words; where they are locked, nobody else changes them until this transaction ends.
    """
    statement = _DESCRIBED.with_for_update() if is_locked else _DESCRIBED
    row = (await connection.execute(statement, {"id": product_id})).one_or_none()
    if row is None:
        return None
    return Description(
        id=row.id,
        sku=row.sku,
        name=row.name,
        category=row.category,
        description=row.description,
        image_url=row.image_url,
    )


async def add(connection: AsyncConnection, new: Description, now: datetime) -> None:
    """
    Keep a new product, of which there is nothing yet; raises Taken.
    """
    # Its id is its SKU too, mostly: databases do not agree which of the two they miss first.
    if (await connection.execute(select(table.c.id).where(table.c.id == new.id))).first():
        raise Taken("id")
    try:
        await connection.execute(
            table.insert().values(
                id=new.id, stock_level=0, reserved=0, updated_at=now, **_words(new)
            )
        )
    except UniqueViolation as error:
        raise Taken(_field(error)) from None


async def save(connection: AsyncConnection, changed: Description, now: datetime) -> None:
    """
    Keep a product's words as they are; raises Taken.
    """
    try:
        await connection.execute(
            table.update().where(table.c.id == changed.id).values(updated_at=now, **_words(changed))
        )
    except UniqueViolation as error:
        raise Taken(_field(error)) from None


async def remove(connection: AsyncConnection, product_id: str, now: datetime) -> None:
    """
    Let nobody see a product any more. Its row stays, for the ledger.
    """
    await connection.execute(
        table.update().where(table.c.id == product_id).values(updated_at=now, removed_at=now)
    )


async def _page(
    connection: AsyncConnection,
    matching: Select[Any],
    order: tuple[ColumnElement[Any], ...],
    *,
    offset: int,
    size: int,
    is_scan: bool,
) -> Page:
    count = matching.with_only_columns(func.count())
    total = (await connection.execute(count)).scalar_one()
    if offset >= total:
        return Page([], total)
    wanted = matching.order_by(*order).offset(offset).limit(size)
    if not is_scan:
        return Page([*_PRODUCT.items(await connection.execute(wanted))], total)
    # Without an index all that match are sorted: their ids take a tenth of the time of whole rows.
    ids = await connection.execute(wanted.with_only_columns(table.c.id))
    return Page(await by_ids(connection, ids.scalars().all()), total)


def _matching(search: Search) -> Select[Any]:
    matching = _ALL
    if search.category is not None:
        matching = matching.where(table.c.category == search.category)
    if search.q:
        matching = matching.where(table.c.search_key.contains(folded(search.q), autoescape=True))
    if search.is_in_stock:
        matching = matching.where(_AVAILABLE > 0)
    return matching


def _padded(product_ids: Sequence[str]) -> list[str]:
    # To a power of two: PostgreSQL prepares nine statements at most, and not one for each length.
    length = 1 << (len(product_ids) - 1).bit_length()
    return [*product_ids, *[product_ids[-1]] * (length - len(product_ids))]


def _words(product: Description) -> dict[str, object]:
    return {
        "sku": product.sku,
        "name": product.name,
        "description": product.description,
        "category": product.category,
        "image_url": product.image_url,
        "name_key": product.name_key,
        "search_key": product.search_key,
    }


def _field(error: UniqueViolation) -> str:
    return error.columns[0] if error.columns else "id"
