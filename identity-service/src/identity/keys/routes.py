"""
``/.well-known/jwks.json`` for everybody, ``/keys`` for admins.
"""

from collections.abc import Callable
from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Response
from pydantic import BaseModel, ConfigDict, Field, JsonValue
from pydantic.alias_generators import to_camel

from identity.errors import SharedSecret
from identity.keys.models import KeyRing, KeyState, SigningKey
from identity.keys.service import RotationReason, SigningKeys
from identity.settings import JWKS_MAX_AGE_S
from servicekit.auth import PUBLIC, requires
from servicekit.openapi import error_responses

_EXAMPLE_KEY: dict[str, JsonValue] = {
    "kid": "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k",
    "generation": 1,
    "state": "signing",
    "createdAt": "2026-01-01T12:00:00Z",
    "signsFrom": "2026-01-01T12:00:00Z",
    "retiresAt": None,
    "withdrawnAt": None,
}


class Jwk(BaseModel):
    """
    A public key (RFC 8037).
    """

    kty: str
    crv: str
    x: str
    kid: str
    use: str
    alg: str


class Jwks(BaseModel):
    """
    The keys that tokens may be signed with (RFC 7517). Empty where a secret is shared instead.
    """

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "keys": [
                        {
                            "kty": "OKP",
                            "crv": "Ed25519",
                            "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo",
                            "kid": "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k",
                            "use": "sig",
                            "alg": "EdDSA",
                        }
                    ]
                }
            ]
        }
    )

    keys: list[Jwk]


class KeyResponse(BaseModel):
    """
    A signing key and where it is in its life.
    """

    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True)

    kid: str
    generation: int
    state: KeyState
    created_at: datetime
    signs_from: datetime
    retires_at: datetime | None
    withdrawn_at: datetime | None


class KeysResponse(BaseModel):
    """
    All keys, newest first.
    """

    model_config = ConfigDict(json_schema_extra={"examples": [{"items": [_EXAMPLE_KEY]}]})

    items: list[KeyResponse]


class Rotation(BaseModel):
    """
    Why keys are rotated.
    """

    model_config = ConfigDict(extra="forbid")

    compromised: Annotated[
        bool,
        Field(
            description="A key has leaked: all keys are withdrawn at once, and with them every "
            "access token that is out; the new one signs at once."
        ),
    ] = False


def keys_router(prefix: str, keys: SigningKeys | None, *, now: Callable[[], datetime]) -> APIRouter:
    """
    The routes, below ``prefix``; ``keys`` is None where a secret is shared.
    """
    router = APIRouter(prefix=prefix, tags=["keys"])
    admin = [requires("admin")]
    refusals = error_responses(SharedSecret())

    @router.get(
        "/.well-known/jwks.json",
        summary="The public keys that verify access tokens",
        dependencies=[PUBLIC],
    )
    async def jwks(response: Response) -> Jwks:
        response.headers["Cache-Control"] = f"public, max-age={JWKS_MAX_AGE_S}"
        published = await keys.published() if keys else ()
        return Jwks(keys=[Jwk(**key.jwk()) for key in published])

    @router.get("/keys", summary="All signing keys and their states", dependencies=admin)
    async def every() -> KeysResponse:
        return _response(await keys.load(), now()) if keys else KeysResponse(items=[])

    @router.post(
        "/keys",
        summary="Add the next signing key, unless one is waiting already",
        status_code=201,
        dependencies=admin,
        responses=refusals,
    )
    async def add() -> KeysResponse:
        return _response(await _existing(keys).rotate(reason="asked"), now())

    @router.post(
        "/keys/rotate",
        summary="Let the next signing key take over, at once where keys have leaked",
        dependencies=admin,
        responses=refusals,
    )
    async def rotate(rotation: Rotation | None = None) -> KeysResponse:
        is_compromised = rotation is not None and rotation.compromised
        reason: RotationReason = "compromised" if is_compromised else "asked"
        return _response(await _existing(keys).rotate(reason=reason), now())

    return router


def _existing(keys: SigningKeys | None) -> SigningKeys:
    if keys is None:
        raise SharedSecret
    return keys


def _response(ring: KeyRing, now: datetime) -> KeysResponse:
    return KeysResponse(items=[_key(key, ring, now) for key in reversed(ring.keys)])


def _key(key: SigningKey, ring: KeyRing, now: datetime) -> KeyResponse:
    return KeyResponse(
        kid=key.kid,
        generation=key.generation,
        state=ring.state_of(key, now),
        created_at=key.created_at,
        signs_from=key.signs_from,
        retires_at=key.retires_at,
        withdrawn_at=key.withdrawn_at,
    )
