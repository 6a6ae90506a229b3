"""
The catalog: what there is, how much of it, and what people in charge do with it.
"""

from collections.abc import Callable, Sequence
from dataclasses import asdict, replace
from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncConnection

from inventory.errors import AdjustmentRefused, OtherAdjustment, UnitsReserved
from inventory.events import StockEvents
from inventory.ledger import repository as ledger
from inventory.ledger.models import MAX_STOCK_LEVEL, Amounts, Entry, Kind, Posting
from inventory.origin import Origin
from inventory.products import repository
from inventory.products.models import (
    Adjustment,
    Description,
    NewProduct,
    ProductChange,
    Search,
)
from inventory.shapes import Item, Page
from servicekit.database import Database, Reading
from servicekit.errors import NotFound


class ProductService:
    """
    Reads products, and changes them and their stock levels.
    """

    def __init__(
        self, database: Database, events: StockEvents, *, now: Callable[[], datetime]
    ) -> None:
        self._database = database
        self._events = events
        self._now = now

    async def get(self, product_id: str) -> Item:
        """
        One product; raises NotFound.
        """
        return await _present(self._database.glance, product_id)

    async def described(self, product_id: str) -> Description:
        """
        A product's words; raises NotFound.
        """
        async with self._database.read() as connection:
            words = await repository.described(connection, product_id)
        if words is None:
            raise NotFound("product", product_id)
        return words

    async def some(self, product_ids: Sequence[str]) -> Sequence[Item]:
        """
        The products of these ids in this order; unknown ones are left out.
        """
        return await repository.by_ids(self._database.glance, product_ids)

    async def page(self, search: Search, *, number: int, size: int) -> Page:
        """
        A page of what ``search`` finds, from 1.
        """
        async with self._database.read() as connection:
            return await repository.page(connection, search, offset=(number - 1) * size, size=size)

    async def low(self, threshold: int, *, number: int, size: int) -> Page:
        """
        A page of the products of which few or none are available.
        """
        async with self._database.read() as connection:
            return await repository.low(
                connection, threshold, offset=(number - 1) * size, size=size
            )

    async def categories(self) -> list[tuple[str, int]]:
        """
        Each category with the number of its products.
        """
        return await repository.categories(self._database.glance)

    async def create(self, new: NewProduct, origin: Origin) -> Item:
        """
        A new product with its first movement; raises Taken.
        """

        async def work(connection: AsyncConnection) -> Item:
            now = self._now()
            await repository.add(connection, Description.of(new), now)
            posting = Posting(new.id, Kind.INITIAL, new.stock_level)
            await ledger.post(connection, [posting], [Amounts(new.id, 0, 0)], origin, now)
            return await _present(connection, new.id)

        product = await self._database.transact(work)
        self._events.product_changed("product.created", new.id, by=origin.who)
        return product

    async def change(self, product_id: str, change: ProductChange, origin: Origin) -> Item:
        """
        Other words for a product; raises NotFound or Taken.
        """
        given = {name: value for name, value in asdict(change).items() if value is not None}

        async def work(connection: AsyncConnection) -> Item:
            before = await repository.described(connection, product_id, is_locked=True)
            if before is None:
                raise NotFound("product", product_id)
            after = replace(before, **given)
            if after != before:
                await repository.save(connection, after, self._now())
            return await _present(connection, product_id)

        product = await self._database.transact(work)
        self._events.product_changed("product.changed", product_id, by=origin.who)
        return product

    async def remove(self, product_id: str, origin: Origin) -> None:
        """
        Take a product out of the catalog; raises NotFound, or UnitsReserved while orders hold any.
        """

        async def work(connection: AsyncConnection) -> None:
            amounts = await _locked(connection, product_id)
            if amounts.reserved:
                raise UnitsReserved(product_id, reserved=amounts.reserved)
            await repository.remove(connection, product_id, self._now())

        await self._database.transact(work)
        self._events.product_changed("product.removed", product_id, by=origin.who)

    async def adjust(self, product_id: str, adjustment: Adjustment, origin: Origin) -> Entry:
        """
        The movement that brings the stock level to what was counted; a second time, the same one.

        Raises NotFound, OtherAdjustment or AdjustmentRefused.
        """

        async def work(connection: AsyncConnection) -> tuple[Entry, bool]:
            amounts = await _locked(connection, product_id)
            done = await ledger.adjustment(connection, product_id, adjustment.id)
            if done is not None:
                _check_same(done.movement.posting, adjustment)
                return done, False
            _check_bounds(amounts, adjustment.change)
            posting = Posting(
                product_id,
                Kind.ADJUSTED,
                adjustment.change,
                adjustment_id=adjustment.id,
                why=adjustment.reason,
            )
            await ledger.post(connection, [posting], [amounts], origin, self._now())
            made = await ledger.adjustment(connection, product_id, adjustment.id)
            assert made is not None  # noqa: S101  # posted above
            return made, True

        entry, is_new = await self._database.transact(work)
        if is_new:
            self._events.adjusted(product_id, change=adjustment.change, by=origin.who)
        return entry


async def _present(reading: Reading, product_id: str) -> Item:
    product = await repository.by_id(reading, product_id)
    if product is None:
        raise NotFound("product", product_id)
    return product


async def _locked(connection: AsyncConnection, product_id: str) -> Amounts:
    amounts = (await ledger.locked(connection, [product_id])).get(product_id)
    if amounts is None or amounts.is_removed:
        raise NotFound("product", product_id)
    return amounts


def _check_same(done: Posting, adjustment: Adjustment) -> None:
    if (done.stock_change, done.why) != (adjustment.change, adjustment.reason):
        raise OtherAdjustment(adjustment.id)


def _check_bounds(amounts: Amounts, change: int) -> None:
    level = amounts.stock_level + change
    if amounts.reserved <= level <= MAX_STOCK_LEVEL:
        return
    raise AdjustmentRefused(
        "BELOW_RESERVED" if level < amounts.reserved else "ABOVE_LIMIT",
        product_id=amounts.product_id,
        change=change,
        stock_level=amounts.stock_level,
        reserved=amounts.reserved,
    )
