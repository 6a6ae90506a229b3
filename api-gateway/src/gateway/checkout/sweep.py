"""
Looks after every order that is open, so that none stays so unseen.

=========================================  =========================================================
an open order                              what is done
=========================================  =========================================================
that the engine does not know              it is started: a replica died in between
whose work stands stopped in the journal   it is carried on: at once, then at longer and longer pauses
whose work is another release's            it is left alone, and counted
whose row this release cannot read         the same
that is open for longer than work takes    it needs attention, whoever may be at it
=========================================  =========================================================

Each replica does all of it. What two do at once is harmless: which way an order goes is found out once.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, TypeVar

import structlog

from gateway.checkout import repository
from gateway.checkout.acceptance import Acceptance, Terms
from gateway.checkout.chronicle import Chronicle
from gateway.checkout.metrics import CheckoutMetrics
from gateway.checkout.models import CANCEL, PLACE, Order, Status
from gateway.checkout.works import Works
from servicekit.clock import Now
from servicekit.database import Database
from servicekit.errors import ServiceUnavailable
from servicekit.sagas import Standing

log = structlog.get_logger()

T = TypeVar("T")

#: What was accepted this long ago should have ended, or be known to the engine.
LOST_AFTER: Final = timedelta(seconds=2)
#: The engine is asked again after this whether it still goes on with a work.
ASK_AGAIN_AFTER: Final = timedelta(seconds=10)
#: An engine that takes so long to answer was waiting for its database.
_SLOW_AFTER: Final = timedelta(seconds=10)
#: Between two times that one order is carried on, the second twice as long as the first, and so on.
_FIRST_PAUSE: Final = timedelta(seconds=30)
_LONGEST_PAUSE: Final = timedelta(hours=1)
_BATCH: Final = 500
#: What shows in an order that is open for too long, by how its work stands.
_WHY: Final = {
    Standing.GOING: "SILENT",
    Standing.STOPPED: "STOPPED",
    Standing.FOREIGN: "FOREIGN",
}
#: How many orders are begun at a time.
_AT_ONCE: Final = 16


@dataclass(slots=True)
class _Seen:
    """
    An open order as this replica has seen it: since when, how its work stands, and whether that is too
    long; not carried on before ``again_at``.
    """

    since: datetime
    standing: Standing | None = None
    asked_at: datetime | None = None
    is_late: bool = False
    again_at: datetime | None = None
    pause: timedelta = _FIRST_PAUSE


class Sweep:
    """
    Looks, and remembers what it saw.
    """

    def __init__(
        self,
        database: Database,
        acceptance: Acceptance,
        works: Works,
        *,
        chronicle: Chronicle,
        metrics: CheckoutMetrics,
        terms: Terms,
        now: Now,
    ) -> None:
        self._database = database
        self._acceptance = acceptance
        self._works = works
        self._chronicle = chronicle
        self._metrics = metrics
        self._watched_for = terms.attention_after
        # Its steps until the deadline, then its undoing or its commit, which tell of it by themselves.
        self._late_after = terms.deadline + 2 * terms.attention_after
        self._now = now
        self._seen: dict[str, _Seen] = {}
        self._unreadable: set[str] = set()
        self._turn = asyncio.Lock()

    async def look(self) -> int:
        """
        Begin what nobody is at, and tell what cannot be begun; returns how many were begun.

        Raises ServiceUnavailable while the database or the engine cannot be reached: afterwards everybody
        has time again to go on before an order counts as open for too long. Any other failure is raised
        at the end, and keeps no other order from being begun.
        """
        async with self._turn:
            return await self._look()

    async def _look(self) -> int:
        begun, is_open, unreadable = 0, set[str](), set[str]()
        failures: list[BaseException] = []
        try:
            async for some in self._open():
                is_open |= {_work(order) for order in some.orders}
                unreadable |= {
                    id_ for id_, since in some.unreadable.items() if self._is_late(since)
                }
                here, failed = await self._see(some.orders)
                begun += here
                failures += failed
        except ServiceUnavailable:
            self._seen.clear()
            raise
        for work in self._seen.keys() - is_open:
            del self._seen[work]
        self._tell(unreadable)
        if failures:
            raise failures[0]
        return begun

    def hurry(self, order_id: str) -> None:
        """
        Carry an order that stands still on at the next look, whatever pause there should be.
        """
        for saga in (PLACE, CANCEL):
            if seen := self._seen.get(f"{saga}:{order_id}"):
                seen.asked_at = seen.again_at = None

    async def _open(self) -> AsyncIterator[repository.Opened]:
        before, after_id, is_full = self._now() - LOST_AFTER, "", True
        async with self._database.read() as connection:
            strange = await repository.strange_statuses(connection)
        while is_full:
            async with self._database.read() as connection:
                some = await repository.open_since(
                    connection, before, strange=strange, after_id=after_id, limit=_BATCH
                )
            yield some
            after_id, is_full = some.last_id, some.count == _BATCH

    async def _see(self, orders: Sequence[Order]) -> tuple[int, list[BaseException]]:
        """
        How many of these were begun, and what failed.
        """
        now = self._now()
        for order in orders:
            self._seen.setdefault(_work(order), _Seen(since=now))
        await self._ask(orders, now)
        lost = [order for order in orders if self._of(order).standing is None]
        stopped = [order for order in orders if self._of(order).standing is Standing.STOPPED]
        started, unstarted = await _for_each(lost, self._acceptance.take_up)
        carried_on, uncarried = await _for_each(stopped, self._carry_on)
        late = [order for order in orders if self._is_newly_late(order, now)]
        _, unflagged = await _for_each(late, self._flag)
        return len(started) + sum(carried_on), [*unstarted, *uncarried, *unflagged]

    async def _ask(self, orders: Sequence[Order], now: datetime) -> None:
        """
        Ask the engine how works stand, as far as that is not known here.

        Raises ServiceUnavailable also for an answer that was too long in coming: the engine waits for its
        database without end, and while it did nobody could go on.
        """
        for saga in (PLACE, CANCEL):
            unsure = [one for one in orders if one.saga == saga and self._is_unsure(one, now)]
            found = await self._works.standings(saga, [order.id for order in unsure])
            for order in unsure:
                seen = self._of(order)
                seen.standing, seen.asked_at = found.get(order.id), now
        if self._now() - now >= _SLOW_AFTER:
            raise ServiceUnavailable("the journal of sagas")

    def _is_unsure(self, order: Order, now: datetime) -> bool:
        seen = self._of(order)
        if self._works.carries(order.saga, order.id):
            seen.standing, seen.asked_at = Standing.GOING, None
            return False
        if seen.asked_at is None or seen.standing in {None, Standing.STOPPED}:
            return True
        return now - seen.asked_at >= ASK_AGAIN_AFTER

    async def _carry_on(self, order: Order) -> bool:
        """
        Begin the work again of an order that is open although the journal says that the work is over.
        """
        seen, now = self._of(order), self._now()
        found = await repository.by_id(self._database.glance, order.id)
        if found is None or found.has_ended or found.saga != order.saga:
            seen.standing = Standing.GOING  # it ended after it was read
            return False
        if seen.again_at is not None and now < seen.again_at:
            return False
        seen.again_at, seen.pause = now + seen.pause, min(2 * seen.pause, _LONGEST_PAUSE)
        if not await self._works.begin_again(order.saga, order.id):
            return False
        seen.standing, seen.asked_at = Standing.GOING, None
        self._metrics.carried_on.inc()
        log.error("order.carried_on", order_id=order.id, saga=order.saga)
        return True

    def _is_newly_late(self, order: Order, now: datetime) -> bool:
        seen = self._of(order)
        if seen.is_late or now - seen.since < self._watched_for:
            return False
        seen.is_late = self._is_late(order.updated_at)
        return seen.is_late

    def _is_late(self, since: datetime) -> bool:
        return self._now() - since >= self._late_after

    async def _flag(self, order: Order) -> None:
        standing = self._of(order).standing or Standing.GOING
        if standing is Standing.FOREIGN:
            log.error("order.stranded", order_id=order.id, why=standing)
        if order.status is not Status.NEEDS_ATTENTION:
            await self._chronicle.flag(order.id, order.saga, _WHY[standing], saga=order.saga)

    def _tell(self, unreadable: set[str]) -> None:
        for order_id in unreadable - self._unreadable:
            log.error("order.stranded", order_id=order_id, why="unreadable")
        self._unreadable = unreadable
        seen = self._seen.values()
        self._metrics.stranded(
            # What was carried on, and is over again already.
            stopped=sum(one.standing is Standing.STOPPED for one in seen),
            foreign=sum(one.standing is Standing.FOREIGN and one.is_late for one in seen),
            unreadable=len(unreadable),
        )

    def _of(self, order: Order) -> _Seen:
        return self._seen[_work(order)]


async def _for_each(
    orders: Sequence[Order], do: Callable[[Order], Awaitable[T]]
) -> tuple[list[T], list[BaseException]]:
    """
    What it came to where it did not fail, and what failed; a few orders at a time.
    """
    done: list[T | BaseException] = []
    for begin in range(0, len(orders), _AT_ONCE):
        # Made when their turn comes: what is cancelled here leaves nothing that nobody awaits.
        few = map(do, orders[begin : begin + _AT_ONCE])
        done += await asyncio.gather(*few, return_exceptions=True)
    failures = [one for one in done if isinstance(one, BaseException)]
    return [one for one in done if not isinstance(one, BaseException)], failures


def _work(order: Order) -> str:
    return f"{order.saga}:{order.id}"
