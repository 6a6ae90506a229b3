"""
The identity service's public keys, held here so that a token is verified without asking it.

Keys are renewed in the background once they are 300 s old and still serve
while the identity service is away, until they are an hour old. A key id that
nobody knows is asked for at once, so that a rotation needs no restart, but at
most every 10 s, so that made-up ids cannot hammer the identity service.

A set that could be read is the truth: what it does not list is retired. An
entry that is no Ed25519 signature key is passed over, and the others count.
"""

import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Annotated, Final, Literal

import structlog
from jwt.utils import base64url_decode
from pydantic import BaseModel, ConfigDict, Field, JsonValue, ValidationError

from servicekit.auth.keys import KEY_ID, PublicKey, UnknownKey
from servicekit.auth.renewal import Renewal
from servicekit.errors import ServiceUnavailable

FRESH_FOR_S: Final = 300.0
USABLE_FOR_S: Final = 3600.0
COOLDOWN_S: Final = 10.0

FetchJwks = Callable[[], Awaitable[bytes | Mapping[str, object]]]

log = structlog.get_logger()


class JwksKeys:
    """
    The keys at ``/.well-known/jwks.json``, as ``fetch`` gets them; a KeySource.
    """

    def __init__(
        self,
        fetch: FetchJwks,
        *,
        now: Callable[[], float] = time.monotonic,
        fresh_for_s: float = FRESH_FOR_S,
        usable_for_s: float = USABLE_FOR_S,
        cooldown_s: float = COOLDOWN_S,
        on_failure: Callable[[], object] = lambda: None,
    ) -> None:
        async def fetch_keys() -> Mapping[str, PublicKey]:
            return keys_of(await fetch())

        self._renewal = Renewal(fetch_keys, name="jwks", now=now, on_failure=on_failure)
        self._fresh_for_s = fresh_for_s
        self._usable_for_s = usable_for_s
        self._cooldown_s = cooldown_s

    @property
    def age_s(self) -> float:
        """
        Seconds since the keys were asked for; infinite before there are any.
        """
        return self._renewal.age_s

    async def key(self, kid: str) -> PublicKey:
        """
        The key named ``kid``.

        Raises UnknownKey where a current set does not list it, and ServiceUnavailable where
        the identity service is away and what is known of its keys does not answer the question.
        """
        if self._renewal.age_s >= self._fresh_for_s:
            await self._renew()
        found = self._known(kid)
        if found is None:
            await self._renewal.attempt(at_most_every_s=self._cooldown_s)
            found = self._known(kid)
        if found is None:
            if self._renewal.is_failing:
                raise self._unavailable()
            raise UnknownKey
        return found

    async def aclose(self) -> None:
        """
        End a fetch in progress.
        """
        await self._renewal.aclose()

    async def _renew(self) -> None:
        if self._renewal.age_s < self._usable_for_s:
            self._renewal.begin()
            return
        await self._renewal.attempt()
        if self._renewal.age_s >= self._usable_for_s:
            raise self._unavailable()

    def _known(self, kid: str) -> PublicKey | None:
        return None if self._renewal.value is None else self._renewal.value.get(kid)

    def _unavailable(self) -> ServiceUnavailable:
        return ServiceUnavailable("the identity service", retry_after_s=self._renewal.retry_after_s)


class _KeySet(BaseModel):
    """
    A JSON Web Key Set (RFC 7517) whose entries are yet to be looked at, one by one.
    """

    model_config = ConfigDict(frozen=True, hide_input_in_errors=True)

    keys: list[JsonValue]


class _Ed25519Key(BaseModel):
    """
    An entry that signs our tokens: an Ed25519 key (RFC 8037) for signatures and nothing else.
    """

    model_config = ConfigDict(frozen=True, hide_input_in_errors=True)

    kty: Literal["OKP"]
    crv: Literal["Ed25519"]
    kid: Annotated[str, Field(pattern=f"^{KEY_ID.pattern}$")]
    x: Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{43}$")]
    use: Literal["sig"] = "sig"
    alg: Literal["EdDSA", "Ed25519"] = "EdDSA"
    #: A set that publishes a private key has given that key away.
    d: None = None


def keys_of(document: bytes | Mapping[str, object]) -> dict[str, PublicKey]:
    """
    The usable keys of a key set by their ids; raises ValueError where it is no key set at all.
    """
    if isinstance(document, bytes):
        listed = _KeySet.model_validate_json(document).keys
    else:
        listed = _KeySet.model_validate(document).keys
    keys: dict[str, PublicKey] = {}
    ambiguous: set[str] = set()
    for entry in listed:
        if (usable := _usable(entry)) is None:
            continue
        kid, key = usable
        if keys.setdefault(kid, key) != key:
            ambiguous.add(kid)
    _tell_of_ignored(len(listed) - len(keys) + len(ambiguous))
    return {kid: key for kid, key in keys.items() if kid not in ambiguous}


def _usable(entry: JsonValue) -> tuple[str, PublicKey] | None:
    try:
        jwk = _Ed25519Key.model_validate(entry)
        return jwk.kid, PublicKey.from_public_bytes(base64url_decode(jwk.x))
    except (ValidationError, ValueError):
        return None


def _tell_of_ignored(ignored: int) -> None:
    if ignored:
        log.warning("auth.jwks_keys_ignored", ignored=ignored)
