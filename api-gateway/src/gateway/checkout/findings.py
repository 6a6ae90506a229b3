"""
What was found out for good while an order was carried through: whether it goes on, or back.

Several may carry an order through at once, each thinking that the others are lost. They share what
stands here: the first to find something out decides for all of them. So the engine needs no journal of
its own for orders that go well, and an order costs one small row in between its two transactions.
"""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from pydantic import JsonValue
from sqlalchemy import Connection, bindparam, select, tuple_

from gateway.tables import order_findings
from servicekit.clock import Now
from servicekit.database import Database, Insertion, Together, write_rows

_ADD: Final = Insertion(
    order_findings, "order_id", "name", "finding", "at", unless=["order_id", "name"]
)
_FIND: Final = select(order_findings.c.finding).where(
    order_findings.c.order_id == bindparam("of"), order_findings.c.name == bindparam("called")
)
_WHOLE: Final = tuple_(order_findings.c.order_id, order_findings.c.name)

Finding = dict[str, JsonValue]


@dataclass(frozen=True, slots=True)
class Found:
    """
    Something that was found out about an order just now.
    """

    order_id: str
    name: str
    finding: Finding
    at: datetime


class Findings:
    """
    The findings of one order: the journal of its sagas. ``is_new``: nothing was found out yet.
    """

    def __init__(
        self, database: Database, together: Together, order_id: str, *, is_new: bool, now: Now
    ) -> None:
        self._database = database
        self._together = together
        self._order_id = order_id
        self._is_new = is_new
        self._now = now

    async def once(self, name: str, do: Callable[[], Awaitable[Finding]]) -> Finding:
        """
        What ``do`` or somebody else found out first.
        """
        if not self._is_new and (known := await self._known(name)) is not None:
            return known
        found = Found(self._order_id, name, await do(), self._now())
        return await self._together.write(keep_all, found)

    async def _known(self, name: str) -> Finding | None:
        values = {"of": self._order_id, "called": name}
        rows = await self._database.glance.execute(_FIND, values)
        finding: Finding | None = rows[0].finding if rows else None
        return finding


def keep_all(connection: Connection, rows: Sequence[Found]) -> Sequence[Finding]:
    """
    Keep what was found out; what had been found out first, for each.
    """
    first = {(row.order_id, row.name): row for row in reversed(rows)}
    # In one order, or two who keep several could wait for each other.
    told = [
        {"order_id": row.order_id, "name": row.name, "finding": row.finding, "at": row.at}
        for _, row in sorted(first.items())
    ]
    known = {key: row.finding for key, row in first.items()}
    if write_rows(connection, [(_ADD, told)]) < len(told):
        kept = connection.execute(select(order_findings).where(_WHOLE.in_(first)))
        known = {(row.order_id, row.name): row.finding for row in kept}
    return [known[row.order_id, row.name] for row in rows]
