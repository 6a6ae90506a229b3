"""
What happens to orders, event by event: kept in memory while an order is quick, and written with its end.

An event is written once, by its name: what is told again after a crash changes nothing. Numbers count
up within an order. Whoever alone has written an order's events knows the last number; a replica that
takes an order over asks the database, and so does whoever finds that another was faster.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Final

from sqlalchemy import Connection, bindparam, func, select

from gateway.checkout.models import Event
from gateway.tables import order_events
from servicekit.database import Insertion, Reading, RowsOf, write_rows
from servicekit.sagas import Entry

_SINCE: Final = (
    select(order_events)
    .where(order_events.c.order_id == bindparam("order_id"), order_events.c.seq > bindparam("seq"))
    .order_by(order_events.c.seq)
)
_ADD: Final = Insertion(
    order_events, "order_id", "seq", "name", "at", "facts", unless=["order_id", "name"]
)
_LAST: Final = select(func.max(order_events.c.seq)).where(
    order_events.c.order_id == bindparam("order_id")
)
#: How an entry of the journal is called in the timeline.
_WHAT: Final = {
    "done": "done",
    "refused": "refused",
    "unknown": "given-up",
    "undone": "undone",
}


def event_of(entry: Entry) -> Event:
    """
    That a step, or its undo, has come to its end.
    """
    facts = {"attempts": entry.attempts} | ({"code": entry.code} if entry.code else {})
    return Event(f"{entry.step}.{_WHAT[entry.what]}", entry.at, facts)


@dataclass(slots=True)
class _Running:
    """
    The events of an order that are not written yet, and the number of the last that is, if known.
    """

    last: int | None
    events: list[Event] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Unwritten:
    """
    Events of an order to write, from behind number ``last`` on.
    """

    order_id: str
    last: int | None
    events: Sequence[Event]


class Timeline:
    """
    The events of the orders that run in this replica.
    """

    def __init__(self) -> None:
        self._running: dict[str, _Running] = {}

    def __iter__(self) -> Iterator[str]:
        return iter(self._running)

    def __contains__(self, order_id: str) -> bool:
        return order_id in self._running

    def began(self, order_id: str, last: int) -> None:
        """
        This replica has just written event ``last`` of the order, and nobody else writes now.
        """
        self._running[order_id] = _Running(last)

    def add(self, order_id: str, event: Event) -> None:
        """
        Something has happened.
        """
        running = self._running.setdefault(order_id, _Running(None))
        if all(event.name != known.name for known in running.events):
            running.events.append(event)

    def unwritten(self, order_id: str) -> Unwritten:
        """
        What is to be written of an order.
        """
        running = self._running.get(order_id) or _Running(None)
        return Unwritten(order_id, running.last, tuple(running.events))

    def due(self, before: datetime) -> list[Unwritten]:
        """
        The orders that have had something to write since ``before``.
        """
        return [
            self.unwritten(order_id)
            for order_id, running in self._running.items()
            if running.events and running.events[0].at <= before
        ]

    def written(self, what: Unwritten, last: int) -> None:
        """
        These events are kept, the last of them as number ``last``.
        """
        running = self._running.get(what.order_id)
        if running is not None:
            running.last = last
            names = {event.name for event in what.events}
            running.events = [event for event in running.events if event.name not in names]

    def overtaken(self, order_id: str) -> None:
        """
        Somebody else writes events of this order, too.
        """
        running = self._running.get(order_id)
        if running is not None:
            running.last = None

    def forget(self, order_id: str) -> None:
        """
        The order has ended.
        """
        self._running.pop(order_id, None)


def write(connection: Connection, what: Unwritten, *extra: Event) -> int:
    """
    Keep events, but those whose names are kept; returns the last number.

    Raises UniqueViolation where somebody else has taken a number: begin again without ``last``.
    """
    part, (last,) = rows_of_events(connection, [replace(what, events=(*what.events, *extra))])
    write_rows(connection, [part])
    return last


def rows_of_events(connection: Connection, orders: Sequence[Unwritten]) -> tuple[RowsOf, list[int]]:
    """
    What is written of the events of many orders; and the last number of each.
    """
    rows: list[dict[str, object]] = []
    numbers: list[int] = []
    for what in orders:
        last = what.last
        if last is None:
            last = connection.scalar(_LAST, {"order_id": what.order_id}) or 0
        rows += [
            {
                "order_id": what.order_id,
                "seq": seq,
                "name": event.name,
                "at": event.at,
                "facts": dict(event.facts),
            }
            for seq, event in enumerate(what.events, start=last + 1)
        ]
        numbers.append(last + len(what.events))
    return (_ADD, rows), numbers


async def read(reading: Reading, order_id: str, *, after: int = 0) -> list[Event]:
    """
    The events of an order from behind number ``after`` on.
    """
    rows = await reading.execute(_SINCE, {"order_id": order_id, "seq": after})
    return [Event(row.name, row.at, row.facts, row.seq) for row in rows]
