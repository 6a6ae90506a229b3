"""
Service clients and their secrets.

A secret is 256 random bits (one given from outside has at least 32 characters),
so a plain SHA-256 of it cannot be searched, and checking one costs nothing.
"""

import hashlib
import hmac
import re
import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from servicekit.errors import InvalidRequest, Problem

MIN_SECRET_LENGTH = 32
MAX_SECRET_LENGTH = 256
MAX_PERMISSIONS = 50
CLIENT_SCOPES = frozenset({"read", "write", "admin"})

_CLIENT_ID = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?")
_PERMISSION = re.compile(r"[a-z][a-z0-9_-]{0,30}:[a-z][a-z0-9_-]{0,30}")
#: What reads the same whether or not it is percent-encoded in an Authorization header.
_SECRET = re.compile(r"[A-Za-z0-9._~=/-]+")
#: Compared against where there is no such client, so that both cases take the same time.
_NOBODYS_HASH = "0" * 64


@dataclass(frozen=True, slots=True)
class ServiceClient:
    """
    A service that may fetch tokens in its own name. Two secrets are good while one is replaced.
    """

    id: str
    description: str
    secret_hash: str
    previous_secret_hash: str | None
    previous_secret_until: datetime | None
    scopes: frozenset[str]
    permissions: frozenset[str]
    is_disabled: bool
    created_at: datetime
    updated_at: datetime


def new_secret() -> str:
    """
    256 random bits as text.
    """
    return secrets.token_urlsafe(32)


def secret_hash(secret: str) -> str:
    """
    What is stored of a secret.
    """
    return hashlib.sha256(secret.encode(errors="surrogatepass")).hexdigest()


def is_secret_of(client: ServiceClient | None, secret: str, now: datetime) -> bool:
    """
    Whether ``secret`` opens ``client`` at this moment; the answer takes the same time for nobody.
    """
    given = secret_hash(secret)
    is_current = hmac.compare_digest(given, client.secret_hash if client else _NOBODYS_HASH)
    previous = client.previous_secret_hash if client else None
    is_previous = hmac.compare_digest(given, previous or _NOBODYS_HASH)
    if client is None or client.is_disabled:
        return False
    until = client.previous_secret_until
    return is_current or (is_previous and until is not None and now < until)


def is_client_id(text: str) -> bool:
    """
    Whether ``text`` can be the id of a client at all.
    """
    return _CLIENT_ID.fullmatch(text) is not None


def checked_client_id(client_id: str) -> str:
    """
    The id of a new client.
    """
    if not is_client_id(client_id):
        raise _wrong("id", "must have 1 to 63 of a-z, 0-9 and - between them")
    return client_id


def checked_secret(secret: str) -> str:
    """
    A secret that was made outside and is long enough to be kept as a plain hash.
    """
    if not MIN_SECRET_LENGTH <= len(secret) <= MAX_SECRET_LENGTH or not _SECRET.fullmatch(secret):
        raise _wrong(
            "secret",
            f"must have {MIN_SECRET_LENGTH} to {MAX_SECRET_LENGTH} characters of A-Z a-z 0-9 . _ ~ = / -",
        )
    return secret


def checked_permissions(permissions: Iterable[str]) -> frozenset[str]:
    """
    Permissions of the form ``what:deed``.
    """
    checked = frozenset(permissions)
    if len(checked) > MAX_PERMISSIONS or not all(map(_PERMISSION.fullmatch, checked)):
        raise _wrong("permissions", f"must be at most {MAX_PERMISSIONS} of the form what:deed")
    return checked


def checked_scopes(scopes: Iterable[str]) -> frozenset[str]:
    """
    Scopes that a client can be given.
    """
    checked = frozenset(scopes)
    if not checked or not checked <= CLIENT_SCOPES:
        raise _wrong("scopes", f"must be some of {', '.join(sorted(CLIENT_SCOPES))}")
    return checked


def _wrong(field: str, problem: str) -> InvalidRequest:
    return InvalidRequest(problems=[Problem(field=f"body.{field}", problem=problem)])
