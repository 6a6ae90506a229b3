"""
Each grant of ``POST /auth/token``, its refusals, and what the tokens say.
"""

import base64

from running_identity import (
    GATEWAY,
    PASSWORDS,
    RunningIdentity,
    claims_of,
    running_identity,
    settings_for,
    tokens_of,
)

from servicekit.testing.clock import FakeClock


def _basic(credentials: bytes) -> str:
    return "Basic " + base64.b64encode(credentials).decode()


BAD_CLIENTS = (
    "Basic !!!",
    _basic(b"no-colon"),
    _basic(b"api-gateway:wrong"),
    _basic(b"API-GATEWAY:" + GATEWAY[1].encode()),
    _basic(b"nobody:x"),
    _basic(b"a\x00b:x"),
    "Digest x",
)
MALFORMED_FORMS: tuple[tuple[dict[str, str | list[str]], str], ...] = (
    ({"x": "y"}, "invalid_request"),
    ({"grant_type": "password"}, "invalid_request"),
    ({"grant_type": "password", "username": "shopper", "password": ""}, "invalid_request"),
    ({"grant_type": "password", "username": "a\x00b", "password": "x"}, "invalid_request"),
    ({"grant_type": "password", "username": "x" * 9000, "password": "x"}, "invalid_request"),
    ({"grant_type": "refresh_token"}, "invalid_request"),
    ({"grant_type": "implicit"}, "unsupported_grant_type"),
    ({"grant_type": ["password", "password"]}, "invalid_request"),
    ({f"field{i}": "x" for i in range(30)}, "invalid_request"),
)


async def test_password_gives_tokens_of_the_role(identity: RunningIdentity) -> None:
    """
    A right password gives an access token with the role's scopes, and a refresh token.
    """
    answer = await identity.password("merchant")

    assert answer.status_code == 200
    assert answer.headers["cache-control"] == "no-store"
    body = answer.json()
    assert body["token_type"] == "bearer"
    assert body["expires_in"] == 900
    assert body["scope"] == "read write"
    claims = claims_of(body["access_token"])
    assert claims["kind"] == "user"
    assert claims["roles"] == ["merchant"]
    assert claims["permissions"] == ["catalog:write"]
    assert claims["exp"] - claims["iat"] == 900


async def test_names_are_the_same_in_any_case(identity: RunningIdentity) -> None:
    """
    A user name or e-mail address is found however it is written.
    """
    for name in ("SHOPPER", "\uff53hopper", " shopper ", "Shopper@Example.com"):
        answer = await identity.password(name, PASSWORDS["shopper"])

        assert answer.status_code == 200, name


async def test_the_same_routes_stand_under_the_api_prefix(identity: RunningIdentity) -> None:
    """
    Every route is served at / and under /api/v1.
    """
    form = {"grant_type": "password", "username": "shopper", "password": PASSWORDS["shopper"]}
    answer = await identity.http.post("/api/v1/auth/token", data=form)
    me = await identity.http.get("/api/v1/users/me", headers=tokens_of(answer).bearer)

    assert me.json()["userName"] == "shopper"


async def test_scope_narrows(identity: RunningIdentity) -> None:
    """
    A token has the scopes that were asked for, and no permission to change things without write.
    """
    answer = await identity.password("merchant", scope="read")

    claims = claims_of(answer.json()["access_token"])
    assert claims["scope"] == "read"
    assert claims["permissions"] == []


async def test_scope_cannot_widen(identity: RunningIdentity) -> None:
    """
    What the role does not allow is refused, and so is what is no scope.
    """
    for scope in ("admin", "read admin", "read  write", 'a"b', "x" * 501):
        answer = await identity.password("shopper", scope=scope)

        assert answer.status_code == 400, scope
        assert answer.json()["error"]["details"]["error"] == "invalid_scope"


async def test_unknown_wrong_and_disabled_look_the_same(identity: RunningIdentity) -> None:
    """
    An answer does not tell whether an account exists.
    """
    admin = await identity.sign_in("admin")
    merchant = await identity.user_id("merchant")
    await identity.http.patch(f"/users/{merchant}", json={"disabled": True}, headers=admin.bearer)

    answers = [
        await identity.password("nobody", "some long password"),
        await identity.password("shopper", "some long password"),
        await identity.password("merchant"),
    ]

    assert {answer.status_code for answer in answers} == {401}
    assert len({str(answer.json()["error"]) for answer in answers}) == 1
    assert answers[0].json()["error"]["code"] == "AUTH_ERROR"
    assert answers[0].json()["error"]["details"]["error"] == "invalid_grant"
    assert {frozenset(answer.headers) for answer in answers} == {frozenset(answers[0].headers)}


async def test_client_credentials_by_basic_and_by_form(identity: RunningIdentity) -> None:
    """
    A service gets an access token, by either way of showing its secret, and no refresh token.
    """
    by_basic = await identity.token(grant_type="client_credentials", auth=GATEWAY)
    by_form = await identity.token(
        grant_type="client_credentials", client_id=GATEWAY[0], client_secret=GATEWAY[1]
    )

    for answer in (by_basic, by_form):
        assert answer.status_code == 200
        assert "refresh_token" not in answer.json()
        claims = claims_of(answer.json()["access_token"])
        assert claims["kind"] == "service"
        assert claims["sub"] == "api-gateway"
        assert claims["permissions"] == ["prices:quote", "stock:write"]
        assert "email" not in claims


async def test_bad_client_credentials_are_refused(seeded_url: str, clock: FakeClock) -> None:
    """
    A client that does not prove itself gets 401 with a challenge, also beside a right password.
    """
    form = {"grant_type": "password", "username": "shopper", "password": PASSWORDS["shopper"]}
    settings = settings_for(seeded_url, sign_in_account_failures=100)
    async with running_identity(settings, clock) as identity:
        for header in BAD_CLIENTS:
            answer = await identity.http.post(
                "/auth/token", data=form, headers={"Authorization": header}
            )

            assert answer.status_code == 401, header
            assert answer.headers["www-authenticate"].startswith("Basic")
            assert answer.json()["error"]["details"]["error"] == "invalid_client"


async def test_a_client_id_alone_proves_nothing(identity: RunningIdentity) -> None:
    """
    Naming a client without its secret is refused.
    """
    answer = await identity.password("shopper", client_id="api-gateway")

    assert answer.status_code == 401


async def test_an_old_bearer_token_does_not_disturb_signing_in(identity: RunningIdentity) -> None:
    """
    A stale bearer header, which some clients send along everywhere, does not block a sign-in.
    """
    form = {"grant_type": "password", "username": "shopper", "password": PASSWORDS["shopper"]}
    answer = await identity.http.post(
        "/auth/token", data=form, headers={"Authorization": "Bearer stale"}
    )

    assert answer.status_code == 200


async def test_malformed_requests_say_what_is_wrong(identity: RunningIdentity) -> None:
    """
    A request that is not one of RFC 6749 gets 400 with that RFC's code.
    """
    for form, fault in MALFORMED_FORMS:
        answer = await identity.http.post("/auth/token", data=form)

        assert answer.status_code == 400, form
        assert answer.json()["error"]["code"] == "INVALID_REQUEST"
        assert answer.json()["error"]["details"]["error"] == fault


async def test_only_forms_are_read(identity: RunningIdentity) -> None:
    """
    Another media type, or what is no UTF-8, gets 400.
    """
    form = "application/x-www-form-urlencoded"
    for content, content_type in (
        (b'{"grant_type":"password"}', "application/json"),
        (b"grant_type=%ff", form),
        (b"grant_type=\xff", form),
        (b"", ""),
    ):
        answer = await identity.http.post(
            "/auth/token", content=content, headers={"Content-Type": content_type}
        )

        assert answer.status_code == 400, content


async def test_two_ways_of_client_authentication_are_one_too_many(
    identity: RunningIdentity,
) -> None:
    """
    A client shows itself in the header or in the form (RFC 6749, section 2.3).
    """
    answer = await identity.token(
        grant_type="client_credentials", client_secret=GATEWAY[1], auth=GATEWAY
    )

    assert answer.status_code == 400


async def test_client_credentials_need_a_client(identity: RunningIdentity) -> None:
    """
    Without credentials there is nobody to give a token to.
    """
    answer = await identity.token(grant_type="client_credentials")

    assert answer.status_code == 401
