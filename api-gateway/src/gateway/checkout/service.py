"""
Orders: placed, looked at, cancelled and tried again.

What is wanted is accepted in one transaction (``acceptance``) and carried through apart from the request,
which merely waits for the end.
"""

import asyncio
import secrets
import time
from dataclasses import dataclass
from typing import Final

import structlog
from sqlalchemy import Connection

from gateway.checkout import repository, timeline
from gateway.checkout.acceptance import Acceptance
from gateway.checkout.chronicle import Chronicle
from gateway.checkout.errors import NotCancellable, NothingToRetry
from gateway.checkout.idempotency import Key, owner_of
from gateway.checkout.metrics import CheckoutMetrics
from gateway.checkout.models import CANCEL, Event, Order, Page, Status, Wanted
from gateway.checkout.repository import Filters
from gateway.checkout.timeline import Unwritten
from gateway.checkout.works import Works
from servicekit import correlation
from servicekit.auth import Principal
from servicekit.clock import Now
from servicekit.database import Database
from servicekit.errors import NotFound, ServiceUnavailable

log = structlog.get_logger()

#: How often an order that runs in another replica is looked at while its end is waited for.
_ELSEWHERE_S: Final = 0.1
#: The same for one that runs here, where the end is told: in case it is taken over.
_HERE_S: Final = 1.0
#: How often whoever watches an order looks for news of it, by themselves or where they are told of it.
_NEWS_ELSEWHERE_S: Final = 0.5
_NEWS_HERE_S: Final = 3.0
#: So long the last look may take, when the time for waiting is over.
_LAST_LOOK_S: Final = 0.1


@dataclass(frozen=True, slots=True)
class Told:
    """
    An order as far as it came while it was waited for. ``is_replayed``: it was placed before.
    """

    order: Order
    is_replayed: bool = False


class Checkout:
    """
    What the routes call.
    """

    def __init__(
        self,
        database: Database,
        works: Works,
        acceptance: Acceptance,
        *,
        chronicle: Chronicle,
        metrics: CheckoutMetrics,
        now: Now,
    ) -> None:
        self._database = database
        self._works = works
        self._acceptance = acceptance
        self._chronicle = chronicle
        self._metrics = metrics
        self._now = now

    async def place(
        self,
        principal: Principal,
        wanted: Wanted,
        *,
        key: Key | None,
        correlation_id: str,
        wait_s: float,
    ) -> Told:
        """
        Place an order, or find the one that was placed with the key, and wait for its end so long.

        Raises IdempotencyMismatch; and before anything is written TooManyOrders and OrdersNotTaken.
        """
        began, now = time.perf_counter(), self._now()
        order = Order(
            id=secrets.token_hex(16),
            owner=owner_of(principal),
            status=Status.PENDING,
            created_at=now,
            updated_at=now,
            wanted=wanted,
            correlation_id=correlation_id,
            traceparent=correlation.traceparent(),
        )
        known_id = await self._acceptance.place(order, key)
        if known_id is not None:
            order = await self._read(known_id)
        order = await self._settled(order, wait_s)
        self._metrics.answered(order.status, time.perf_counter() - began)
        return Told(order, is_replayed=known_id is not None)

    async def get(self, principal: Principal, order_id: str) -> tuple[Order, list[Event]]:
        """
        An order with its timeline; raises NotFound, also where it is somebody else's, and ServiceUnavailable
        where only another release can read it.
        """
        return await self._since(principal, order_id, after=0)

    async def page(self, wanted: Filters, *, number: int, size: int) -> Page:
        """
        A page of orders, the newest first; one that only another release can read is left out.
        """
        async with self._database.read() as connection:
            page = await repository.page(connection, wanted, number=number, size=size)
        for order_id in page.unreadable:
            log.error("order.left_out", order_id=order_id)
        return page

    async def cancel(self, principal: Principal, order_id: str, *, wait_s: float) -> Order:
        """
        Cancel a confirmed order, or join who does; raises NotFound or NotCancellable.
        """
        order = await self._visible(principal, order_id)
        if order.status is Status.CONFIRMED:
            order = await self._acceptance.cancel(order) or await self._read(order_id)
        if order.saga != CANCEL:
            raise NotCancellable(order)
        return await self._settled(order, wait_s)

    async def retry(self, principal: Principal, order_id: str) -> Order:
        """
        Try again at once, on whichever replica; raises NotFound or NothingToRetry.
        """
        order = await self._visible(principal, order_id)
        now = self._now()

        def ask(connection: Connection, before: Unwritten) -> int | None:
            if not repository.ask_retry(connection, order_id, now):
                return None
            return timeline.write(connection, before, Event("retry-asked", now, {}))

        if await self._chronicle.write(order_id, ask) is None:
            raise NothingToRetry(order)
        log.info("order.retry_asked", order_id=order_id)
        await self._works.nudge(order_id)
        return order

    async def news(
        self, principal: Principal, order_id: str, *, after: int, is_waiting: bool
    ) -> tuple[list[Event], bool]:
        """
        The events behind number ``after``, and whether those were the last; raises NotFound.

        Where there are none, and ``is_waiting``, it returns when there may be.
        """
        with self._chronicle.news.next(order_id) as news:
            order, events = await self._since(principal, order_id, after)
            if is_waiting and not events and not order.has_ended:
                is_here = self._chronicle.is_here(order_id)
                await asyncio.wait({news}, timeout=_NEWS_HERE_S if is_here else _NEWS_ELSEWHERE_S)
        return events, order.has_ended

    async def _settled(self, order: Order, wait_s: float) -> Order:
        """
        The order once it has ended, or as it is known after ``wait_s``.
        """
        give_up_at = time.monotonic() + wait_s
        while not order.has_ended and (left_s := give_up_at - time.monotonic()) > 0:
            with self._chronicle.ends.next(order.id) as end:
                if not self._chronicle.is_here(order.id):
                    order = await self._looked_at(order, within_s=left_s)
                    if order.has_ended:
                        break
                pause_s = _HERE_S if self._chronicle.is_here(order.id) else _ELSEWHERE_S
                await asyncio.wait({end}, timeout=min(left_s, pause_s))
                if end.done():
                    return end.result()
            left_s = give_up_at - time.monotonic()
            order = await self._looked_at(order, within_s=max(left_s, _LAST_LOOK_S))
        return order

    async def _looked_at(self, order: Order, *, within_s: float) -> Order:
        """
        The order as it stands; as it is known where it cannot be read.

        It was accepted: whoever waits must hear its number, not that the database is away.
        """
        try:
            async with asyncio.timeout(within_s):
                return await self._read(order.id)
        except (ServiceUnavailable, TimeoutError):
            return order

    async def _since(
        self, principal: Principal, order_id: str, after: int
    ) -> tuple[Order, list[Event]]:
        async with self._database.read() as connection:
            order = _shown(await repository.by_id(connection, order_id), order_id, principal)
            return order, await timeline.read(connection, order_id, after=after)

    async def _visible(self, principal: Principal, order_id: str) -> Order:
        found = await repository.by_id(self._database.glance, order_id)
        return _shown(found, order_id, principal)

    async def _read(self, order_id: str) -> Order:
        order = await repository.by_id(self._database.glance, order_id)
        if order is None:
            raise NotFound("order", order_id)
        return order


def _shown(order: Order | None, order_id: str, principal: Principal) -> Order:
    """
    The order, if the principal may see it. A guest's order is for whoever knows its id.
    """
    if order is None or not (
        order.owner is None or order.owner == owner_of(principal) or "admin" in principal.scopes
    ):
        raise NotFound("order", order_id)
    return order
