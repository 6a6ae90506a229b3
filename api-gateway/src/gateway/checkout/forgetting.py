"""
Dropping what is kept of orders for a while only.
"""

from datetime import datetime
from typing import Any, Final

from sqlalchemy import Column, Connection, delete, exists, select, tuple_

from gateway.checkout.models import Status
from gateway.tables import OPEN, order_events, order_findings, orders

#: How many rows are dropped in one transaction.
BATCH: Final = 500
#: Of which nothing came, and nothing can come any more. No others are ever dropped.
_UNSOLD: Final = (Status.REJECTED.value, Status.FAILED.value)


def forget(connection: Connection, moment: Column[Any], before: datetime) -> int:
    """
    Drop rows whose ``moment`` is older, but those of orders that are still on their way.

    Returns how many it were; fewer than a batch: none are left.
    """
    table = moment.table
    key = [*table.primary_key]
    is_open = exists().where(orders.c.id == table.c.order_id, orders.c.status.in_(OPEN))
    some = select(*key).where(moment < before, ~is_open).limit(BATCH)
    return connection.execute(delete(table).where(tuple_(*key).in_(some))).rowcount


def forget_unsold(connection: Connection, before: datetime) -> int:
    """
    Drop orders of which nothing came and that ended before that, with all that is kept of them; their keys
    must be gone already. Returns how many, as above.
    """
    some = (
        select(orders.c.id)
        # The index has the first two; an order may have been on its way for long.
        .where(orders.c.status.in_(_UNSOLD), orders.c.created_at < before)
        .where(orders.c.ended_at < before)
        .limit(BATCH)
        # Replicas do this at the same time: each takes others.
        .with_for_update(skip_locked=True)
    )
    ids = connection.scalars(some).all()
    for table in (order_events, order_findings):
        connection.execute(delete(table).where(table.c.order_id.in_(ids)))
    connection.execute(delete(orders).where(orders.c.id.in_(ids)))
    return len(ids)
