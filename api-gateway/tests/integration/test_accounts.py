"""
People sign in, stay signed in, sign out and ask who they are, through the gateway and by the real identity service.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import httpx
import pytest
from gateway_app import ELSEWHERE, HOME, client_of, running, settings_for
from running_identity import CHEAP, GATEWAY, PASSWORDS, prepare
from running_identity import settings_for as identity_settings
from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware

from gateway.settings import Settings
from identity.main import create_app
from servicekit.testing import serve
from servicekit.testing.fixtures import DatabaseCopy

API = "/api/v1"


@dataclass(frozen=True, slots=True)
class Shop:
    """
    The gateway as two customers reach it, and where identity is.
    """

    http: httpx.AsyncClient
    elsewhere: httpx.AsyncClient
    settings: Settings

    async def sign_in(self, password: str = PASSWORDS["shopper"]) -> httpx.Response:
        """
        Whatever the shopper's sign-in answers.
        """
        return await sign_in(self.http, password)

    async def refresh(self, refresh_token: str) -> httpx.Response:
        """
        Whatever a refresh answers.
        """
        body = {"refresh_token": refresh_token}
        return await self.http.post(f"{API}/auth/refresh", json=body)

    async def me(self, access_token: str) -> httpx.Response:
        """
        Whatever the question who one is answers.
        """
        header = {"Authorization": f"Bearer {access_token}"}
        return await self.http.get(f"{API}/users/me", headers=header)

    async def revoke(self, **form: str) -> httpx.Response:
        """
        Whatever a sign-out answers.
        """
        return await self.http.post(f"{API}/auth/revoke", data=form)


async def sign_in(http: httpx.AsyncClient, password: str) -> httpx.Response:
    """
    Whatever the shopper's sign-in answers at this place.
    """
    form = {"grant_type": "password", "username": "shopper", "password": password}
    return await http.post(f"{API}/auth/token", data=form)


@asynccontextmanager
async def shop_on(database_url: str, **changed: object) -> AsyncIterator[Shop]:
    """
    Identity, which believes what the gateway says of addresses, and the gateway before it.
    """
    identity = create_app(identity_settings(database_url, **changed), hash_cost=CHEAP)
    # As servicekit.serving.server puts it there for TRUSTED_PROXIES=127.0.0.1.
    believing = ProxyHeadersMiddleware(identity, trusted_hosts=["127.0.0.1"])  # type: ignore[arg-type]  # uvicorn's own types of ASGI
    async with serve(believing) as url:  # type: ignore[arg-type]  # as above
        settings = settings_for(identity_service_url=url)
        async with (
            running(settings) as app,
            client_of(app, address=HOME) as http,
            client_of(app, address=ELSEWHERE) as elsewhere,
        ):
            yield Shop(http, elsewhere, settings)


@pytest.fixture
def seeded_url(sqlite_copy: DatabaseCopy) -> str:
    """
    A database of the identity service with the demo's users.
    """
    return sqlite_copy("identity", prepare)


@pytest.fixture
async def shop(seeded_url: str) -> AsyncIterator[Shop]:
    """
    Both services.
    """
    async with shop_on(seeded_url) as both:
        yield both


async def test_a_shopper_signs_in_and_is_told_who_they_are(shop: Shop) -> None:
    """
    A password gives tokens, which no cache may keep; with the access token one is known.
    """
    signed_in = await shop.sign_in()
    tokens = signed_in.json()
    me = await shop.me(tokens["access_token"])

    assert signed_in.status_code == 200
    assert signed_in.headers["Cache-Control"] == "no-store"
    assert set(tokens) == {"access_token", "token_type", "expires_in", "refresh_token", "scope"}
    assert (tokens["token_type"], tokens["scope"]) == ("bearer", "read write")
    assert me.status_code == 200
    assert me.headers["Cache-Control"] == "no-store"
    assert (me.json()["userName"], me.json()["roles"]) == ("shopper", ["shopper"])


async def test_the_account_is_told_as_identity_tells_it(shop: Shop) -> None:
    """
    Field by field, the gateway's answer is identity's.
    """
    token = (await shop.sign_in()).json()["access_token"]
    header = {"Authorization": f"Bearer {token}"}
    async with httpx.AsyncClient(
        base_url=shop.settings.identity_service_url, timeout=30
    ) as identity:
        there = await identity.get("/users/me", headers=header)

    assert (await shop.me(token)).json() == there.json()


async def test_a_refresh_gives_the_next_tokens_either_way(shop: Shop) -> None:
    """
    The address of its own and the form of OAuth do the same; each token is good once.
    """
    first = (await shop.sign_in()).json()["refresh_token"]

    second = await shop.refresh(first)
    form = {"grant_type": "refresh_token", "refresh_token": second.json()["refresh_token"]}
    third = await shop.http.post(f"{API}/auth/token", data=form)

    assert (second.status_code, third.status_code) == (200, 200)
    assert second.headers["Cache-Control"] == third.headers["Cache-Control"] == "no-store"
    assert (await shop.me(third.json()["access_token"])).status_code == 200


async def test_a_refresh_token_that_comes_back_ends_its_sign_in(shop: Shop) -> None:
    """
    Somebody else has it: 401 invalid_grant, and neither the newest nor the access token is good.
    """
    first = (await shop.sign_in()).json()["refresh_token"]
    second = (await shop.refresh(first)).json()

    reused = await shop.refresh(first)

    assert (reused.status_code, reused.json()["error"]["code"]) == (401, "AUTH_ERROR")
    assert reused.json()["error"]["details"] == {"error": "invalid_grant"}
    assert (await shop.refresh(second["refresh_token"])).status_code == 401
    assert (await shop.me(second["access_token"])).status_code == 401


async def test_a_wrong_password_is_refused_as_identity_refuses_it(shop: Shop) -> None:
    """
    401 with OAuth's word for it, and nothing of whether there is such an account.
    """
    wrong = await shop.sign_in("a wrong password")
    form = {"grant_type": "password", "username": "nobody", "password": "a wrong password"}
    unknown = await shop.http.post(f"{API}/auth/token", data=form)

    assert wrong.status_code == unknown.status_code == 401
    assert wrong.json()["error"] == unknown.json()["error"]
    assert wrong.json()["error"]["details"] == {"error": "invalid_grant"}
    assert wrong.headers["WWW-Authenticate"] == "Bearer"


async def test_who_fails_too_often_waits_and_nobody_else_does(seeded_url: str) -> None:
    """
    Identity counts by the customer's address, not by the gateway's: 429 with Retry-After there,
    while the account's owner, who has signed in elsewhere before, still can.
    """
    async with shop_on(
        seeded_url, sign_in_account_failures=2, sign_in_first_pause_seconds=60
    ) as shop:
        assert (await sign_in(shop.elsewhere, PASSWORDS["shopper"])).status_code == 200
        for _ in range(2):
            assert (await shop.sign_in("a wrong password")).status_code == 401

        refused = await shop.sign_in()
        owner = await sign_in(shop.elsewhere, PASSWORDS["shopper"])

    assert (refused.status_code, refused.json()["error"]["code"]) == (429, "RATE_LIMIT")
    assert 1 <= int(refused.headers["Retry-After"]) <= 60
    assert owner.status_code == 200


async def test_a_crowd_at_one_address_keeps_nobody_else_out(seeded_url: str) -> None:
    """
    Failures at many names from one address make that address wait, and no other.
    """
    async with shop_on(
        seeded_url, sign_in_address_failures=2, sign_in_first_pause_seconds=60
    ) as shop:
        for name in ("merchant", "admin"):
            form = {"grant_type": "password", "username": name, "password": "wrong"}
            assert (await shop.http.post(f"{API}/auth/token", data=form)).status_code == 401

        here = await shop.sign_in()
        there = await sign_in(shop.elsewhere, PASSWORDS["shopper"])

    assert (here.status_code, there.status_code) == (429, 200)


async def test_an_address_cannot_be_made_up(seeded_url: str) -> None:
    """
    What a customer writes into X-Forwarded-For does not reach identity.
    """
    async with shop_on(
        seeded_url, sign_in_address_failures=2, sign_in_first_pause_seconds=60
    ) as shop:
        statuses = []
        for number in range(3):
            shop.http.headers["X-Forwarded-For"] = f"198.51.100.{number}"
            form = {"grant_type": "password", "username": f"u-{number}", "password": "wrong"}
            statuses.append((await shop.http.post(f"{API}/auth/token", data=form)).status_code)

    assert statuses == [401, 401, 429]


async def test_signing_out_ends_the_sign_in(shop: Shop) -> None:
    """
    A revoked refresh token takes its access token with it; an unknown token is no error.
    """
    tokens = (await shop.sign_in()).json()

    ended = await shop.revoke(token=tokens["refresh_token"])
    unknown = await shop.revoke(token="never-was-one")

    assert (ended.status_code, ended.content, unknown.status_code) == (200, b"", 200)
    assert ended.headers["Cache-Control"] == "no-store"
    assert (await shop.refresh(tokens["refresh_token"])).status_code == 401
    assert (await shop.me(tokens["access_token"])).status_code == 401


async def test_an_old_bearer_token_does_not_stand_in_the_way(shop: Shop) -> None:
    """
    Whoever signs in, refreshes or signs out may still send what has run out.
    """
    refresh_token = (await shop.sign_in()).json()["refresh_token"]
    shop.http.headers["Authorization"] = "Bearer long-gone"

    statuses = [
        (await shop.sign_in()).status_code,
        (await shop.refresh(refresh_token)).status_code,
        (await shop.revoke(token="x")).status_code,
        (await shop.http.get(f"{API}/users/me")).status_code,
    ]

    assert statuses == [200, 200, 200, 401]


@pytest.mark.parametrize(
    ("form", "fault"),
    [
        ({"grant_type": "client_credentials"}, "unsupported_grant_type"),
        ({"grant_type": "authorization_code"}, "unsupported_grant_type"),
        ({"grant_type": ""}, "invalid_request"),
        ({}, "invalid_request"),
        ({"grant_type": "password", "username": "shopper"}, "invalid_request"),
        ({"grant_type": "refresh_token"}, "invalid_request"),
    ],
)
async def test_a_form_that_asks_for_no_such_thing_is_400(
    shop: Shop, form: dict[str, str], fault: str
) -> None:
    """
    With OAuth's word for what is wrong, whoever finds it, the gateway or identity.
    """
    answer = await shop.http.post(f"{API}/auth/token", data=form)

    assert answer.status_code == 400, answer.text
    assert answer.json()["error"]["code"] == "INVALID_REQUEST"
    assert answer.json()["error"]["details"]["error"] == fault


async def test_a_services_secret_opens_nothing_here(shop: Shop) -> None:
    """
    Service clients get their tokens from identity itself; at the gateway a good secret is refused.
    """
    form = {
        "grant_type": "client_credentials",
        "client_id": GATEWAY[0],
        "client_secret": GATEWAY[1],
    }
    by_form = await shop.http.post(f"{API}/auth/token", data=form)
    by_basic = await shop.http.post(f"{API}/auth/token", data=form, auth=GATEWAY)

    assert (by_form.status_code, by_basic.status_code) == (400, 400)


@pytest.mark.parametrize(
    ("content_type", "body"),
    [
        ("application/json", b'{"grant_type":"password"}'),
        ("application/x-www-form-urlencoded", b"grant_type=password&grant_type=password"),
        ("application/x-www-form-urlencoded", b"grant_type=password&username=%ff"),
        ("application/x-www-form-urlencoded", b"grant_type=password&username=a%00b"),
        ("application/x-www-form-urlencoded", b"grant_type=password&username=" + b"a" * 9000),
        ("application/x-www-form-urlencoded", b"&".join(b"f%d=1" % n for n in range(30))),
    ],
)
async def test_what_is_no_good_form_is_400(shop: Shop, content_type: str, body: bytes) -> None:
    """
    JSON, fields that stand twice, bytes that are no text and floods of fields reach nobody behind.
    """
    for path in ("/auth/token", "/auth/revoke"):
        answer = await shop.http.post(
            f"{API}{path}", content=body, headers={"Content-Type": content_type}
        )
        assert answer.status_code == 400, path


async def test_scope_can_be_narrowed(shop: Shop) -> None:
    """
    A sign-in for reading only is passed on as such; more than one may have is 400 invalid_scope.
    """
    form = {"grant_type": "password", "username": "shopper", "password": PASSWORDS["shopper"]}
    narrow = await shop.http.post(f"{API}/auth/token", data=form | {"scope": "read"})
    wide = await shop.http.post(f"{API}/auth/token", data=form | {"scope": "admin"})

    assert narrow.json()["scope"] == "read"
    assert (wide.status_code, wide.json()["error"]["details"]["error"]) == (400, "invalid_scope")


async def test_guests_and_services_have_no_account(shop: Shop) -> None:
    """
    Without a token it is 401, with a service's 403: neither is asked of identity.
    """
    guest = await shop.http.get(f"{API}/users/me")
    async with httpx.AsyncClient(
        base_url=shop.settings.identity_service_url, timeout=30
    ) as identity:
        issued = await identity.post(
            "/auth/token", data={"grant_type": "client_credentials"}, auth=GATEWAY
        )
    service = await shop.me(issued.json()["access_token"])

    assert (guest.status_code, service.status_code) == (401, 403)
