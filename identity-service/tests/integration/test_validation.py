"""
``POST /auth/validate`` and ``POST /auth/revoke``: no token that is bad in any way passes.
"""

import base64
import json

from running_identity import (
    GATEWAY,
    INVENTORY,
    PASSWORDS,
    RunningIdentity,
    claims_of,
    tokens_of,
)

from servicekit.testing.tokens import TokenIssuer, encoded, hs256_token, signed


async def test_a_good_token_tells_its_principal(identity: RunningIdentity) -> None:
    """
    The principal of a user's and of a service's token is told.
    """
    tokens = await identity.sign_in("admin")
    user = await identity.validate(tokens.access)
    service = await identity.validate(await identity.client_token())

    assert user.status_code == service.status_code == 200
    assert user.headers["cache-control"] == "no-store"
    assert user.json() == {
        "user_id": claims_of(tokens.access)["sub"],
        "kind": "user",
        "email": "admin@example.com",
        "roles": ["admin"],
        "permissions": ["catalog:write"],
        "scopes": ["admin", "read", "write"],
    }
    assert service.json()["kind"] == "service"
    assert service.json()["user_id"] == "api-gateway"


async def test_forged_tokens_are_refused(identity: RunningIdentity) -> None:
    """
    No algorithm, another key, a public key used as a secret, a changed claim: all are 401.
    """
    good = (await identity.sign_in("shopper")).access
    head, payload, signature = good.split(".")
    claims = claims_of(good)
    jwk = (await identity.http.get("/.well-known/jwks.json")).json()["keys"][0]
    public = base64.urlsafe_b64decode(jwk["x"] + "=")
    stranger = TokenIssuer(jwk["kid"], now=identity.clock.time)
    promoted = encoded(json.dumps(claims | {"scope": "read write admin"}).encode())
    typed = {"alg": "EdDSA", "kid": jwk["kid"], "typ": "JWT"}
    forged = {
        "none": signed({"alg": "none", "typ": "at+jwt"}, claims, lambda _: b""),
        "secret": hs256_token(public, now=identity.clock.time(), **claims),
        "stranger": stranger.token(**claims),
        "changed": f"{head}.{promoted}.{signature}",
        "unsigned": f"{head}.{payload}.",
        "id token": signed(typed, claims, stranger.sign),
        "own key": stranger.token(header={"jwk": stranger.jwk}, **claims),
        "nothing": "x",
    }

    for name, token in forged.items():
        assert (await identity.validate(token)).status_code == 401, name
    assert (await identity.validate(good)).status_code == 200


async def test_without_a_token_nothing_is_valid(identity: RunningIdentity) -> None:
    """
    No token, two headers, another scheme: 401.
    """
    answers = [
        await identity.http.post("/auth/validate"),
        await identity.http.post("/auth/validate", headers={"Authorization": "Basic eDp4"}),
        await identity.http.post(
            "/auth/validate", headers=[("Authorization", "Bearer a"), ("Authorization", "Bearer b")]
        ),
    ]

    assert [answer.status_code for answer in answers] == [401, 401, 401]


async def test_a_token_expires(identity: RunningIdentity) -> None:
    """
    After fifteen minutes and the leeway a token is not good any more.
    """
    tokens = await identity.sign_in("shopper")
    identity.clock.advance(899)
    before = await identity.validate(tokens.access)
    identity.clock.advance(10)

    assert before.status_code == 200
    assert (await identity.validate(tokens.access)).status_code == 401


async def test_a_revoked_access_token_is_refused(identity: RunningIdentity) -> None:
    """
    Revoking an access token ends that one, and the sign-in goes on.
    """
    tokens = await identity.sign_in("shopper")
    revoked = await identity.http.post("/auth/revoke", data={"token": tokens.access})

    assert revoked.status_code == 200
    assert (await identity.validate(tokens.access)).status_code == 401
    assert (await identity.http.get("/users/me", headers=tokens.bearer)).status_code == 401
    assert (await identity.refresh(tokens.refresh)).status_code == 200


async def test_a_revoked_refresh_token_ends_the_sign_in(identity: RunningIdentity) -> None:
    """
    Signing out ends the refresh token and the access tokens of the same sign-in.
    """
    tokens = await identity.sign_in("shopper")
    form = {"token": tokens.refresh, "token_type_hint": "access_token"}
    revoked = await identity.http.post("/api/v1/auth/revoke", data=form)

    assert revoked.status_code == 200
    assert (await identity.refresh(tokens.refresh)).status_code == 401
    assert (await identity.validate(tokens.access)).status_code == 401


async def test_revoking_nothing_is_fine(identity: RunningIdentity) -> None:
    """
    An unknown, forged or repeated token is answered 200; a malformed request is not.
    """
    tokens = await identity.sign_in("shopper")
    for token in ("unknown", "a.b.c", tokens.access, tokens.access, tokens.refresh, tokens.refresh):
        answer = await identity.http.post("/auth/revoke", data={"token": token})
        assert answer.status_code == 200, token

    assert (await identity.http.post("/auth/revoke", data={"x": "y"})).status_code == 400
    assert (await identity.http.post("/auth/revoke", json={})).status_code == 400


async def test_only_the_holding_client_revokes(identity: RunningIdentity) -> None:
    """
    A token that was issued to a client is revoked by that client only, and nobody learns of it.
    """
    form = {"grant_type": "password", "username": "shopper", "password": PASSWORDS["shopper"]}
    tokens = tokens_of(await identity.http.post("/auth/token", data=form, auth=GATEWAY))
    for token in (tokens.refresh, tokens.access):
        for auth in (None, INVENTORY):
            answer = await identity.http.post(
                "/auth/revoke",
                data={"token": token}
                | ({"client_id": auth[0], "client_secret": auth[1]} if auth else {}),
            )
            assert answer.status_code == 200

    assert (await identity.validate(tokens.access)).status_code == 200
    revoked = await identity.http.post("/auth/revoke", data={"token": tokens.refresh}, auth=GATEWAY)
    assert revoked.status_code == 200
    assert (await identity.validate(tokens.access)).status_code == 401


async def test_a_removed_or_disabled_client_is_refused(identity: RunningIdentity) -> None:
    """
    The token of a client that is disabled or gone is not good, and it gets no other.
    """
    admin = await identity.sign_in("admin")
    gateway = await identity.client_token(GATEWAY)
    inventory = await identity.client_token(INVENTORY)
    await identity.http.patch("/clients/api-gateway", json={"disabled": True}, headers=admin.bearer)
    await identity.http.delete("/clients/inventory-service", headers=admin.bearer)

    for token, auth in ((gateway, GATEWAY), (inventory, INVENTORY)):
        assert (await identity.validate(token)).status_code == 401
        answer = await identity.token(grant_type="client_credentials", auth=auth)
        assert answer.status_code == 401


async def test_a_removed_user_is_refused(identity: RunningIdentity) -> None:
    """
    Neither token of a user who is gone is good.
    """
    admin = await identity.sign_in("admin")
    tokens = await identity.sign_in("shopper")
    shopper_id = claims_of(tokens.access)["sub"]
    removed = await identity.http.delete(f"/users/{shopper_id}", headers=admin.bearer)

    assert removed.status_code == 204
    assert (await identity.validate(tokens.access)).status_code == 401
    assert (await identity.refresh(tokens.refresh)).status_code == 401
