"""
Orders: placed, looked at, cancelled and tried again.

To accept an order is one transaction. From then on it is carried through, whoever leaves: at once, as
nearly all are; by the engine, as soon as something has to be repeated; and if this replica dies, by
whoever finds that nobody is at it (``upkeep``).
"""

import asyncio
import secrets
import time
from collections.abc import Collection, Coroutine, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Final, Protocol, TypedDict, TypeVar

import structlog
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.checkout import idempotency, repository, timeline
from gateway.checkout.chronicle import Chronicle
from gateway.checkout.errors import IdempotencyMismatch, NotCancellable, NothingToRetry
from gateway.checkout.idempotency import Key, Known, owner_of
from gateway.checkout.metrics import CheckoutMetrics
from gateway.checkout.models import CANCEL, PLACE, Event, Order, Page, Status, Wanted
from gateway.checkout.repository import Filters
from gateway.checkout.sagas import subject_of
from gateway.checkout.timeline import Unwritten
from servicekit.auth import Principal
from servicekit.clock import Now
from servicekit.database import Database
from servicekit.errors import NotFound, Overloaded, StorefrontError
from servicekit.sagas import JsonObject

log = structlog.get_logger()

T = TypeVar("T")

#: How often an order that runs in another replica is looked at while its end is waited for.
_ELSEWHERE_S: Final = 0.1
#: The same for one that runs here, where the end is told: in case it is taken over.
_HERE_S: Final = 1.0


class Works(Protocol):
    """
    What carries sagas through (servicekit.durable).
    """

    @property
    def running_count(self) -> int:
        """
        How many works run in this replica.
        """

    def require_running(self) -> None:
        """
        Raise ServiceUnavailable where no work is carried out here.
        """

    def begin(
        self, saga: str, work_id: str, subject: JsonObject, *, until: datetime | None = None
    ) -> None:
        """
        Begin what is recorded as accepted; what a crash makes of it must be started.
        """

    def carries(self, saga: str, work_id: str) -> bool:
        """
        Whether the work is carried out in this replica.
        """

    async def start(
        self, saga: str, work_id: str, subject: JsonObject, *, until: datetime | None = None
    ) -> None:
        """
        Begin; durable when it returns. Once begun, to start it again changes nothing.
        """

    async def known(self, saga: str, work_ids: Sequence[str]) -> Collection[str]:
        """
        Which of these were started.
        """

    async def nudge(self, work_id: str) -> None:
        """
        Repeat now what is waiting between two attempts here.
        """


@dataclass(frozen=True, slots=True)
class Terms:
    """
    How long an order's steps are tried before its commit, how many may be on their way in a replica,
    and how long keys are kept.
    """

    deadline: timedelta
    max_running: int
    keep_keys: timedelta


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
        *,
        chronicle: Chronicle,
        metrics: CheckoutMetrics,
        terms: Terms,
        now: Now,
    ) -> None:
        self._database = database
        self._works = works
        self._chronicle = chronicle
        self._metrics = metrics
        self._terms = terms
        self._now = now
        self._accepting: set[asyncio.Task[Any]] = set()

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

        Raises IdempotencyMismatch; and before anything is written Overloaded, and ServiceUnavailable
        where no orders are taken.
        """
        self._works.require_running()
        began = time.perf_counter()
        now = self._now()
        order = Order(
            id=secrets.token_hex(16),
            owner=owner_of(principal),
            status=Status.PENDING,
            created_at=now,
            updated_at=now,
            wanted=wanted,
            correlation_id=correlation_id,
        )
        known = await self._known_if_busy(key)
        told = await self._detached(self._accept(order, key, known))
        settled = await self._settled(told.order, wait_s)
        self._metrics.answered(settled.status, time.perf_counter() - began)
        return replace(told, order=settled)

    async def get(self, principal: Principal, order_id: str) -> tuple[Order, list[Event]]:
        """
        An order with its timeline; raises NotFound, also where it is somebody else's.
        """
        async with self._database.read() as connection:
            order = _shown(await repository.by_id(connection, order_id), order_id, principal)
            return order, await timeline.read(connection, order_id)

    async def page(self, wanted: Filters, *, number: int, size: int) -> Page:
        """
        A page of orders, the newest first.
        """
        async with self._database.read() as connection:
            return await repository.page(connection, wanted, number=number, size=size)

    async def cancel(self, principal: Principal, order_id: str, *, wait_s: float) -> Order:
        """
        Cancel a confirmed order, or join who does; raises NotFound or NotCancellable.
        """
        order = await self._visible(principal, order_id)
        if order.status is Status.CONFIRMED:
            self._works.require_running()
            order = await self._detached(self._begin_cancelling(order))
        if order.saga != CANCEL:
            raise NotCancellable(order)
        return await self._settled(order, wait_s)

    async def retry(self, principal: Principal, order_id: str) -> Order:
        """
        Try again at once, on whichever replica; raises NotFound or NothingToRetry.
        """
        order = await self._visible(principal, order_id)
        now = self._now()

        async def ask(connection: AsyncConnection, before: Unwritten) -> int | None:
            if not await repository.ask_retry(connection, order_id, now):
                return None
            return await timeline.write(connection, before, Event("retry-asked", now, {}))

        if await self._chronicle.write(order_id, ask) is None:
            raise NothingToRetry(order)
        log.info("order.retry_asked", order_id=order_id)
        await self._works.nudge(order_id)
        return order

    async def news(
        self, principal: Principal, order_id: str, *, after: int, within_s: float
    ) -> tuple[list[Event], bool]:
        """
        The events behind number ``after``, as soon as there are any, and whether those were the last.

        None after ``within_s``. Raises NotFound.
        """
        with self._chronicle.news.next(order_id) as news:
            events, is_over = await self._since(principal, order_id, after)
            if events or is_over:
                return events, is_over
            await asyncio.wait({news}, timeout=within_s)
        return await self._since(principal, order_id, after)

    async def take_up(self, order: Order) -> None:
        """
        Have an order carried through that was accepted, and that nobody seems to be at.
        """
        with _postponing(order):
            await self._works.start(order.saga, order.id, **self._task(order))

    def _begin(self, order: Order) -> None:
        with _postponing(order):
            self._works.begin(order.saga, order.id, **self._task(order))

    def _task(self, order: Order) -> "_Task":
        until = order.created_at + self._terms.deadline if order.saga == PLACE else None
        return {"subject": subject_of(order.wanted, order.correlation_id), "until": until}

    async def finish_accepting(self) -> None:
        """
        Wait until all that was accepted is begun.
        """
        while self._accepting:
            await asyncio.wait(self._accepting)

    async def _known_if_busy(self, key: Key | None) -> Known | None:
        """
        What the key stands for, where nothing new can be accepted; raises Overloaded where that is new.
        """
        if self._works.running_count + len(self._accepting) < self._terms.max_running:
            return None
        known = await idempotency.find(self._database.glance, key) if key is not None else None
        if known is None:
            raise Overloaded("the checkout")
        return known

    async def _accept(self, order: Order, key: Key | None, known: Known | None) -> Told:
        async def accept(connection: AsyncConnection) -> Known | None:
            if key is not None:
                known = await idempotency.claim(connection, key, order.id, order.created_at)
                if known is not None:
                    return known
            await repository.add(connection, order)
            accepted = Event("accepted", order.created_at, {})
            await timeline.write(connection, Unwritten(order.id, 0, [accepted]))
            return None

        if known is None:
            known = await self._database.transact(accept)
        if known is not None:
            if key is None or key.body_digest != known.body_digest:
                raise IdempotencyMismatch
            return Told(await self._read(known.order_id), is_replayed=True)
        self._chronicle.began(order, last=1)
        self._metrics.became(Status.PENDING)
        log.info("order.accepted", order_id=order.id)
        self._begin(order)
        return Told(order)

    async def _begin_cancelling(self, order: Order) -> Order:
        now = self._now()

        async def cancel(connection: AsyncConnection, before: Unwritten) -> int | None:
            if not await repository.begin_cancelling(connection, order.id, now):
                return None
            return await timeline.write(connection, before, Event("cancelling", now, {}))

        last = await self._chronicle.write(order.id, cancel)
        if last is None:
            # Somebody else was faster.
            return await self._read(order.id)
        cancelling = replace(order, status=Status.CANCELLING, updated_at=now)
        self._chronicle.began(cancelling, last=last)
        self._metrics.became(Status.CANCELLING)
        log.info("order.cancelling", order_id=order.id)
        self._begin(cancelling)
        return cancelling

    async def _settled(self, order: Order, wait_s: float) -> Order:
        """
        The order once it has ended, or as it stands after ``wait_s``.
        """
        give_up_at = time.monotonic() + wait_s
        while not order.has_ended and (left_s := give_up_at - time.monotonic()) > 0:
            with self._chronicle.ends.next(order.id) as end:
                if not self._chronicle.is_here(order.id):
                    order = await self._read(order.id)
                    if order.has_ended:
                        break
                pause_s = _HERE_S if self._chronicle.is_here(order.id) else _ELSEWHERE_S
                await asyncio.wait({end}, timeout=min(left_s, pause_s))
                order = end.result() if end.done() else await self._read(order.id)
        return order

    async def _since(
        self, principal: Principal, order_id: str, after: int
    ) -> tuple[list[Event], bool]:
        async with self._database.read() as connection:
            order = _shown(await repository.by_id(connection, order_id), order_id, principal)
            return await timeline.read(connection, order_id, after=after), order.has_ended

    async def _visible(self, principal: Principal, order_id: str) -> Order:
        found = await repository.by_id(self._database.glance, order_id)
        return _shown(found, order_id, principal)

    async def _read(self, order_id: str) -> Order:
        order = await repository.by_id(self._database.glance, order_id)
        if order is None:
            raise NotFound("order", order_id)
        return order

    async def _detached(self, work: Coroutine[object, object, T]) -> T:
        """
        What ``work`` returns; it goes on when the caller is cancelled.
        """
        task = asyncio.create_task(work)
        self._accepting.add(task)
        task.add_done_callback(self._accepting.discard)
        return await asyncio.shield(task)


class _Task(TypedDict):
    subject: JsonObject
    until: datetime | None


@contextmanager
def _postponing(order: Order) -> Iterator[None]:
    """
    What cannot be begun now is accepted all the same: the sweep takes it up, here or elsewhere.
    """
    try:
        yield
    except StorefrontError as error:
        log.warning("order.start_postponed", order_id=order.id, code=error.code)


def _shown(order: Order | None, order_id: str, principal: Principal) -> Order:
    """
    The order, if the principal may see it. A guest's order is for whoever knows its id.
    """
    if order is None or not (
        order.owner is None or order.owner == owner_of(principal) or "admin" in principal.scopes
    ):
        raise NotFound("order", order_id)
    return order
