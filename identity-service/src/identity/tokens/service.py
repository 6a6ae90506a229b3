"""
Issues tokens: for a password, for a client's secret, and for a refresh token.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncConnection

from identity.clients.models import ServiceClient
from identity.errors import InvalidGrant
from identity.events import AuthEvents
from identity.keys.signing import Signature, Signer
from identity.tokens import repository
from identity.tokens.models import (
    Grant,
    Holder,
    RefreshFamily,
    TokenAnswer,
    TokenLives,
    narrowed,
    new_refresh_token,
    token_hash,
)
from identity.users import repository as users
from identity.users.models import User
from servicekit.database import Database


@dataclass(frozen=True, slots=True)
class TokenTerms:
    """
    What stands in every access token, and how long tokens live.
    """

    issuer: str
    audience: str
    lives: TokenLives


@dataclass(frozen=True, slots=True)
class _Refusal:
    """
    Why a refresh token was not good. Returned, not raised: what was noted of it must be kept.
    """

    reason: str
    family: RefreshFamily | None = None


class TokenService:
    """
    Issues access and refresh tokens.
    """

    def __init__(
        self,
        database: Database,
        signer: Signer,
        terms: TokenTerms,
        events: AuthEvents,
        *,
        now: Callable[[], datetime],
    ) -> None:
        self._database = database
        self._signer = signer
        self._terms = terms
        self._events = events
        self._now = now

    async def for_user(
        self, user: User, *, scope: str | None, client: ServiceClient | None
    ) -> TokenAnswer:
        """
        Tokens for somebody whose password has just been checked.
        """
        refresh_token = new_refresh_token()
        signature = await self._signer.signature()
        client_id = client.id if client else None

        async def begin(connection: AsyncConnection) -> Grant:
            # The account as it is now: the password may have been changed since it was checked.
            present = await users.locked(connection, user.id)
            if present is None or present.is_disabled:
                raise InvalidGrant
            if present.password_set_at != user.password_set_at:
                raise InvalidGrant
            holder = Holder.from_user(present)
            family = RefreshFamily.begun(
                user_id=user.id,
                client_id=client_id,
                scopes=narrowed(scope, holder.scopes),
                now=self._now(),
                lives=self._terms.lives,
            )
            await repository.add_family(connection, family)
            await repository.add_token(
                connection, family.id, token_hash(refresh_token), family.created_at
            )
            return Grant(holder, family.scopes, client_id=client_id, family_id=family.id)

        grant = await self._database.transact(begin)
        return self._answer("password", grant, signature, refresh_token)

    async def for_client(self, client: ServiceClient, *, scope: str | None) -> TokenAnswer:
        """
        An access token in the name of a service that has just shown its secret.
        """
        holder = Holder.from_client(client)
        grant = Grant(holder, narrowed(scope, holder.scopes), client_id=client.id)
        return self._answer("client_credentials", grant, await self._signer.signature())

    async def for_refresh_token(
        self, refresh_token: str, *, scope: str | None, client: ServiceClient | None
    ) -> TokenAnswer:
        """
        The next tokens of a sign-in; ``refresh_token`` is used up. Raises InvalidGrant.

        Scopes can be narrowed for this access token; the sign-in keeps those it was made with
        (RFC 6749, section 6). Of many uses at one moment one succeeds, and the family ends.
        """
        next_token = new_refresh_token()
        signature = await self._signer.signature()
        outcome = await self._database.transact(
            lambda c: self._refresh(c, refresh_token, next_token, scope, client)
        )
        if isinstance(outcome, _Refusal):
            self._tell(outcome)
            raise InvalidGrant("The refresh token is not valid.")
        return self._answer("refresh_token", outcome, signature, next_token)

    async def _refresh(
        self,
        connection: AsyncConnection,
        token: str,
        next_token: str,
        scope: str | None,
        client: ServiceClient | None,
    ) -> Grant | _Refusal:
        now = self._now()
        found = await repository.find(connection, token_hash(token))
        if found is None:
            return _Refusal("unknown")
        family = found.family
        if family.client_id != (client.id if client else None):
            return _Refusal("other_client", family)
        if found.is_used:
            await repository.revoke_family(connection, family.id, now=now, reason="reused")
            return _Refusal("reused", family)
        user = await users.by_id(connection, family.user_id)
        if not family.is_live(now) or user is None or user.is_disabled:
            return _Refusal("ended", family)
        holder = Holder.from_user(user)
        scopes = narrowed(scope, family.scopes & holder.scopes)
        idle_until = family.idle_until(now, self._terms.lives)
        await repository.use(connection, token_hash(token), now=now)
        await repository.prolong(connection, family.id, idle_until)
        await repository.add_token(connection, family.id, token_hash(next_token), now)
        return Grant(holder, scopes, client_id=family.client_id, family_id=family.id)

    def _answer(
        self,
        grant_type: str,
        grant: Grant,
        signature: Signature,
        refresh_token: str | None = None,
    ) -> TokenAnswer:
        claims = grant.claims(
            issuer=self._terms.issuer,
            audience=self._terms.audience,
            now=self._now(),
            life=self._terms.lives.access,
        )
        self._events.token_issued(
            grant_type,
            kind=grant.holder.kind,
            subject_id=grant.holder.id,
            family_id=grant.family_id,
        )
        return TokenAnswer(
            access_token=signature.sign(claims),
            expires_in_s=int(self._terms.lives.access.total_seconds()),
            scopes=grant.scopes,
            refresh_token=refresh_token,
        )

    def _tell(self, refusal: _Refusal) -> None:
        family = refusal.family
        if refusal.reason == "reused" and family is not None and family.revoked_at is None:
            self._events.refresh_reused(family_id=family.id, user_id=family.user_id)
        else:
            self._events.refresh_refused(refusal.reason, family_id=family.id if family else None)
