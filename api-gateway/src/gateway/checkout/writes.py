"""
The writes by which orders begin and end, each for all orders that wait for it at the same time.

They are synchronous and made of few messages to the database: a group of them is one transaction
(``servicekit.database.Together``). The third that an order costs is in ``findings``.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Connection

from gateway.checkout import idempotency, repository, timeline
from gateway.checkout.idempotency import Key, Known
from gateway.checkout.models import End, Event, Order
from gateway.checkout.timeline import Unwritten
from servicekit.database import write_rows


@dataclass(frozen=True, slots=True)
class New:
    """
    An order to accept, with the key that shall stand for it.
    """

    order: Order
    key: Key | None


@dataclass(frozen=True, slots=True)
class Ended:
    """
    The end of an order, with what of its timeline is not written yet, that end included.
    """

    end: End
    timeline: Unwritten


def accept_all(connection: Connection, rows: Sequence[New]) -> Sequence[Known | None]:
    """
    Accept orders; what its key stands for already where one is not accepted.
    """
    claims = [(row.key, row.order.id, row.order.created_at) for row in rows if row.key is not None]
    known = idempotency.claim_all(connection, claims) if claims else {}
    new = [row.order for row in rows if row.order.id not in known]
    if new:
        accepted = [
            Unwritten(order.id, 0, (Event("accepted", order.created_at, {}),)) for order in new
        ]
        events, _ = timeline.rows_of_events(connection, accepted)
        write_rows(connection, [repository.rows_of_new(new), events])
    return [known.get(row.order.id) for row in rows]


def end_all(connection: Connection, rows: Sequence[Ended]) -> Sequence[int | None]:
    """
    End the placing of orders; the number of the last event, or None where it had ended before.
    """
    days = repository.not_ended(connection, [row.end.order_id for row in rows])
    ending = {row.end.order_id: row for row in rows if row.end.order_id in days}
    if not ending:
        return [None] * len(rows)
    ends = [row.end for row in ending.values()]
    sales = [(end.order_id, days[end.order_id], end.sold) for end in ends if end.sold is not None]
    events, numbers = timeline.rows_of_events(connection, [row.timeline for row in ending.values()])
    write_rows(
        connection, [repository.rows_of_ends(ends), *repository.rows_of_sales(sales), events]
    )
    last = dict(zip(ending, numbers, strict=True))
    return [last[row.end.order_id] if ending.get(row.end.order_id) is row else None for row in rows]
