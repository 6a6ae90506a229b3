"""
Private keys lie in the database sealed by AES-256-GCM under a key that is
derived from ``IDENTITY_KEY_SECRET``. To change the secret, start once with the
old one as ``IDENTITY_KEY_SECRET_PREVIOUS``: what it opens is sealed anew.
"""

import base64
import binascii
import os
from dataclasses import dataclass

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from identity.derivation import derived_key

_NONCE_BYTES = 12


class CannotUnseal(Exception):
    """
    Neither the present secret nor the previous one opens a key.
    """


@dataclass(frozen=True, slots=True)
class Unsealed:
    """
    An opened private key; ``is_stale`` where only the previous secret opened it.
    """

    private: Ed25519PrivateKey
    is_stale: bool


class Sealing:
    """
    Seals private keys with the present secret, and opens them with it or the previous one.
    """

    def __init__(self, secret: str, previous_secret: str | None) -> None:
        self._current = AESGCM(derived_key(secret, "signing-keys"))
        self._previous = (
            AESGCM(derived_key(previous_secret, "signing-keys")) if previous_secret else None
        )

    def seal(self, private: Ed25519PrivateKey, kid: str) -> str:
        """
        The sealed form of ``private``, bound to its ``kid``.
        """
        raw = private.private_bytes(Encoding.Raw, PrivateFormat.Raw, NoEncryption())
        nonce = os.urandom(_NONCE_BYTES)
        sealed = nonce + self._current.encrypt(nonce, raw, kid.encode())
        return base64.b64encode(sealed).decode()

    def unseal(self, sealed: str, kid: str) -> Unsealed:
        """
        The private key that was sealed for ``kid``.
        """
        opened = _opened(self._current, sealed, kid)
        if opened is not None:
            return Unsealed(opened, is_stale=False)
        if self._previous is not None:
            opened = _opened(self._previous, sealed, kid)
        if opened is None:
            raise CannotUnseal(kid)
        return Unsealed(opened, is_stale=True)


def _opened(cipher: AESGCM, sealed: str, kid: str) -> Ed25519PrivateKey | None:
    try:
        raw = base64.b64decode(sealed, validate=True)
        nonce, ciphertext = raw[:_NONCE_BYTES], raw[_NONCE_BYTES:]
        return Ed25519PrivateKey.from_private_bytes(cipher.decrypt(nonce, ciphertext, kid.encode()))
    except (InvalidTag, binascii.Error, ValueError):
        return None
