"""
Accepting what is wanted of orders: one transaction, and from then on it happens, whoever leaves.

It is begun at once in this replica; where that cannot be, or where the replica dies in between, the
sweep takes it up (``upkeep``).
"""

import asyncio
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, TypedDict, TypeVar

import structlog
from sqlalchemy import Connection

from gateway.checkout import idempotency, repository, timeline
from gateway.checkout.chronicle import Chronicle
from gateway.checkout.errors import IdempotencyMismatch, OrdersNotTaken, TooManyOrders
from gateway.checkout.idempotency import Key, Known
from gateway.checkout.metrics import CheckoutMetrics
from gateway.checkout.models import PLACE, Event, Order, Status
from gateway.checkout.sagas import subject_of
from gateway.checkout.timeline import Unwritten
from gateway.checkout.works import Works
from gateway.checkout.writes import New, accept_all
from servicekit import correlation
from servicekit.clock import Now
from servicekit.database import Database, Together
from servicekit.errors import ServiceUnavailable, StorefrontError
from servicekit.sagas import JsonObject

log = structlog.get_logger()

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Terms:
    """
    How long an order's steps are tried before its commit, and what is repeated until it needs attention;
    how many may be on their way in a replica; how long keys are kept, and orders of which nothing came.
    """

    deadline: timedelta
    attention_after: timedelta
    max_running: int
    keep_keys: timedelta
    keep_unsold: timedelta


class Acceptance:
    """
    Writes down what is wanted, once, and gives it to whoever carries it through.
    """

    def __init__(
        self,
        database: Database,
        together: Together,
        works: Works,
        *,
        chronicle: Chronicle,
        metrics: CheckoutMetrics,
        terms: Terms,
        now: Now,
    ) -> None:
        self._database = database
        self._together = together
        self._works = works
        self._chronicle = chronicle
        self._metrics = metrics
        self._terms = terms
        self._now = now
        self._tasks: set[asyncio.Task[Any]] = set()

    async def place(self, order: Order, key: Key | None) -> str | None:
        """
        Accept ``order``; the id of the one that the key stands for if there is one already.

        Raises IdempotencyMismatch; and before anything is written TooManyOrders and OrdersNotTaken.
        """
        self._require_running()
        known = await self._known_if_busy(key)
        return await self._detached(self._place(order, key, known))

    async def cancel(self, order: Order) -> Order | None:
        """
        Let a confirmed order be cancelled; None where somebody else was faster.
        """
        self._require_running()
        return await self._detached(self._cancel(order))

    async def take_up(self, order: Order) -> None:
        """
        Have an order carried through that was accepted, and that nobody seems to be at.
        """
        with correlation.correlated(correlation.resumed(order.correlation_id, order.traceparent)):
            await self._works.start(order.saga, order.id, **self._task(order))
            log.warning("order.started_late", order_id=order.id, saga=order.saga)

    async def finish(self) -> None:
        """
        Wait until all that was accepted is begun.
        """
        while self._tasks:
            await asyncio.wait(self._tasks)

    def _require_running(self) -> None:
        try:
            self._works.require_running()
        except ServiceUnavailable:
            raise OrdersNotTaken from None

    async def _known_if_busy(self, key: Key | None) -> Known | None:
        """
        What the key stands for, where nothing new can be accepted; raises TooManyOrders where that is new.
        """
        if self._works.running_count + len(self._tasks) < self._terms.max_running:
            return None
        known = await idempotency.find(self._database.glance, key) if key is not None else None
        if known is None:
            raise TooManyOrders
        return known

    async def _place(self, order: Order, key: Key | None, known: Known | None) -> str | None:
        if known is None:
            known = await self._together.write(accept_all, New(order, key))
        if known is not None:
            if key is None or key.body_digest != known.body_digest:
                raise IdempotencyMismatch
            return known.order_id
        self._begin(order, last=1)
        return None

    async def _cancel(self, order: Order) -> Order | None:
        cancelling = replace(
            order,
            status=Status.CANCELLING,
            updated_at=self._now(),
            traceparent=correlation.traceparent(),
        )

        def cancel(connection: Connection, before: Unwritten) -> int | None:
            if not repository.begin_cancelling(connection, cancelling):
                return None
            event = Event("cancelling", cancelling.updated_at, {})
            return timeline.write(connection, before, event)

        last = await self._chronicle.write(order.id, cancel)
        if last is None:
            return None
        self._begin(cancelling, last=last)
        return cancelling

    def _begin(self, order: Order, *, last: int) -> None:
        self._chronicle.began(order, last=last)
        self._metrics.became(order.status)
        event = "order.accepted" if order.status is Status.PENDING else "order.cancelling"
        log.info(event, order_id=order.id)
        with _postponing(order):
            self._works.begin(order.saga, order.id, **self._task(order))

    def _task(self, order: Order) -> "_Task":
        until = order.created_at + self._terms.deadline if order.saga == PLACE else None
        return {"subject": subject_of(order.wanted, order.correlation_id), "until": until}

    async def _detached(self, work: Coroutine[object, object, T]) -> T:
        """
        What ``work`` returns; it goes on when the caller is cancelled.
        """
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._over)
        return await asyncio.shield(task)

    def _over(self, task: asyncio.Task[object]) -> None:
        self._tasks.discard(task)
        # Its caller may have left, and is not told any more: nothing was written.
        if not task.cancelled() and task.exception() is not None:
            log.info("order.not_accepted", error=type(task.exception()).__name__)


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
