"""
Dropping what is kept of orders for a while only.
"""

from datetime import datetime
from typing import Any, Final

from sqlalchemy import Column, Connection, delete, exists, select, tuple_

from gateway.tables import OPEN, orders

#: How many rows are dropped in one transaction.
BATCH: Final = 500


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
