"""
An issuer of access tokens for tests: real keys and signatures, without an identity service.

It writes tokens by hand, so that a test can also get one that no library would make.
"""

import base64
import hashlib
import hmac
import json
import time
import uuid
from collections.abc import Callable, Collection, Mapping
from typing import Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from pydantic import JsonValue

from servicekit.auth import ACCESS_TOKEN_TYPE, PublicKey

ISSUER: Final = "https://identity.test"
AUDIENCE: Final = "storefront"
LIFETIME_S: Final = 900

Claims = Mapping[str, JsonValue]


class TokenIssuer:
    """
    Signs with a key of its own, named ``kid``.
    """

    def __init__(self, kid: str = "key-1", *, now: Callable[[], float] = time.time) -> None:
        self.kid = kid
        self._now = now
        self._key = Ed25519PrivateKey.generate()

    @property
    def public_key(self) -> PublicKey:
        """
        What verifies this issuer's tokens.
        """
        return self._key.public_key()

    @property
    def jwk(self) -> dict[str, JsonValue]:
        """
        The public key as an entry of a JSON Web Key Set.
        """
        return {
            "kty": "OKP",
            "crv": "Ed25519",
            "use": "sig",
            "alg": "EdDSA",
            "kid": self.kid,
            "x": encoded(self.public_key.public_bytes_raw()),
        }

    def token(
        self, *, header: Claims | None = None, without: Collection[str] = (), **claims: JsonValue
    ) -> str:
        """
        A good access token of a user, with what is given changed or left out.
        """
        return signed(
            {"alg": "EdDSA", "typ": ACCESS_TOKEN_TYPE, "kid": self.kid} | dict(header or {}),
            access_claims(self._now(), claims, without=without),
            self.sign,
        )

    def sign(self, content: bytes) -> bytes:
        """
        The bare signature.
        """
        return self._key.sign(content)


def hs256_token(secret: bytes, *, now: float, **claims: JsonValue) -> str:
    """
    A good access token that is signed with a shared secret.
    """
    return signed(
        {"alg": "HS256", "typ": ACCESS_TOKEN_TYPE},
        access_claims(now, claims),
        lambda content: hmac.digest(secret, content, hashlib.sha256),
    )


def access_claims(
    now: float, changed: Claims | None = None, *, without: Collection[str] = ()
) -> dict[str, JsonValue]:
    """
    What an access token of a user says, with what is given changed or left out.
    """
    claims: dict[str, JsonValue] = {
        "iss": ISSUER,
        "aud": AUDIENCE,
        "sub": "user-1",
        "iat": int(now),
        "exp": int(now) + LIFETIME_S,
        "jti": str(uuid.uuid4()),
        "kind": "user",
        "scope": "read write",
    }
    claims.update(changed or {})
    return {name: value for name, value in claims.items() if name not in without}


def signed(header: Claims, payload: Claims | bytes, sign: Callable[[bytes], bytes]) -> str:
    """
    The compact form (RFC 7515) of whatever is given.
    """
    body = payload if isinstance(payload, bytes) else _json(payload)
    content = f"{encoded(_json(header))}.{encoded(body)}"
    return f"{content}.{encoded(sign(content.encode()))}"


def encoded(content: bytes) -> str:
    """
    Base64url without padding.
    """
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()


def _json(content: Claims) -> bytes:
    return json.dumps(content, separators=(",", ":")).encode()
