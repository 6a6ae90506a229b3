"""
Where refresh families, their tokens, and revoked access tokens are kept.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Row, delete, or_, select
from sqlalchemy.ext.asyncio import AsyncConnection

from identity.tables import refresh_families as families
from identity.tables import refresh_tokens as tokens
from identity.tables import revoked_access_tokens as revoked
from identity.tokens.models import RefreshFamily, RevocationReason
from servicekit.database import insert_on


@dataclass(frozen=True, slots=True)
class FoundToken:
    """
    A refresh token that was issued once, and its family.
    """

    family: RefreshFamily
    is_used: bool


async def add_family(connection: AsyncConnection, family: RefreshFamily) -> None:
    """
    Keep the family of a new sign-in.
    """
    await connection.execute(
        families.insert().values(
            id=family.id,
            user_id=family.user_id,
            client_id=family.client_id,
            scopes=family.scopes,
            created_at=family.created_at,
            expires_at=family.expires_at,
            idle_expires_at=family.idle_expires_at,
        )
    )


async def add_token(
    connection: AsyncConnection, family_id: str, token_hash: str, now: datetime
) -> None:
    """
    Keep the newest token of a family.
    """
    await connection.execute(
        tokens.insert().values(token_hash=token_hash, family_id=family_id, issued_at=now)
    )


async def find(connection: AsyncConnection, token_hash: str) -> FoundToken | None:
    """
    The token, with its family locked until this transaction ends.
    """
    rows = await connection.execute(
        select(tokens.c.family_id).where(tokens.c.token_hash == token_hash)
    )
    family_id = rows.scalar_one_or_none()
    if family_id is None:
        return None
    rows_of_families = await connection.execute(
        select(families).where(families.c.id == family_id).with_for_update()
    )
    family = rows_of_families.one_or_none()
    if family is None:
        return None
    # Read after the lock is held: whoever held it before may have used the token.
    used_at = await connection.execute(
        select(tokens.c.used_at).where(tokens.c.token_hash == token_hash)
    )
    return FoundToken(_family(family), is_used=used_at.scalar_one_or_none() is not None)


async def use(connection: AsyncConnection, token_hash: str, *, now: datetime) -> None:
    """
    Mark a token as used. Its family is locked, so nobody else does so at the same moment.
    """
    await connection.execute(
        tokens.update().where(tokens.c.token_hash == token_hash).values(used_at=now)
    )


async def prolong(connection: AsyncConnection, family_id: str, idle_until: datetime) -> None:
    """
    Let a family lie idle until that moment.
    """
    await connection.execute(
        families.update().where(families.c.id == family_id).values(idle_expires_at=idle_until)
    )


async def revoke_family(
    connection: AsyncConnection, family_id: str, *, now: datetime, reason: RevocationReason
) -> None:
    """
    End one family; the first reason stays.
    """
    await connection.execute(
        families.update()
        .where(families.c.id == family_id, families.c.revoked_at.is_(None))
        .values(revoked_at=now, revoked_reason=reason)
    )


async def revoke_families_of(
    connection: AsyncConnection, user_id: str, *, now: datetime, reason: RevocationReason
) -> int:
    """
    End every family of a user; returns how many were alive.
    """
    result = await connection.execute(
        families.update()
        .where(families.c.user_id == user_id, families.c.revoked_at.is_(None))
        .values(revoked_at=now, revoked_reason=reason)
    )
    return result.rowcount


async def remove_families_of_client(connection: AsyncConnection, client_id: str) -> None:
    """
    Forget every sign-in that a client made, so that a later client of its name inherits none.
    """
    await connection.execute(delete(families).where(families.c.client_id == client_id))


async def is_family_revoked(connection: AsyncConnection, family_id: str) -> bool:
    """
    Whether the sign-in has been ended, or is not known any more.
    """
    rows = await connection.execute(select(families.c.revoked_at).where(families.c.id == family_id))
    row = rows.one_or_none()
    return row is None or row.revoked_at is not None


async def revoke_access_token(connection: AsyncConnection, jti: str, expires_at: datetime) -> None:
    """
    Remember until it expires that an access token is not good any more.
    """
    await connection.execute(
        insert_on(connection, revoked)
        .values(jti=jti, expires_at=expires_at)
        .on_conflict_do_nothing()
    )


async def is_access_token_revoked(connection: AsyncConnection, jti: str) -> bool:
    """
    Whether this access token has been revoked by itself.
    """
    rows = await connection.execute(select(revoked.c.jti).where(revoked.c.jti == jti))
    return rows.one_or_none() is not None


async def forget_expired(
    connection: AsyncConnection, *, families_before: datetime, tokens_before: datetime
) -> int:
    """
    Drop families and revoked access tokens that ended before those moments; returns how many.
    """
    ended = await connection.execute(
        delete(families).where(
            or_(
                families.c.expires_at < families_before,
                families.c.idle_expires_at < families_before,
                families.c.revoked_at < families_before,
            )
        )
    )
    expired = await connection.execute(delete(revoked).where(revoked.c.expires_at < tokens_before))
    return ended.rowcount + expired.rowcount


def _family(row: Row[Any]) -> RefreshFamily:
    return RefreshFamily(
        id=row.id,
        user_id=row.user_id,
        client_id=row.client_id,
        scopes=row.scopes,
        created_at=row.created_at,
        expires_at=row.expires_at,
        idle_expires_at=row.idle_expires_at,
        revoked_at=row.revoked_at,
        revoked_reason=row.revoked_reason,
    )
