"""
Where signing keys are kept.
"""

from datetime import datetime
from typing import Any

from sqlalchemy import Row, or_, select
from sqlalchemy.ext.asyncio import AsyncConnection

from identity.keys.models import KeyRing, SigningKey
from identity.tables import signing_keys as table


async def ring(connection: AsyncConnection) -> KeyRing:
    """
    All keys.
    """
    rows = await connection.execute(select(table))
    return KeyRing.of([_key(row) for row in rows])


async def add(connection: AsyncConnection, key: SigningKey) -> None:
    """
    Keep a new key; raises UniqueViolation where there is one of its generation.
    """
    await connection.execute(
        table.insert().values(
            kid=key.kid,
            generation=key.generation,
            public=key.public,
            sealed_private=key.sealed_private,
            created_at=key.created_at,
            signs_from=key.signs_from,
        )
    )


async def retire_before(
    connection: AsyncConnection, generation: int, *, retires_at: datetime
) -> None:
    """
    Let every earlier key that has no end yet retire at that moment.
    """
    await connection.execute(
        table.update()
        .where(table.c.generation < generation, table.c.retires_at.is_(None))
        .values(retires_at=retires_at)
    )


async def withdraw_before(connection: AsyncConnection, generation: int, *, now: datetime) -> None:
    """
    Publish no earlier key any more, and erase their private halves.
    """
    await connection.execute(
        table.update()
        .where(table.c.generation < generation, table.c.withdrawn_at.is_(None))
        .values(withdrawn_at=now, sealed_private=None)
    )


async def erase_retired(connection: AsyncConnection, now: datetime) -> int:
    """
    Erase the private halves of keys that have retired; returns how many.
    """
    is_over = or_(table.c.withdrawn_at.is_not(None), table.c.retires_at <= now)
    result = await connection.execute(
        table.update()
        .where(is_over, table.c.sealed_private.is_not(None))
        .values(sealed_private=None)
    )
    return result.rowcount


async def reseal(connection: AsyncConnection, kid: str, *, old: str, new: str) -> None:
    """
    Replace a sealed private half by the same one sealed anew.
    """
    await connection.execute(
        table.update()
        .where(table.c.kid == kid, table.c.sealed_private == old)
        .values(sealed_private=new)
    )


def _key(row: Row[Any]) -> SigningKey:
    return SigningKey(
        kid=row.kid,
        generation=row.generation,
        public=row.public,
        sealed_private=row.sealed_private,
        created_at=row.created_at,
        signs_from=row.signs_from,
        retires_at=row.retires_at,
        withdrawn_at=row.withdrawn_at,
    )
