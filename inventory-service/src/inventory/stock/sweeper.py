"""
Gives back the stock of reservations that have expired.

A batch is one transaction. Where it fails, its orders are done one by one, so that an order whose
books are damaged holds up nobody but itself.
"""

from collections.abc import Callable
from datetime import datetime
from functools import partial
from typing import Final

import structlog
from sqlalchemy.ext.asyncio import AsyncConnection

from inventory.events import StockEvents
from inventory.ledger.models import Kind
from inventory.origin import SWEEPER
from inventory.stock import repository
from inventory.stock.books import carry_out
from inventory.stock.models import EXPIRE
from servicekit.database import Database
from servicekit.errors import StorefrontError
from servicekit.unharmed import Unharmed

log = structlog.get_logger()

#: How many reservations are looked at one order after the other, where a batch has failed.
_MANY: Final = 10_000


class Sweeper:
    """
    Expires what is due. Several may be at it at once: each takes orders that no other has.
    """

    def __init__(
        self, database: Database, events: StockEvents, *, batch: int, now: Callable[[], datetime]
    ) -> None:
        self._database = database
        self._events = events
        self._batch = batch
        self._now = now

    async def sweep(self) -> int:
        """
        Expire every reservation that is due; returns how many there were.
        """
        total = 0
        faults: list[Exception] = []
        while (expired := await self._expired_of_some(faults)) is not None:
            self._events.moved(Kind.EXPIRED, expired)
            total += expired
        if not faults:
            return total
        log.warning("stock.sweep_taken_apart", reason=type(faults[0]).__name__)
        return total + await self._one_by_one()

    async def _expired_of_some(self, faults: list[Exception]) -> int | None:
        # Whatever it is, it comes again one by one, by its order.
        with Unharmed(faults.append, but=StorefrontError):
            return await self._database.transact(self._some)
        return None

    async def _one_by_one(self) -> int:
        async with self._database.read() as connection:
            order_ids = await repository.due_orders(connection, self._now(), limit=_MANY)
        return sum([await self._expired_of(order_id) for order_id in order_ids])

    async def _expired_of(self, order_id: str) -> int:
        expired = 0
        # The next round tries again, and the others go on.
        with Unharmed(partial(self._failed, order_id), but=StorefrontError):
            expired = await self._database.transact(partial(self._expire, order_id=order_id))
        self._events.moved(Kind.EXPIRED, expired, order_id=order_id)
        return expired

    def _failed(self, order_id: str, error: Exception) -> None:
        log.error("stock.sweep_failed", order_id=order_id, exc_info=error)
        self._events.sweep_failed()

    async def _some(self, connection: AsyncConnection) -> int | None:
        now = self._now()
        order_ids = await repository.lock_due_orders(connection, now, limit=self._batch)
        if not order_ids:
            return None
        # Read again: some may have been committed before their orders were ours.
        due = await repository.due_of(connection, order_ids, now)
        await carry_out(connection, EXPIRE, due, by=SWEEPER, at=now)
        return len(due)

    async def _expire(self, connection: AsyncConnection, order_id: str) -> int:
        order = await repository.locked(connection, order_id)
        now = self._now()
        due = [] if order is None else order.due(now)
        await carry_out(connection, EXPIRE, due, by=SWEEPER, at=now)
        return len(due)
