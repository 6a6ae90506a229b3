"""
What merchants do with discount codes.
"""

from collections.abc import Callable, Sequence
from datetime import datetime

import structlog
from sqlalchemy.ext.asyncio import AsyncConnection

from pricing.discounts import repository
from pricing.discounts.models import Discount
from pricing.discounts.repository import KeptDiscount
from servicekit.database import Database
from servicekit.errors import NotFound

log = structlog.get_logger()


class DiscountService:
    """
    Keeps the discounts. Past quotes hold what they were given, whatever becomes of a code.
    """

    def __init__(self, database: Database, *, now: Callable[[], datetime]) -> None:
        self._database = database
        self._now = now

    async def get(self, code: str) -> KeptDiscount:
        """
        The discount of this code; raises NotFound.
        """
        async with self._database.read() as connection:
            found = await repository.by_codes(connection, [code])
        if code not in found:
            raise NotFound("discount", code)
        return found[code]

    async def page(self, *, number: int, size: int) -> tuple[list[KeptDiscount], int]:
        """
        One page of the discounts by code, and how many there are.
        """
        async with self._database.read() as connection:
            return await repository.page(connection, offset=(number - 1) * size, size=size)

    async def save(self, discount: Discount, *, by: str | None) -> KeptDiscount:
        """
        Keep a discount, new or changed; what is claimed of it stays claimed.
        """
        now = self._now()
        kept = await self._database.transact(lambda c: repository.save(c, discount, now))
        log.info("discount.set", code=discount.code, by=by)
        return kept

    async def save_missing(self, discounts: Sequence[Discount]) -> int:
        """
        Keep those discounts of whose codes there is none; returns how many were kept.
        """
        now = self._now()

        async def work(connection: AsyncConnection) -> int:
            kept = [await repository.add_missing(connection, one, now) for one in discounts]
            return sum(kept)

        return await self._database.transact(work)

    async def remove(self, code: str, *, by: str | None) -> None:
        """
        Forget a discount; raises NotFound. One of the same code later starts with no use claimed.
        """
        if not await self._database.transact(lambda c: repository.remove(c, code)):
            raise NotFound("discount", code)
        log.info("discount.removed", code=code, by=by)
