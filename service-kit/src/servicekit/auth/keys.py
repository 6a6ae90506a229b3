"""
Where the public keys come from that tokens are verified with.
"""

import re
from collections.abc import Mapping
from typing import Final, Protocol

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

PublicKey = Ed25519PublicKey

#: The form of a key id: short, and harmless in a log.
KEY_ID: Final = re.compile(r"[A-Za-z0-9._-]{1,64}")


class UnknownKey(Exception):
    """
    No key of this id is accepted now: it never was one of ours, or it is retired.
    """


class KeySource(Protocol):
    """
    Knows the keys that are accepted now.
    """

    async def key(self, kid: str) -> PublicKey:
        """
        The key named ``kid``; raises UnknownKey, or ServiceUnavailable where that cannot be told.
        """
        ...


class StaticKeys:
    """
    Keys that are at hand: those of the identity service itself, or a test's.

    The mapping is read at each call, so its owner rotates keys by changing it.
    """

    def __init__(self, keys: Mapping[str, PublicKey]) -> None:
        self._keys = keys

    async def key(self, kid: str) -> PublicKey:
        """
        The key named ``kid``, or UnknownKey.
        """
        found = self._keys.get(kid)
        if found is None:
            raise UnknownKey
        return found
