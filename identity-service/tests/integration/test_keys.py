"""
Signing keys: made once, rotated without a restart, sealed in the database.
"""

import asyncio
from collections.abc import Mapping
from typing import Any

import pytest
from jwt import get_unverified_header
from pydantic import SecretStr
from running_identity import (
    CHEAP,
    KEY_SECRET,
    RunningIdentity,
    claims_of,
    running_identity,
    settings_for,
)
from sqlalchemy import select, update

from identity.errors import SealedKeys
from identity.tables import signing_keys
from identity.wiring import Services, build_services
from servicekit import migrations
from servicekit.auth import JwksKeys, TokenVerifier
from servicekit.errors import AuthError
from servicekit.testing.clock import FakeClock
from servicekit.testing.fixtures import DatabaseCopy

DAY_S = 86_400
#: Publication delay, access token's life, reload and clock skew: KEY_* and ACCESS_TOKEN_* defaults.
DELAY_S, LIFE_S, MARGIN_S = 900, 900, 90


async def jwks(identity: RunningIdentity) -> list[str]:
    """
    The ids of the published keys.
    """
    answer = await identity.http.get("/.well-known/jwks.json")
    return [key["kid"] for key in answer.json()["keys"]]


async def signs(identity: RunningIdentity) -> str:
    """
    The id of the key that signs a token now.
    """
    kid: str = get_unverified_header(await identity.client_token())["kid"]
    return kid


def verifier_of(identity: RunningIdentity) -> TokenVerifier:
    """
    A service's verifier, which knows the identity service's keys from its key set.
    """

    async def fetch() -> Mapping[str, object]:
        document: dict[str, Any] = (await identity.http.get("/.well-known/jwks.json")).json()
        return document

    return TokenVerifier.eddsa(
        JwksKeys(fetch, now=identity.clock.monotonic),
        issuer="storefront-identity",
        audience="storefront",
        now=identity.clock.time,
    )


async def test_the_key_set_holds_public_halves_only(identity: RunningIdentity) -> None:
    """
    Keys are OKP keys of RFC 8037, may be cached, and tell nothing private.
    """
    answer = await identity.http.get("/api/v1/.well-known/jwks.json")

    assert answer.headers["cache-control"] == "public, max-age=300"
    (key,) = answer.json()["keys"]
    assert set(key) == {"kty", "crv", "x", "kid", "use", "alg"}
    assert (key["kty"], key["crv"], key["alg"]) == ("OKP", "Ed25519", "EdDSA")
    assert get_unverified_header(await identity.client_token()) == {
        "alg": "EdDSA",
        "typ": "at+jwt",
        "kid": key["kid"],
    }


async def test_keys_rotate_without_a_restart(identity: RunningIdentity) -> None:
    """
    A new key is published, then signs, and the old one goes when its last token has expired;
    a verifier that knows the key set accepts every token all along.
    """
    verifier = verifier_of(identity)
    admin = await identity.sign_in("admin")
    old = await signs(identity)

    rotated = await identity.http.post("/keys/rotate", headers=admin.bearer)
    new = rotated.json()["items"][0]["kid"]
    assert [item["state"] for item in rotated.json()["items"]] == ["upcoming", "signing"]
    assert await jwks(identity) == [old, new]
    assert await signs(identity) == old
    last_of_old = await identity.client_token()
    await verifier.verify(last_of_old)

    identity.clock.advance(DELAY_S)
    assert await signs(identity) == new
    assert await jwks(identity) == [old, new]
    await verifier.verify(await identity.client_token())

    identity.clock.advance(LIFE_S + MARGIN_S)
    assert await jwks(identity) == [new]
    with pytest.raises(AuthError):
        await verifier.verify(last_of_old)


async def test_asking_twice_adds_one_key(identity: RunningIdentity) -> None:
    """
    While a key is waiting to sign, asking again adds none.
    """
    admin = (await identity.sign_in("admin")).bearer
    first = await identity.http.post("/keys", headers=admin)
    second = await identity.http.post("/keys/rotate", json={}, headers=admin)

    assert first.status_code == 201
    assert first.json() == second.json()
    assert (await identity.http.get("/keys", headers=admin)).json() == first.json()


async def test_a_leaked_key_is_withdrawn_at_once(seeded_url: str, clock: FakeClock) -> None:
    """
    After a rotation for a leak no replica signs with the old key, publishes or accepts it.
    """
    settings = settings_for(seeded_url)
    async with (
        running_identity(settings, clock) as one,
        running_identity(settings, clock) as other,
    ):
        old = await signs(one)
        tokens = await one.sign_in("shopper")
        admin = await one.sign_in("admin")
        answer = await one.http.post(
            "/keys/rotate", json={"compromised": True}, headers=admin.bearer
        )
        states = [item["state"] for item in answer.json()["items"]]

        assert states == ["signing", "withdrawn"]
        assert old not in await jwks(one)
        assert (await one.validate(tokens.access)).status_code == 401
        assert await signs(one) == await signs(other) != old
        clock.advance(30)
        assert old not in await jwks(other)
        assert (await other.validate(tokens.access)).status_code == 401
        # The sign-in itself goes on: refresh tokens are not signed.
        assert (await other.refresh(tokens.refresh)).status_code == 200


async def test_keys_rotate_by_the_calendar(identity: RunningIdentity, seeded_url: str) -> None:
    """
    After thirty days a replica adds a key; the private half of a retired one is erased.
    """
    services = _services(seeded_url, identity.clock)
    async with services.opened():
        assert services.keys is not None
        await services.keys.rotate_if_due()
        assert len(await jwks(identity)) == 1
        identity.clock.advance(30 * DAY_S)
        await services.keys.rotate_if_due()
        await services.keys.rotate_if_due()
        assert len(await jwks(identity)) == 2

        assert await services.keys.erase_retired() == 0
        identity.clock.advance(DELAY_S + LIFE_S + MARGIN_S)
        assert await services.keys.erase_retired() == 1
        assert len(await jwks(identity)) == 1
        assert claims_of(await identity.client_token())["kind"] == "service"


async def test_another_replicas_key_is_accepted_at_once(seeded_url: str, clock: FakeClock) -> None:
    """
    A token that names a key which a replica has not read yet makes it read the keys.
    """
    settings = settings_for(seeded_url)
    async with (
        running_identity(settings, clock) as one,
        running_identity(settings, clock) as other,
    ):
        assert len(await jwks(other)) == 1
        admin = await one.sign_in("admin")
        answer = await one.http.post(
            "/keys/rotate", json={"compromised": True}, headers=admin.bearer
        )
        assert answer.status_code == 200
        clock.advance(1)
        tokens = await one.sign_in("shopper")

        assert (await other.validate(tokens.access)).status_code == 200


async def test_replicas_that_start_together_make_one_key(database_copy: DatabaseCopy) -> None:
    """
    However many replicas start at the same moment on an empty database, there is one key.
    """
    url = database_copy("identity_empty", lambda u: migrations.migrate(u, "identity"))
    replicas = [_services(url, FakeClock()) for _ in range(6)]

    async def start(services: Services) -> str:
        async with services.opened():
            assert services.keys is not None
            kid, _ = await services.keys.signing()
            return kid

    assert len({*await asyncio.gather(*(start(services) for services in replicas))}) == 1


async def test_replicas_that_rotate_together_add_one_key(seeded_url: str) -> None:
    """
    When the calendar says so, all replicas want the next key, and one is added.
    """
    clock = FakeClock()
    replicas = [_services(seeded_url, clock) for _ in range(6)]
    clock.advance(30 * DAY_S)

    async def rotate(services: Services) -> int:
        async with services.opened():
            assert services.keys is not None
            await services.keys.rotate_if_due()
            return len(await services.keys.published())

    assert {*await asyncio.gather(*(rotate(services) for services in replicas))} == {2}


async def test_a_leak_that_is_told_twice_at_once_is_dealt_with(seeded_url: str) -> None:
    """
    Concurrent urgent rotations leave one key, newer than all that may have leaked.
    """
    services = _services(seeded_url, FakeClock())
    async with services.opened():
        keys = services.keys
        assert keys is not None
        await asyncio.gather(*(keys.rotate(reason="compromised") for _ in range(3)))

        assert len(await keys.published()) == 1


async def test_the_secret_can_be_changed(seeded_url: str, clock: FakeClock) -> None:
    """
    With the old secret as the previous one keys are sealed anew; without it the start is refused.
    """
    new = SecretStr("another secret of the tests, also long")
    both = {
        "identity_key_secret": new,
        "identity_key_secret_previous": SecretStr(KEY_SECRET),
    }
    with pytest.raises(SealedKeys):
        async with _services(seeded_url, clock, identity_key_secret=new).opened():
            pass
    async with running_identity(settings_for(seeded_url, **both), clock) as identity:
        tokens = await identity.sign_in("shopper")
    async with running_identity(
        settings_for(seeded_url, identity_key_secret=new), clock
    ) as identity:
        assert (await identity.validate(tokens.access)).status_code == 200
        await identity.sign_in("shopper")


async def test_private_keys_are_bound_to_their_row(seeded_url: str, clock: FakeClock) -> None:
    """
    A sealed key that is moved to another id does not open.
    """
    services = _services(seeded_url, clock)
    async with services.opened():
        assert services.keys is not None
        await services.keys.rotate(reason="compromised")
        async with services.database.write() as connection:
            query = select(signing_keys).where(signing_keys.c.sealed_private.is_not(None))
            row = (await connection.execute(query)).one()
            assert row.public not in row.sealed_private.encode()
            await connection.execute(
                update(signing_keys).where(signing_keys.c.generation == 2).values(kid="x")
            )
    with pytest.raises(SealedKeys):
        async with _services(seeded_url, clock).opened():
            pass


async def test_sessions_survive_a_restart(seeded_url: str, clock: FakeClock) -> None:
    """
    What was issued before a restart is good after it.
    """
    async with running_identity(settings_for(seeded_url), clock) as identity:
        tokens = await identity.sign_in("shopper")
    async with running_identity(settings_for(seeded_url), clock) as identity:
        assert (await identity.validate(tokens.access)).status_code == 200
        assert (await identity.refresh(tokens.refresh)).status_code == 200


async def test_a_shared_secret_has_no_keys(seeded_url: str, clock: FakeClock) -> None:
    """
    Under HS256 tokens are signed with the secret, the key set is empty, and nothing rotates.
    """
    secret = "a shared secret of at least 32 bytes"
    settings = settings_for(seeded_url, jwt_algorithm="HS256", jwt_secret_key=SecretStr(secret))
    async with running_identity(settings, clock) as identity:
        admin = await identity.sign_in("admin")
        verifier = TokenVerifier.hs256(
            secret, issuer="storefront-identity", audience="storefront", now=clock.time
        )

        assert (await verifier.verify(admin.access)).roles == {"admin"}
        assert (await identity.validate(admin.access)).status_code == 200
        assert await jwks(identity) == []
        assert (await identity.http.get("/keys", headers=admin.bearer)).json() == {"items": []}
        assert (await identity.http.post("/keys", headers=admin.bearer)).status_code == 409
        assert (await identity.http.post("/keys/rotate", headers=admin.bearer)).status_code == 409


def _services(url: str, clock: FakeClock, **changed: object) -> Services:
    return build_services(settings_for(url, **changed), now=clock.now, hash_cost=CHEAP)
