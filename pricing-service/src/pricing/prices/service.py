"""
Reading prices, and setting them.
"""

import asyncio
from collections.abc import Callable, Sequence
from datetime import datetime

import structlog
from sqlalchemy.ext.asyncio import AsyncConnection

from pricing.errors import NoPrice
from pricing.moments import FOREVER
from pricing.prices import repository, wire
from pricing.prices.cache import Entry, PriceCache
from pricing.prices.models import (
    NewPrice,
    Price,
    PriceVersion,
    SetPrice,
    VersionPage,
    in_force,
    next_change,
)
from servicekit.database import Database
from servicekit.errors import InvalidRequest, Problem

log = structlog.get_logger()


class PriceService:
    """
    Keeps the prices. With a cache, present prices may be as old as that allows.
    """

    def __init__(
        self, database: Database, cache: PriceCache | None, *, now: Callable[[], datetime]
    ) -> None:
        self._database = database
        self._cache = cache
        self._now = now

    async def one(self, product_id: str, currency: str, *, at: datetime | None) -> bytes:
        """
        A product's price as JSON, now or at a moment; raises NoPrice.
        """
        found = await self._found([product_id], currency, at)
        if product_id not in found:
            raise NoPrice([product_id], currency=currency)
        return found[product_id]

    async def several(
        self, product_ids: Sequence[str], currency: str, *, at: datetime | None
    ) -> bytes:
        """
        The prices of those products that have one as JSON, each once, in the order given.
        """
        unique = list(dict.fromkeys(product_ids))
        found = await self._found(unique, currency, at)
        return wire.prices_json(found[one] for one in unique if one in found)

    async def history(self, product_id: str, currency: str, *, page: int, size: int) -> VersionPage:
        """
        One page of a product's versions, newest first; raises NoPrice where there was never any.
        """
        async with self._database.read() as connection:
            found = await repository.page(
                connection, product_id, currency, offset=(page - 1) * size, size=size
            )
        if not found.total:
            raise NoPrice([product_id], currency=currency)
        return found

    async def set(self, new: NewPrice, *, by: str | None) -> SetPrice:
        """
        Set a price from now or a later moment on; raises InvalidRequest for an earlier one.
        """

        async def work(connection: AsyncConnection) -> SetPrice:
            await repository.lock(connection, new.product_id, new.currency)
            return await self._kept(connection, new, by=by)

        try:
            done = await self._database.transact(work)
        finally:
            # Whoever has left, or met a failure, may have set the price all the same.
            if self._cache is not None:
                await asyncio.shield(self._cache.invalidate(new.product_id, new.currency))
        log.info("price.set", product_id=new.product_id, currency=new.currency, by=by)
        return done

    async def set_missing(self, prices: Sequence[NewPrice], *, by: str) -> int:
        """
        Set the prices of products that never had one in that currency, all of them or none;
        returns how many were set.
        """

        async def work(connection: AsyncConnection) -> int:
            # In one order everywhere, so that no two wait for each other.
            series = sorted({(new.product_id, new.currency) for new in prices})
            missing = {one for one in series if await repository.begin(connection, *one)}
            lacking = [new for new in prices if (new.product_id, new.currency) in missing]
            for new in lacking:
                await self._kept(connection, new, by=by)
            return len(lacking)

        return await self._database.transact(work)

    async def _kept(
        self, connection: AsyncConnection, new: NewPrice, *, by: str | None
    ) -> SetPrice:
        # Read once it is our turn, so that whoever is later sets the later price.
        now = self._now()
        version = PriceVersion(_checked(new, now), now)
        category = await repository.set_category(connection, new.product_id, new.category)
        kept = await repository.insert_in_order(connection, version, by=by)
        return SetPrice(PriceVersion(kept, now), category)

    async def _found(
        self, product_ids: list[str], currency: str, at: datetime | None
    ) -> dict[str, bytes]:
        """
        Each product's price as JSON, where it has one.
        """
        if at is not None:
            return await self._at(product_ids, currency, at)
        if self._cache is None:
            return await self._at(product_ids, currency, self._now())
        return await self._cache.through(product_ids, currency, self._entries)

    async def _at(
        self, product_ids: list[str], currency: str, moment: datetime
    ) -> dict[str, bytes]:
        around = await self._around(product_ids, currency, since=moment, until=moment)
        prices = {one: in_force(versions, moment) for one, versions in around.items()}
        return {one: wire.price_json(price) for one, price in prices.items() if price}

    async def _entries(
        self, product_ids: list[str], currency: str, until: datetime
    ) -> dict[str, Entry]:
        """
        What the cache may keep until the next change or ``until``, whichever is first.
        """
        read_at = self._now()
        around = await self._around(product_ids, currency, since=read_at, until=until)
        entries: dict[str, Entry] = {}
        for one, versions in around.items():
            price = in_force(versions, read_at)
            if price is not None:
                changes_at = next_change(versions, read_at) or FOREVER
                entries[one] = Entry(wire.price_json(price), read_at, min(changes_at, until))
        return entries

    async def _around(
        self, product_ids: list[str], currency: str, *, since: datetime, until: datetime
    ) -> dict[str, list[Price]]:
        return await repository.around(
            self._database.glance, product_ids, currency, since=since, until=until
        )


def _checked(new: NewPrice, now: datetime) -> Price:
    begins = new.valid_from or now
    ends = new.valid_until or FOREVER
    if begins < now:
        raise _wrong("validFrom", "must not be in the past: what was charged is not rewritten")
    if ends <= begins:
        raise _wrong("validUntil", "must be after validFrom, and in the future")
    return Price(new.product_id, new.amount, new.currency, new.type, begins, ends)


def _wrong(field: str, problem: str) -> InvalidRequest:
    return InvalidRequest(problems=[Problem(field=f"body.{field}", problem=problem)])
