"""
Ends tokens before their time, and knows which have been ended.

Other services verify tokens for themselves and see none of this before a token
expires; this service asks its database for each token that it is shown.
"""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Final

from sqlalchemy.ext.asyncio import AsyncConnection

from identity.clients import repository as clients
from identity.clients.models import ServiceClient
from identity.keys.models import CLOCK_SKEW
from identity.tokens import repository
from identity.tokens.models import AccessClaims, claims_of_verified, token_hash
from identity.users import repository as users
from servicekit.auth import Principal, Verifier
from servicekit.auth.refusals import refused
from servicekit.database import Database
from servicekit.errors import AuthError

#: Longer than any access token lives (ACCESS_TOKEN_EXPIRE_MINUTES is a day at most). So long a
#: used token that comes back is still known for one.
_KEPT_AFTER_THE_END: Final = timedelta(days=2)


class LiveVerifier:
    """
    Verifies a token, and that neither it nor its sign-in nor its holder has been ended.
    """

    def __init__(self, verifier: Verifier, database: Database) -> None:
        self._verifier = verifier
        self._database = database

    async def verify(self, token: str) -> Principal:
        """
        The caller that ``token`` belongs to; raises AuthError.
        """
        principal = await self._verifier.verify(token)
        claims = claims_of_verified(token)
        async with self._database.read() as connection:
            if not await _is_live(connection, claims):
                raise refused("revoked")
        return principal


class RevocationService:
    """
    Ends a token on behalf of whoever holds it.
    """

    def __init__(
        self, database: Database, verifier: Verifier, *, now: Callable[[], datetime]
    ) -> None:
        self._database = database
        self._verifier = verifier
        self._now = now

    async def revoke(self, token: str, *, client: ServiceClient | None) -> None:
        """
        End an access token, or a refresh token with its whole sign-in.

        Nothing happens to a token that is not good, or was issued to another client: whoever
        asks learns nothing about it (RFC 7009, section 2.2).
        """
        client_id = client.id if client else None
        if await self._database.transact(lambda c: self._end_sign_in(c, token, client_id)):
            return
        try:
            await self._verifier.verify(token)
        except AuthError:
            return
        claims = claims_of_verified(token)
        if claims.client_id == client_id:
            expires_at = datetime.fromtimestamp(claims.exp, UTC)
            await self._database.transact(
                lambda c: repository.revoke_access_token(c, claims.jti, expires_at)
            )

    async def forget_expired(self) -> int:
        """
        Drop what has ended and is of no use any more; returns how much.

        An ended family is kept until the last access token that names it has expired too.
        """
        now = self._now()
        return await self._database.transact(
            lambda c: repository.forget_expired(
                c, families_before=now - _KEPT_AFTER_THE_END, tokens_before=now - CLOCK_SKEW
            )
        )

    async def _end_sign_in(
        self, connection: AsyncConnection, token: str, client_id: str | None
    ) -> bool:
        found = await repository.find(connection, token_hash(token))
        if found is None:
            return False
        if found.family.client_id == client_id:
            await repository.revoke_family(
                connection, found.family.id, now=self._now(), reason="signed_out"
            )
        return True


async def _is_live(connection: AsyncConnection, claims: AccessClaims) -> bool:
    if await repository.is_access_token_revoked(connection, claims.jti):
        return False
    if claims.sid is not None and await repository.is_family_revoked(connection, claims.sid):
        return False
    if claims.kind == "service":
        client = await clients.by_id(connection, claims.sub)
        return client is not None and not client.is_disabled
    user = await users.by_id(connection, claims.sub)
    return user is not None and not user.is_disabled
