"""
Reserves stock for orders, and sees reservations through.

Everything that is asked for one order waits for the lock of that order's row, so a reserve and a
release cannot slip past each other; amounts are locked after it, all in one step and in the order of the products' ids.
On SQLite one transaction writes at a time anyway. A transaction checks all before it changes
anything, so a refusal leaves nothing behind but what had expired.
"""

import uuid
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial

from sqlalchemy.ext.asyncio import AsyncConnection

from inventory.errors import OrderConflict
from inventory.events import StockEvents
from inventory.ledger import repository as ledger
from inventory.ledger.models import Kind
from inventory.origin import SWEEPER, Origin
from inventory.stock import repository
from inventory.stock.books import carry_out
from inventory.stock.models import (
    EXPIRE,
    RELEASE,
    Deed,
    Order,
    Reservation,
    Status,
    Wanted,
    check_stock,
)
from inventory.stock.sweeper import Sweeper
from servicekit.database import Database
from servicekit.errors import Conflict, NotFound, StorefrontError


@dataclass(frozen=True, slots=True)
class Outcome:
    """
    What a transaction came to. A ``refusal`` is raised after the commit of what had ``expired``.
    """

    lines: Sequence[Reservation] = ()
    moved: int = 0
    expired: int = 0
    refusal: StorefrontError | None = None


Take = Callable[[AsyncConnection], Awaitable[Order]]
Work = Callable[[AsyncConnection, Order, datetime], Awaitable[Outcome]]


class StockService:
    """
    Reserve, release, commit, return and expire. Each may be repeated: the first time counts.
    """

    def __init__(
        self,
        database: Database,
        events: StockEvents,
        *,
        reservation_life: timedelta,
        sweep_batch: int,
        now: Callable[[], datetime],
    ) -> None:
        self._database = database
        self._events = events
        self._reservation_life = reservation_life
        self._sweeper = Sweeper(database, events, batch=sweep_batch, now=now)
        self._now = now

    async def reserve(self, order_id: str, item: Wanted, origin: Origin) -> Reservation:
        """
        Hold units of one product for an order; raises NotFound, OutOfStock or OrderConflict.
        """

        async def work(connection: AsyncConnection, order: Order, now: datetime) -> Outcome:
            missing = order.missing(item)
            order = await self._add(connection, order, missing, origin, now, is_form=False)
            return Outcome(order.lines_for([item]), moved=len(missing))

        lines = await self._serialised(
            Kind.RESERVED, order_id, self._claim(order_id), work, wanted=[item]
        )
        return lines[0]

    async def reserve_order(
        self, order_id: str, items: Sequence[Wanted], origin: Origin
    ) -> Sequence[Reservation]:
        """
        Hold all lines of an order, or none; raises NotFound, OutOfStock or OrderConflict.
        """

        async def work(connection: AsyncConnection, order: Order, now: datetime) -> Outcome:
            missing = order.missing_of_form(items)
            order = await self._add(connection, order, missing, origin, now, is_form=True)
            if not order.is_whole:
                await repository.set_whole(connection, order_id)
            return Outcome(order.lines_for(items), moved=len(missing))

        return await self._serialised(
            Kind.RESERVED, order_id, self._claim(order_id), work, wanted=items
        )

    async def change_order(
        self, deed: Deed, order_id: str, origin: Origin
    ) -> Sequence[Reservation]:
        """
        Release, commit or return all lines of an order, or none; raises NotFound or OrderConflict.
        """
        is_release = deed is RELEASE

        async def work(connection: AsyncConnection, order: Order, now: datetime) -> Outcome:
            if not order.lines and not is_release:
                raise OrderConflict(deed.refusal or "RELEASED", order_id=order_id)
            moved = deed.moved_of(order, order.lines)
            order = await _order_after(connection, deed, order, moved, by=origin, at=now)
            if is_release and not order.is_released:
                await repository.set_released(connection, order_id, now)
            return Outcome(order.lines, moved=len(moved))

        take = self._claim(order_id) if is_release else partial(_known, order_id=order_id)
        return await self._serialised(deed.kind, order_id, take, work)

    async def change_reservation(
        self, deed: Deed, reservation_id: str, origin: Origin
    ) -> Reservation:
        """
        Release, commit or return one line of an order; raises NotFound or OrderConflict.
        """
        order_id = (await self.get(reservation_id)).order_id

        async def work(connection: AsyncConnection, order: Order, now: datetime) -> Outcome:
            moved = deed.moved_of(order, [order.line(reservation_id)])
            order = await _order_after(connection, deed, order, moved, by=origin, at=now)
            return Outcome([order.line(reservation_id)], moved=len(moved))

        return (
            await self._serialised(deed.kind, order_id, partial(_known, order_id=order_id), work)
        )[0]

    async def get(self, reservation_id: str) -> Reservation:
        """
        The reservation as it stands; raises NotFound.
        """
        async with self._database.read() as connection:
            reservation = await repository.by_id(connection, reservation_id)
        if reservation is None:
            raise NotFound("reservation", reservation_id)
        return self._seen(reservation)

    async def of_order(self, order_id: str) -> Sequence[Reservation]:
        """
        The reservations of an order as they stand; none where nothing was ever reserved.
        """
        async with self._database.read() as connection:
            lines = await repository.of_order(connection, order_id)
        return [self._seen(line) for line in lines]

    async def sweep(self) -> int:
        """
        Give back the stock of every reservation that has expired; returns how many there were.

        Several replicas may sweep at once: each takes orders that no other has.
        """
        return await self._sweeper.sweep()

    async def _serialised(
        self, kind: Kind, order_id: str, take: Take, work: Work, *, wanted: Sequence[Wanted] = ()
    ) -> Sequence[Reservation]:
        """
        Do ``work`` on an order that nobody else is at, after giving back what of it has expired.

        ``wanted``: what the work may add to the order's lines.
        """

        async def transaction(connection: AsyncConnection) -> Outcome:
            order = await take(connection)
            # Not before: it may have waited long for its turn.
            now = self._now()
            due = order.due(now)
            if due:
                # In one step, for what expires and for the work: who locks in two can block others.
                await ledger.locked(connection, order.products_with(wanted))
            order = await _order_after(connection, EXPIRE, order, due, by=SWEEPER, at=now)
            try:
                return replace(await work(connection, order, now), expired=len(due))
            except (Conflict, NotFound) as refusal:
                if not due:
                    raise
                return Outcome(expired=len(due), refusal=refusal)

        try:
            outcome = await self._database.transact(transaction)
            self._events.moved(Kind.EXPIRED, outcome.expired, order_id=order_id)
            if outcome.refusal is not None:
                raise outcome.refusal
        except (Conflict, NotFound) as refusal:
            self._events.refused(refusal, order_id=order_id)
            raise
        self._events.moved(kind, outcome.moved, order_id=order_id)
        return outcome.lines

    def _claim(self, order_id: str) -> Take:
        return partial(repository.claimed, order_id=order_id, now=self._now())

    async def _add(
        self,
        connection: AsyncConnection,
        order: Order,
        items: Sequence[Wanted],
        origin: Origin,
        now: datetime,
        *,
        is_form: bool,
    ) -> Order:
        if not items:
            return order
        amounts = await ledger.locked(connection, [item.product_id for item in items])
        check_stock(items, amounts, is_order=is_form)
        lines = [
            self._line(order, item, place, now)
            for place, item in enumerate(items, start=len(order.lines) + 1)
        ]
        await repository.add(connection, lines)
        postings = [line.posting(Kind.RESERVED) for line in lines]
        await ledger.post(connection, postings, amounts.values(), origin, now)
        return replace(order, lines=(*order.lines, *lines))

    def _line(self, order: Order, item: Wanted, place: int, now: datetime) -> Reservation:
        return Reservation(
            id=str(uuid.uuid4()),
            order_id=order.id,
            product_id=item.product_id,
            line=place,
            quantity=item.quantity,
            status=Status.RESERVED,
            expires_at=now + self._reservation_life,
            created_at=now,
        )

    def _seen(self, reservation: Reservation) -> Reservation:
        is_due = reservation.is_due(self._now())
        return replace(reservation, status=Status.EXPIRED) if is_due else reservation


async def _order_after(
    connection: AsyncConnection,
    deed: Deed,
    order: Order,
    lines: Sequence[Reservation],
    *,
    by: Origin,
    at: datetime,
) -> Order:
    await carry_out(connection, deed, lines, by=by, at=at)
    return order.with_status(lines, deed.to)


async def _known(connection: AsyncConnection, order_id: str) -> Order:
    order = await repository.locked(connection, order_id)
    if order is None:
        raise NotFound("order", order_id)
    return order
