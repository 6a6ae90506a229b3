"""
Turns claims into a signed token, with the key that signs now or with a shared secret.
"""

from collections.abc import Mapping
from typing import Protocol

import jwt
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from pydantic import JsonValue

from identity.keys.service import SigningKeys
from servicekit.auth import ACCESS_TOKEN_TYPE


class Signature:
    """
    A key in hand: signing with it waits for nothing.
    """

    def __init__(
        self, key: Ed25519PrivateKey | str, *, algorithm: str, kid: str | None = None
    ) -> None:
        self._key = key
        self._algorithm = algorithm
        self._headers = {"typ": ACCESS_TOKEN_TYPE} | ({"kid": kid} if kid else {})

    def sign(self, claims: Mapping[str, JsonValue]) -> str:
        """
        The compact token.
        """
        return jwt.encode(
            dict(claims), self._key, algorithm=self._algorithm, headers=dict(self._headers)
        )


class Signer(Protocol):
    """
    Knows what tokens are signed with now.
    """

    async def signature(self) -> Signature:
        """
        The key to sign the next token with.
        """
        ...


class KeySigner:
    """
    Signs with the keys of the database (EdDSA).
    """

    def __init__(self, keys: SigningKeys) -> None:
        self._keys = keys

    async def signature(self) -> Signature:
        """
        The key whose turn it is.
        """
        kid, private = await self._keys.signing()
        return Signature(private, algorithm="EdDSA", kid=kid)


class SecretSigner:
    """
    Signs with the secret that all services share (HS256).
    """

    def __init__(self, secret: str) -> None:
        self._signature = Signature(secret, algorithm="HS256")

    async def signature(self) -> Signature:
        """
        The secret.
        """
        return self._signature
