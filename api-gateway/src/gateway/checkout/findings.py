"""
What was found out for good while an order was carried through: whether it goes on, or back.

Several may carry an order through at once, each thinking that the others are lost. They share what
stands here: the first to find something out decides for all of them. So the engine needs no journal of
its own for orders that go well, and an order costs one small row in between its two transactions.
"""

from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Final

from pydantic import JsonValue
from sqlalchemy import bindparam, delete, exists, select, tuple_
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.checkout.adding import adding_new
from gateway.tables import OPEN, order_findings, orders
from servicekit.clock import Now
from servicekit.database import Database

#: How many are forgotten in one transaction.
BATCH: Final = 500

_ADD: Final = adding_new(order_findings)
_FIND: Final = select(order_findings.c.finding).where(
    order_findings.c.order_id == bindparam("of"), order_findings.c.name == bindparam("called")
)

Finding = dict[str, JsonValue]


class Findings:
    """
    The findings of one order: the journal of its sagas. ``is_new``: nothing was found out yet.
    """

    def __init__(self, database: Database, order_id: str, *, is_new: bool, now: Now) -> None:
        self._database = database
        self._order_id = order_id
        self._is_new = is_new
        self._now = now

    async def once(self, name: str, do: Callable[[], Awaitable[Finding]]) -> Finding:
        """
        What ``do`` or somebody else found out first.
        """
        if not self._is_new and (known := await self._known(name)) is not None:
            return known
        found = await do()
        if await self._database.transact(lambda connection: self._keep(connection, name, found)):
            return found
        known = await self._known(name)
        # It was in the way a moment ago, and is dropped only long after the order's end.
        assert known is not None  # noqa: S101
        return known

    async def _keep(self, connection: AsyncConnection, name: str, found: Finding) -> bool:
        kept = await connection.execute(
            _ADD[connection.dialect.name],
            {"order_id": self._order_id, "name": name, "finding": found, "at": self._now()},
        )
        return kept.rowcount == 1

    async def _known(self, name: str) -> Finding | None:
        values = {"of": self._order_id, "called": name}
        rows = await self._database.glance.execute(_FIND, values)
        finding: Finding | None = rows[0].finding if rows else None
        return finding


async def forget(connection: AsyncConnection, before: datetime) -> int:
    """
    Drop what is older, but that of orders that are still on their way; how many it were.
    """
    whole = tuple_(order_findings.c.order_id, order_findings.c.name)
    is_open = exists().where(orders.c.id == order_findings.c.order_id, orders.c.status.in_(OPEN))
    some = (
        select(order_findings.c.order_id, order_findings.c.name)
        .where(order_findings.c.at < before, ~is_open)
        .limit(BATCH)
    )
    return (await connection.execute(delete(order_findings).where(whole.in_(some)))).rowcount
