"""
What tokens say, how long they live, and which scopes they may carry.

An access token is a JWT of RFC 9068's profile, valid for minutes and checked by
every service for itself. A refresh token is 256 random bits, of which only the
SHA-256 is stored. All refresh tokens that descend from one sign-in are a
*family*: each is good once, and the family ends after its life, after it has
lain idle, on sign-out, or as soon as one of its used tokens comes back.

There is no grace for a token that comes back: whoever lost an answer cannot be
told from a thief, and signs in again.
"""

import hashlib
import re
import secrets
import uuid
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from jwt.utils import base64url_decode
from pydantic import JsonValue

from identity.clients.models import ServiceClient
from identity.errors import GrantRequestRefused
from identity.users.models import User, permissions_of, scopes_of
from servicekit.auth.claims import Claims

#: A scope as RFC 6749, section 3.3 writes it.
_SCOPES = re.compile(r"[\x21\x23-\x5b\x5d-\x7e]+(?: [\x21\x23-\x5b\x5d-\x7e]+)*")
_MAX_SCOPE_LENGTH = 500

HolderKind = Literal["user", "service"]
RevocationReason = Literal["signed_out", "reused", "password_changed", "disabled", "expired"]


@dataclass(frozen=True, slots=True)
class TokenLives:
    """
    How long tokens are good; ``family_idle`` starts anew with each refresh.
    """

    access: timedelta
    family: timedelta
    family_idle: timedelta


@dataclass(frozen=True, slots=True)
class Holder:
    """
    Who a token is for, with all that they may do at this moment.
    """

    id: str
    kind: HolderKind
    email: str | None
    roles: frozenset[str]
    permissions: frozenset[str]
    scopes: frozenset[str]

    @classmethod
    def from_user(cls, user: User) -> "Holder":
        """
        A person, by the table of roles.
        """
        return cls(
            id=user.id,
            kind="user",
            email=user.email,
            roles=frozenset(role.value for role in user.roles),
            permissions=permissions_of(user.roles),
            scopes=scopes_of(user.roles),
        )

    @classmethod
    def from_client(cls, client: ServiceClient) -> "Holder":
        """
        A service, by what an admin has given it.
        """
        return cls(
            id=client.id,
            kind="service",
            email=None,
            roles=frozenset(),
            permissions=client.permissions,
            scopes=client.scopes,
        )


@dataclass(frozen=True, slots=True)
class Grant:
    """
    What one access token is issued for.
    """

    holder: Holder
    scopes: frozenset[str]
    client_id: str | None = None
    family_id: str | None = None

    def claims(
        self, *, issuer: str, audience: str, now: datetime, life: timedelta
    ) -> dict[str, JsonValue]:
        """
        The claims of RFC 9068, with ``sid`` naming the family of the sign-in.

        Permissions are for changing things, so a token without ``write`` carries none.
        """
        issued_at = int(now.timestamp())
        permissions = self.holder.permissions if "write" in self.scopes else frozenset()
        claims: dict[str, JsonValue] = {
            "iss": issuer,
            "aud": audience,
            "sub": self.holder.id,
            "iat": issued_at,
            "nbf": issued_at,
            "exp": issued_at + int(life.total_seconds()),
            "jti": uuid.uuid4().hex,
            "kind": self.holder.kind,
            "scope": scope_text(self.scopes),
            "roles": [*sorted(self.holder.roles)],
            "permissions": [*sorted(permissions)],
        }
        optional = {
            "email": self.holder.email,
            "client_id": self.client_id,
            "sid": self.family_id,
        }
        return claims | {name: value for name, value in optional.items() if value is not None}


@dataclass(frozen=True, slots=True)
class RefreshFamily:
    """
    All refresh tokens that descend from one sign-in.
    """

    id: str
    user_id: str
    client_id: str | None
    scopes: frozenset[str]
    created_at: datetime
    expires_at: datetime
    idle_expires_at: datetime
    revoked_at: datetime | None = None
    revoked_reason: RevocationReason | None = None

    @classmethod
    def begun(
        cls,
        *,
        user_id: str,
        client_id: str | None,
        scopes: frozenset[str],
        now: datetime,
        lives: TokenLives,
    ) -> "RefreshFamily":
        """
        The family of a sign-in that happens now.
        """
        return cls(
            id=uuid.uuid4().hex,
            user_id=user_id,
            client_id=client_id,
            scopes=scopes,
            created_at=now,
            expires_at=now + lives.family,
            idle_expires_at=now + min(lives.family_idle, lives.family),
        )

    def is_live(self, now: datetime) -> bool:
        """
        Its newest token can still be used.
        """
        return self.revoked_at is None and now < min(self.expires_at, self.idle_expires_at)

    def idle_until(self, now: datetime, lives: TokenLives) -> datetime:
        """
        When the family ends if its next token is not used.
        """
        return min(now + lives.family_idle, self.expires_at)


class AccessClaims(Claims):
    """
    What a token of ours says beyond what every service reads.
    """

    client_id: str | None = None
    sid: str | None = None


@dataclass(frozen=True, slots=True)
class TokenAnswer:
    """
    What a successful grant hands out.
    """

    access_token: str
    expires_in_s: int
    scopes: frozenset[str]
    refresh_token: str | None = None


def new_refresh_token() -> str:
    """
    256 random bits as text.
    """
    return secrets.token_urlsafe(32)


def token_hash(token: str) -> str:
    """
    What is stored of a refresh token.
    """
    return hashlib.sha256(token.encode(errors="surrogatepass")).hexdigest()


def scope_text(scopes: frozenset[str]) -> str:
    """
    Scopes as RFC 6749 writes them.
    """
    return " ".join(sorted(scopes))


def narrowed(requested: str | None, allowed: frozenset[str]) -> frozenset[str]:
    """
    The requested scopes, all of which must be allowed; without a request, all that are.
    """
    if not requested:
        return allowed
    if len(requested) > _MAX_SCOPE_LENGTH or not _SCOPES.fullmatch(requested):
        raise GrantRequestRefused("invalid_scope", "The scope is not well-formed.")
    scopes = frozenset(requested.split(" "))
    if not scopes <= allowed:
        raise GrantRequestRefused("invalid_scope", "The scope asks for more than can be granted.")
    return scopes


def claims_of_verified(token: str) -> AccessClaims:
    """
    The claims of a token whose signature and claims have been verified already.
    """
    return AccessClaims.model_validate_json(base64url_decode(token.split(".")[1]))
