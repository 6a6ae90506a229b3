"""
Keys for single purposes, all derived from ``IDENTITY_KEY_SECRET``.

HKDF (RFC 5869) gives each purpose a key of its own, so that what is sealed for
one cannot be used for another.
"""

import hmac

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF


def derived_key(secret: str, purpose: str) -> bytes:
    """
    The 256-bit key of ``purpose``.
    """
    info = f"storefront-identity/{purpose}/v1".encode()
    return HKDF(algorithm=SHA256(), length=32, salt=None, info=info).derive(secret.encode())


class Pseudonyms:
    """
    Keyed hashes that stand for names and addresses where those must not be kept.
    """

    def __init__(self, secret: str) -> None:
        self._key = derived_key(secret, "pseudonyms")

    def of(self, kind: str, *parts: str) -> str:
        """
        The pseudonym of ``parts``; the same text has different ones under different kinds.
        """
        text = "\x1f".join((kind, *parts))
        return hmac.digest(self._key, text.encode(errors="surrogatepass"), "sha256").hex()
