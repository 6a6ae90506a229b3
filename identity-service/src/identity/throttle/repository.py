"""
Where sign-in counters are kept, so that all replicas share them.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Row, delete, or_, select
from sqlalchemy.ext.asyncio import AsyncConnection

from identity.tables import sign_in_counters as table
from identity.throttle.models import Counter
from servicekit.database import insert_on


async def find(connection: AsyncConnection, keys: Sequence[str]) -> dict[str, Counter]:
    """
    The counter of each key; a clean one where none is kept.
    """
    rows = await connection.execute(select(table).where(table.c.key.in_(keys)))
    kept = {row.key: _counter(row) for row in rows}
    return {key: kept.get(key, Counter(key)) for key in keys}


async def locked(connection: AsyncConnection, keys: Sequence[str], now: datetime) -> list[Counter]:
    """
    The counters, which nobody else can change until this transaction ends.
    """
    # In one order everywhere, so that two transactions cannot wait for each other.
    ordered = sorted(keys)
    await connection.execute(
        insert_on(connection, table).on_conflict_do_nothing(),
        [{"key": key, "failures": 0, "updated_at": now} for key in ordered],
    )
    rows = await connection.execute(
        select(table).where(table.c.key.in_(ordered)).order_by(table.c.key).with_for_update()
    )
    return [_counter(row) for row in rows]


async def save(connection: AsyncConnection, counter: Counter, now: datetime) -> None:
    """
    Keep ``counter`` as it is.
    """
    await connection.execute(
        table.update()
        .where(table.c.key == counter.key)
        .values(
            failures=counter.failures,
            failed_at=counter.failed_at,
            blocked_until=counter.blocked_until,
            trusted_until=counter.trusted_until,
            updated_at=now,
        )
    )


async def forget(connection: AsyncConnection, *, untouched_since: datetime, now: datetime) -> int:
    """
    Drop the counters that say nothing any more; returns how many.
    """
    result = await connection.execute(
        delete(table).where(
            table.c.updated_at < untouched_since,
            or_(table.c.trusted_until.is_(None), table.c.trusted_until < now),
        )
    )
    return result.rowcount


def _counter(row: Row[Any]) -> Counter:
    return Counter(
        key=row.key,
        failures=row.failures,
        failed_at=row.failed_at,
        blocked_until=row.blocked_until,
        trusted_until=row.trusted_until,
    )
