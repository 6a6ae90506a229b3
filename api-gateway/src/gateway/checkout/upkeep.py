"""
What is done for orders without a request: look after those that are open, try again what an
administrator wants to be tried, write the timeline of what takes long, and forget old
keys and what came to nothing long ago.

Each replica does all of it; all of it is safe to do at the same moment elsewhere.
"""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from functools import partial
from typing import Any, Final

from sqlalchemy import Column, Connection

from gateway.checkout import repository
from gateway.checkout.acceptance import Acceptance, Terms
from gateway.checkout.chronicle import Chronicle
from gateway.checkout.forgetting import BATCH, forget, forget_unsold
from gateway.checkout.metrics import CheckoutMetrics
from gateway.checkout.sweep import Sweep
from gateway.checkout.works import Works
from gateway.tables import idempotency_keys, order_findings
from servicekit.clock import Now
from servicekit.database import Database
from servicekit.maintenance import Maintenance, TaskRuns

#: How far the clocks of replicas may be apart, for who asks them to try again.
_SKEW: Final = timedelta(seconds=10)
_FLUSH_EVERY_S: Final = 0.2
_LOOK_EVERY_S: Final = 1.0
_FORGET_EVERY_S: Final = 60.0


class Upkeep:
    """
    Runs beside the checkout.
    """

    def __init__(
        self,
        database: Database,
        acceptance: Acceptance,
        works: Works,
        sweep: Sweep,
        *,
        chronicle: Chronicle,
        metrics: CheckoutMetrics,
        runs: TaskRuns,
        terms: Terms,
        now: Now,
    ) -> None:
        self._database = database
        self._acceptance = acceptance
        self._works = works
        self._chronicle = chronicle
        self._metrics = metrics
        self._runs = runs
        self._terms = terms
        self._now = now
        self._sweep = sweep
        self._nudged: dict[str, datetime] = {}

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """
        Go on in the background while inside; at the end all that was accepted is begun.
        """
        writing = Maintenance(
            {"write-timelines": self.write_timelines},
            interval_s=_FLUSH_EVERY_S,
            runs=self._runs,
        )
        looking = Maintenance(
            {
                "look-after-open-orders": self.look_after_open,
                "try-again": self.try_again,
                "count-attention": self.count_attention,
            },
            interval_s=_LOOK_EVERY_S,
            runs=self._runs,
        )
        forgetting = Maintenance(
            {
                "forget-keys": self.forget_keys,
                "forget-findings": self.forget_findings,
                "forget-unsold": self.forget_unsold,
                "forget-ended": self.forget_ended,
            },
            interval_s=_FORGET_EVERY_S,
            runs=self._runs,
        )
        async with writing.running(), looking.running(), forgetting.running():
            yield
            await self._acceptance.finish()

    async def write_timelines(self) -> None:
        """
        Write what has happened some time ago to orders that are still on their way.
        """
        await self._chronicle.flush()

    async def look_after_open(self) -> int:
        """
        Begin what is accepted and what nobody is at; returns how many orders that were.
        """
        return await self._sweep.look()

    async def try_again(self) -> None:
        """
        Wake what waits here between two attempts and shall not wait.
        """
        async with self._database.read() as connection:
            asked = await repository.retries_asked(connection, self._now() - _SKEW)
        for order_id, at in asked.items():
            if self._nudged.get(order_id) != at:
                self._sweep.hurry(order_id)
                await self._works.nudge(order_id)
        self._nudged = dict(asked)

    async def count_attention(self) -> None:
        """
        Look how many orders need attention.
        """
        async with self._database.read() as connection:
            number = await repository.needing_attention(connection)
        self._metrics.needing_attention.set(number)

    async def forget_keys(self) -> int:
        """
        Drop the keys that were kept long enough; returns how many.
        """
        return await self._forget(idempotency_keys.c.created_at)

    async def forget_findings(self) -> int:
        """
        The same for what was found out while orders were carried through.
        """
        return await self._forget(order_findings.c.at)

    async def forget_unsold(self) -> int:
        """
        The same for orders that were rejected or have failed.
        """
        before = self._now() - self._terms.keep_unsold
        # First, or a key could stand for an order that is not there.
        await self.forget_keys()
        return await self._drop(partial(forget_unsold, before=before))

    async def forget_ended(self) -> None:
        """
        Drop from memory what of orders is kept there that another replica has brought to their ends.
        """
        here = self._chronicle.here()
        if here:
            ended = await self._database.transact_at_once(
                lambda connection: repository.ended_among(connection, here)
            )
            for order_id in ended:
                self._chronicle.forget(order_id)

    async def _forget(self, moment: Column[Any]) -> int:
        before = self._now() - self._terms.keep_keys
        return await self._drop(partial(forget, moment=moment, before=before))

    async def _drop(self, drop: Callable[[Connection], int]) -> int:
        forgotten = 0
        while True:
            some = await self._database.transact_at_once(drop)
            forgotten += some
            if some < BATCH:
                return forgotten
