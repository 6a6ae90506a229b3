"""
Verifies access tokens on the spot: the signature, then what the token says.

PyJWT checks the form and the signature, and exactly one algorithm is ever
accepted. PyJWT takes the time from the wall clock, so the claims are checked
in ``servicekit.auth.claims``, against a clock that is injected.

A verified token is remembered by the digest of the whole token, signature
included, until it expires. It is served from memory only while its key is
still accepted, so a retired key ends what was verified with it too. Refused
tokens are not remembered: there is no end of them, and they would push out
the good ones.
"""

import hashlib
import re
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Literal, Protocol, Self

from jwt.algorithms import HMACAlgorithm
from jwt.api_jws import PyJWS
from jwt.exceptions import PyJWTError

from servicekit.auth.claims import Claims, check, claims_of
from servicekit.auth.keys import KEY_ID, KeySource, PublicKey, UnknownKey
from servicekit.auth.principals import Principal
from servicekit.auth.refusals import refused

#: How far the clocks of two machines may differ.
LEEWAY_S: Final = 5.0
MAX_TOKEN_CHARS: Final = 8192
MAX_REMEMBERED: Final = 10_000
MIN_SECRET_BYTES: Final = 32
#: What tells an access token from an ID or refresh token of the same issuer (RFC 9068).
ACCESS_TOKEN_TYPE: Final = "at+jwt"  # noqa: S105 - a media type, no password

_FORM: Final = re.compile(r"[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+")
#: Headers that would bring a key along or change what is signed: none of our tokens has them.
_FORBIDDEN_HEADERS: Final = frozenset({"b64", "crit", "jku", "jwk", "x5c", "x5u", "zip"})


class _Keys(Protocol):
    async def key(self, kid: str) -> PublicKey | bytes: ...


class _Secret:
    """
    The one key that both sides share, whatever a token calls it.
    """

    def __init__(self, secret: bytes) -> None:
        if len(secret) < MIN_SECRET_BYTES:
            raise ValueError(f"the token secret must have at least {MIN_SECRET_BYTES} bytes")
        # Raises InvalidKeyError for what is no secret: a PEM, DER, SSH or JSON Web key.
        self._secret = HMACAlgorithm(HMACAlgorithm.SHA256).prepare_key(secret)

    async def key(self, kid: str) -> bytes:  # noqa: ARG002 - there is but one
        return self._secret


@dataclass(frozen=True, slots=True)
class _Verified:
    """
    What is known of a token that was good: for how long, and by which key.
    """

    principal: Principal
    kid: str
    key: PublicKey | bytes
    begins_at: float
    expires_at: float


class TokenVerifier:
    """
    Tells who a token belongs to. Made by ``eddsa`` or ``hs256``.
    """

    def __init__(
        self,
        keys: _Keys,
        *,
        algorithm: Literal["EdDSA", "HS256"],
        issuer: str,
        audience: str,
        now: Callable[[], float],
        max_remembered: int,
    ) -> None:
        self._keys = keys
        self._algorithm: Literal["EdDSA", "HS256"] = algorithm
        self._issuer = issuer
        self._audience = audience
        self._now = now
        self._max_remembered = max_remembered
        self._jws = PyJWS(algorithms=[algorithm])
        self._remembered: OrderedDict[bytes, _Verified] = OrderedDict()

    @classmethod
    def eddsa(
        cls,
        keys: KeySource,
        *,
        issuer: str,
        audience: str,
        now: Callable[[], float] = time.time,
        max_remembered: int = MAX_REMEMBERED,
    ) -> Self:
        """
        Verifies tokens that are signed with one of ``keys`` (Ed25519) and name it in ``kid``.
        """
        return cls(
            keys,
            algorithm="EdDSA",
            issuer=issuer,
            audience=audience,
            now=now,
            max_remembered=max_remembered,
        )

    @classmethod
    def hs256(
        cls,
        secret: str | bytes,
        *,
        issuer: str,
        audience: str,
        now: Callable[[], float] = time.time,
        max_remembered: int = MAX_REMEMBERED,
    ) -> Self:
        """
        Verifies tokens that are signed with a shared secret of at least 32 bytes.

        Whoever can verify such a token can also make one.
        """
        return cls(
            _Secret(secret.encode() if isinstance(secret, str) else secret),
            algorithm="HS256",
            issuer=issuer,
            audience=audience,
            now=now,
            max_remembered=max_remembered,
        )

    async def verify(self, token: str) -> Principal:
        """
        The caller that ``token`` belongs to.

        Raises AuthError where the token is not good, and ServiceUnavailable where the keys
        that would tell are not at hand.
        """
        digest = _digest(token)
        remembered = self._remembered.get(digest)
        if remembered is not None:
            self._remembered.move_to_end(digest)
            if await self._still_holds(remembered):
                return remembered.principal
            self._remembered.pop(digest, None)
        verified = await self._verify(token)
        self._remember(digest, verified)
        return verified.principal

    async def _still_holds(self, verified: _Verified) -> bool:
        # Without leeway: at either edge the full verification decides.
        if not verified.begins_at <= self._now() < verified.expires_at:
            return False
        try:
            return await self._keys.key(verified.kid) == verified.key
        except UnknownKey:
            return False

    def _remember(self, digest: bytes, verified: _Verified) -> None:
        self._remembered[digest] = verified
        if len(self._remembered) > self._max_remembered:
            self._remembered.popitem(last=False)

    async def _verify(self, token: str) -> _Verified:
        kid = self._key_id(token)
        try:
            key = await self._keys.key(kid)
        except UnknownKey:
            raise refused("key_unknown") from None
        claims = claims_of(self._payload(token, key))
        check(
            claims,
            issuer=self._issuer,
            audience=self._audience,
            now=self._now(),
            leeway_s=LEEWAY_S,
        )
        return _verified(claims, kid, key)

    def _key_id(self, token: str) -> str:
        """
        The key that the token names, once its header is one that an access token of ours has.
        """
        if not _FORM.fullmatch(token):
            raise refused("malformed")
        try:
            header = self._jws.get_unverified_header(token)
        except PyJWTError:
            raise refused("malformed") from None
        if header.get("alg") != self._algorithm:
            raise refused("algorithm")
        if header.get("typ") != ACCESS_TOKEN_TYPE:
            raise refused("type")
        if not _FORBIDDEN_HEADERS.isdisjoint(header):
            raise refused("header")
        if self._algorithm == "HS256":
            return ""
        if not KEY_ID.fullmatch(header.get("kid", "")):
            raise refused("kid")
        return str(header["kid"])

    def _payload(self, token: str, key: PublicKey | bytes) -> bytes:
        try:
            payload: bytes = self._jws.decode(token, key, algorithms=[self._algorithm])
        except PyJWTError:
            raise refused("signature") from None
        return payload


def _digest(token: str) -> bytes:
    if len(token) > MAX_TOKEN_CHARS:
        raise refused("too_long")
    try:
        return hashlib.sha256(token.encode("ascii")).digest()
    except UnicodeEncodeError:
        raise refused("malformed") from None


def _verified(claims: Claims, kid: str, key: PublicKey | bytes) -> _Verified:
    return _Verified(claims.principal(), kid, key, claims.begins_at, claims.exp)
