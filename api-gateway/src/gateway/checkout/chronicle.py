"""
Keeps what becomes of the orders that run in this replica, and tells whoever waits for it.

An order's end is one transaction: what it has become, what was sold, and all of its timeline that is
not written yet. So an order that is quick costs one transaction after the one that accepted it. Only
what has not been written for a while is written before the end (``flush``), for those who watch.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from functools import partial
from typing import Final

import structlog
from pydantic import JsonValue
from sqlalchemy import Connection

from gateway.checkout import repository, timeline
from gateway.checkout.endings import placed_by
from gateway.checkout.findings import Findings
from gateway.checkout.metrics import CheckoutMetrics
from gateway.checkout.models import PLACE, Attention, End, Event, Order, Status
from gateway.checkout.timeline import Timeline, Unwritten, event_of
from gateway.checkout.waiting import Calls
from gateway.checkout.writes import Ended, end_all
from servicekit.clock import Now
from servicekit.database import Database, Together, UniqueViolation
from servicekit.sagas import Ending, Entry, Journal, Witness, Work

log = structlog.get_logger()

#: What has happened this long ago is written, if the order has not ended since.
FLUSH_AFTER: Final = timedelta(seconds=0.2)

_LOGGED: Final = {
    Status.CONFIRMED: "order.confirmed",
    Status.REJECTED: "order.rejected",
    Status.FAILED: "order.failed",
    Status.CANCELLED: "order.cancelled",
}

Writing = Callable[[Connection, Unwritten], int | None]


class Chronicle:
    """
    What the sagas tell their progress and their ends to.
    """

    def __init__(
        self, database: Database, together: Together, metrics: CheckoutMetrics, *, now: Now
    ) -> None:
        self._database = database
        self._together = together
        self._metrics = metrics
        self._now = now
        self._timeline = Timeline()
        self._orders: dict[str, Order] = {}
        self._undoing: set[str] = set()
        #: The orders that were accepted here and are not begun yet.
        self._new: set[str] = set()
        #: The orders that end here.
        self.ends = Calls[Order]()
        #: That there is more to read of an order.
        self.news = Calls[None]()

    def began(self, order: Order, *, last: int) -> None:
        """
        An order is on its way, whose timeline stands at ``last``.
        """
        self._orders[order.id] = order
        if order.status is Status.PENDING:
            self._new.add(order.id)
        self._timeline.began(order.id, last)
        self.news.tell(order.id, None)

    def is_here(self, order_id: str) -> bool:
        """
        Whether the order runs in this replica, as far as it is known.
        """
        return order_id in self._timeline

    def here(self) -> list[str]:
        """
        The orders that run in this replica, as far as it is known.
        """
        return [*self._timeline]

    def forget(self, order_id: str) -> None:
        """
        The order does not run here any more.
        """
        self._timeline.forget(order_id)
        self._undoing.discard(order_id)
        self._new.discard(order_id)
        self._orders.pop(order_id, None)

    def journal_of(self, work: Work) -> Journal:
        """
        Where it is kept what was found out for good: which way an order goes.
        """
        is_new = work.id in self._new
        self._new.discard(work.id)
        return Findings(self._database, self._together, work.id, is_new=is_new, now=self._now)

    def witness_of(self, saga: str) -> Witness:
        """
        Who is told what happens in the course of that saga.
        """
        return _Eyes(self, saga)

    async def placed(self, work: Work, ending: Ending) -> None:
        """
        The placing of an order has ended: keep what it has become, once.
        """
        end = placed_by(ending, work.id, self._now())
        last = _last_event(end)

        async def write() -> int | None:
            before = self._timeline.unwritten(work.id)
            whole = replace(before, events=(*before.events, last))
            return await self._together.write(end_all, Ended(end, whole))

        await self._end(work.id, write, partial(_after_placing, end=end))

    async def cancelled(self, work: Work, ending: Ending) -> None:  # noqa: ARG002  # it ends one way
        """
        The cancelling of an order has ended: keep that, once.
        """
        now = self._now()

        def end(connection: Connection, before: Unwritten) -> int | None:
            if not repository.end_cancelling(connection, work.id, now):
                return None
            return timeline.write(connection, before, Event("cancelled", now, {}))

        await self._end(
            work.id,
            partial(self._attempt, work.id, end),
            partial(replace, status=Status.CANCELLED, updated_at=now, ended_at=now),
        )

    async def flush(self) -> None:
        """
        Write what has happened some time ago to orders that have not ended yet.
        """
        due = self._timeline.due(self._now() - FLUSH_AFTER)
        if not due:
            return
        try:
            numbers = await self._database.transact_at_once(partial(_write_open, due))
        except UniqueViolation:
            # Another replica carries one of them through as well: numbers are looked up next time.
            for what in due:
                self._timeline.overtaken(what.order_id)
            return
        for what, last in zip(due, numbers, strict=True):
            if last is None:
                self.forget(what.order_id)
            else:
                self._timeline.written(what, last)
                self.news.tell(what.order_id, None)

    def happened(self, work: Work, name: str, facts: Mapping[str, JsonValue]) -> None:
        """
        Something to tell of an order.
        """
        self._timeline.add(work.id, Event(name, self._now(), facts))

    def saw(self, work: Work, entry: Entry) -> None:
        """
        A step, or its undo, has come to its end.
        """
        if entry.what in {"refused", "unknown"}:
            self._undoing.add(work.id)
        self._timeline.add(work.id, event_of(entry))

    def repeating(self, work: Work, step: str, why: str) -> None:
        """
        A step, or its undo, is done again.
        """
        what = "undo-repeating" if work.id in self._undoing else "repeating"
        self.happened(work, f"{step}.{what}", {"why": why})

    async def flag(self, order_id: str, step: str, why: str, *, saga: str) -> None:
        """
        Show that an order takes long.
        """
        attention = Attention(self._now(), step, why)
        while_in = Status.PENDING if saga == PLACE else Status.CANCELLING
        name = "needs-attention" if saga == PLACE else "cancelling.needs-attention"
        event = Event(name, attention.since, {"step": step, "why": why})

        def flag(connection: Connection, before: Unwritten) -> int | None:
            if not repository.flag(connection, order_id, attention, while_in=while_in):
                return None
            return timeline.write(connection, before, event)

        if await self.write(order_id, flag) is not None:
            self._metrics.became(Status.NEEDS_ATTENTION)
            log.error("order.needs_attention", order_id=order_id, step=step, why=why)
            self.news.tell(order_id, None)

    async def _end(
        self,
        order_id: str,
        write: Callable[[], Awaitable[int | None]],
        ended: Callable[[Order], Order],
    ) -> None:
        is_first = await self._again_if_overtaken(order_id, write) is not None
        known = self._orders.get(order_id)
        self.forget(order_id)
        if is_first and known is not None:
            order: Order | None = ended(known)
        else:
            order = await repository.by_id(self._database.glance, order_id)
        if order is None:
            return
        if is_first:
            self._metrics.became(order.status)
            _tell(order)
        self.ends.tell(order_id, order)
        self.news.tell(order_id, None)

    async def write(self, order_id: str, writing: Writing) -> int | None:
        """
        Write in one transaction, with what of the order's events is not written yet.

        ``writing`` may be called twice: others may write events of the order at the same time. It
        returns the last event's number, or None where there was nothing to do.
        """
        return await self._again_if_overtaken(order_id, partial(self._attempt, order_id, writing))

    async def _attempt(self, order_id: str, writing: Writing) -> int | None:
        before = self._timeline.unwritten(order_id)
        last = await self._database.transact_at_once(lambda connection: writing(connection, before))
        if last is not None:
            self._timeline.written(before, last)
        return last

    async def _again_if_overtaken(
        self, order_id: str, write: Callable[[], Awaitable[int | None]]
    ) -> int | None:
        try:
            return await write()
        except UniqueViolation:
            self._timeline.overtaken(order_id)
            return await write()


class _Eyes:
    """
    Sees the work of one saga.
    """

    def __init__(self, chronicle: Chronicle, saga: str) -> None:
        self._chronicle = chronicle
        self._saga = saga

    def saw(self, work: Work, entry: Entry) -> None:
        self._chronicle.saw(work, entry)

    def repeating(self, work: Work, step: str, why: str) -> None:
        self._chronicle.repeating(work, step, why)

    async def needs_attention(self, work: Work, step: str, why: str) -> None:
        await self._chronicle.flag(work.id, step, why, saga=self._saga)


def _write_open(due: Sequence[Unwritten], connection: Connection) -> list[int | None]:
    """
    The last number of each; None where another replica has brought the order to its end.
    """
    ended = {*repository.ended_among(connection, [what.order_id for what in due])}
    return [None if what.order_id in ended else timeline.write(connection, what) for what in due]


def _last_event(end: End) -> Event:
    reason = end.reason
    facts = {"code": reason.code, "step": reason.step} if reason is not None else {}
    return Event(end.status.value.lower(), end.at, facts)


def _after_placing(order: Order, *, end: End) -> Order:
    return replace(
        order,
        status=end.status,
        updated_at=end.at,
        ended_at=end.at,
        answer=end.sold.answer if end.sold is not None else None,
        reason=end.reason,
    )


def _tell(order: Order) -> None:
    reason = {"code": order.reason.code} if order.reason is not None else {}
    log.info(_LOGGED[order.status], order_id=order.id, **reason)
