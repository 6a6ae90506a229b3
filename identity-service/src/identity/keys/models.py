"""
Signing keys take turns.

A new key is *published* at once and *signs* after a delay, when every verifier
has fetched it. The key before it stays published until the last token that it
signed has expired; then it is *retired* and its private half is erased. A key
that has leaked is *withdrawn*: it is published no more, and its successor signs
at once. Keys are numbered by generation, and the number is unique, so that two
replicas which want to add the next key at the same moment add one.
"""

import base64
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

KeyState = Literal["upcoming", "signing", "retiring", "retired", "withdrawn"]

#: Replicas' clocks may differ by this much, and so may those of verifiers.
CLOCK_SKEW = timedelta(seconds=60)


@dataclass(frozen=True, slots=True)
class KeyPolicy:
    """
    When keys change, and how long others may need to notice.
    """

    rotate_every: timedelta
    publication_delay: timedelta
    token_life: timedelta
    reload_every: timedelta


@dataclass(frozen=True, slots=True)
class SigningKey:
    """
    One Ed25519 key pair. ``sealed_private`` is None once the private half is erased.
    """

    kid: str
    generation: int
    public: bytes
    sealed_private: str | None
    created_at: datetime
    signs_from: datetime
    retires_at: datetime | None = None
    withdrawn_at: datetime | None = None

    def is_published(self, now: datetime) -> bool:
        """
        Verifiers should accept what this key has signed.
        """
        if self.withdrawn_at is not None:
            return False
        return self.retires_at is None or now < self.retires_at

    def jwk(self) -> dict[str, str]:
        """
        The public half as RFC 8037 writes it.
        """
        return {
            "kty": "OKP",
            "crv": "Ed25519",
            "x": _base64url(self.public),
            "kid": self.kid,
            "use": "sig",
            "alg": "EdDSA",
        }


@dataclass(frozen=True, slots=True)
class KeyRing:
    """
    All keys, oldest generation first.
    """

    keys: tuple[SigningKey, ...]

    @classmethod
    def of(cls, keys: Sequence[SigningKey]) -> "KeyRing":
        """
        The ring of ``keys``, in whatever order they come.
        """
        return cls(tuple(sorted(keys, key=lambda key: key.generation)))

    @property
    def next_generation(self) -> int:
        """
        The number of the key that would be added next.
        """
        return self.keys[-1].generation + 1 if self.keys else 1

    def signing(self, now: datetime) -> SigningKey | None:
        """
        The key that signs now: the newest whose time has come.

        Where no time has come yet, because another replica's clock is ahead, it is the oldest.
        """
        published = self.published(now)
        ready = [key for key in published if key.signs_from <= now]
        return ready[-1] if ready else next(iter(published), None)

    def upcoming(self, now: datetime) -> SigningKey | None:
        """
        The key that is published and will sign later, if there is one.
        """
        signing = self.signing(now)
        waiting = [k for k in self.published(now) if k.signs_from > now and k != signing]
        return waiting[-1] if waiting else None

    def published(self, now: datetime) -> tuple[SigningKey, ...]:
        """
        The keys that verifiers should know.
        """
        return tuple(key for key in self.keys if key.is_published(now))

    def state_of(self, key: SigningKey, now: datetime) -> KeyState:
        """
        Where ``key`` is in its life.
        """
        if key.withdrawn_at is not None:
            return "withdrawn"
        if not key.is_published(now):
            return "retired"
        if key == self.signing(now):
            return "signing"
        return "upcoming" if key.signs_from > now else "retiring"

    def is_rotation_due(self, now: datetime, policy: KeyPolicy) -> bool:
        """
        The newest key has served its time, or there is none that could sign.
        """
        if self.upcoming(now) is not None:
            return False
        signing = self.signing(now)
        return signing is None or now >= signing.signs_from + policy.rotate_every

    def signs_from(self, now: datetime, policy: KeyPolicy, *, is_urgent: bool) -> datetime:
        """
        When a key that is added now starts to sign: at once where no other can.
        """
        if is_urgent or self.signing(now) is None:
            return now
        return now + policy.publication_delay


def retirement_of_predecessors(signs_from: datetime, policy: KeyPolicy) -> datetime:
    """
    When the last token signed by an older key has expired, on every clock.
    """
    return signs_from + policy.token_life + policy.reload_every + CLOCK_SKEW


def key_id(public: bytes) -> str:
    """
    The thumbprint of a public key (RFC 7638 with the members of RFC 8037).
    """
    members = f'{{"crv":"Ed25519","kty":"OKP","x":"{_base64url(public)}"}}'
    return _base64url(hashlib.sha256(members.encode()).digest())


def public_bytes(private: Ed25519PrivateKey) -> bytes:
    """
    The 32 bytes of the public half.
    """
    return private.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)


def _base64url(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()
