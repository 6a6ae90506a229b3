"""
What people are told while identity is away, slow, broken, or somebody else.
"""

import json
from collections.abc import Mapping

import httpx
import pytest
from gateway_app import HOME, bearer, client_of, running, shared_secret
from scripted_identity import scripted_identity

from gateway.settings import Settings

API = "/api/v1"
ACCOUNT = {
    "id": "u-1",
    "userName": "anna",
    "displayName": "Anna",
    "email": None,
    "roles": ["shopper"],
    "disabled": False,
    "createdAt": "2026-01-01T12:00:00Z",
    "updatedAt": "2026-01-01T12:00:00Z",
}
TOKENS = {"access_token": "a.b.c", "token_type": "bearer", "expires_in": 900, "scope": "read"}
FORM = {"grant_type": "password", "username": "anna", "password": "secret-password"}


async def sign_in(
    settings: Settings, headers: Mapping[str, str] | None = None, *, address: str = HOME
) -> httpx.Response:
    """
    Whatever a sign-in answers.
    """
    async with running(settings) as app, client_of(app, address=address, headers=headers) as http:
        return await http.post(f"{API}/auth/token", data=FORM)


async def ask_who(settings: Settings, headers: Mapping[str, str] | None = None) -> httpx.Response:
    """
    Whatever the question who one is answers.
    """
    async with (
        running(settings) as app,
        client_of(app, headers={**bearer(), **(headers or {})}) as http,
    ):
        return await http.get(f"{API}/users/me")


async def test_identity_away_is_502_for_both() -> None:
    """
    Nobody listens there: 502 in our shape, without an address.
    """
    settings = shared_secret()

    answers = [await sign_in(settings), await ask_who(settings)]

    for answer in answers:
        assert (answer.status_code, answer.json()["error"]["code"]) == (502, "UPSTREAM_ERROR")
        assert "127.0.0.1" not in answer.text


async def test_identity_that_hangs_is_504_in_the_callers_time() -> None:
    """
    A caller with 300 ms is told after 300 ms; a sign-in may have been done all the same.
    """
    brief = {"X-Request-Deadline-Ms": "300"}
    async with scripted_identity(None) as identity:
        settings = shared_secret(identity_service_url=identity.url)
        token, who = await sign_in(settings, brief), await ask_who(settings, brief)

    assert (token.status_code, who.status_code) == (504, 504)
    assert token.json()["error"]["code"] == who.json()["error"]["code"] == "DEADLINE_EXCEEDED"


@pytest.mark.parametrize(
    "body",
    [
        b"<html>",
        b"",
        b"[]",
        b"null",
        json.dumps(TOKENS | {"access_token": "two words"}).encode(),
        json.dumps(TOKENS | {"access_token": None}).encode(),
        json.dumps(TOKENS | {"token_type": "mac"}).encode(),
        json.dumps(TOKENS | {"expires_in": -1}).encode(),
        json.dumps(TOKENS | {"refresh_token": "line\nbreak"}).encode(),
        json.dumps({name: value for name, value in TOKENS.items() if name != "scope"}).encode(),
    ],
)
async def test_tokens_that_are_none_are_502(body: bytes) -> None:
    """
    What identity says in no form of tokens is not passed on.
    """
    async with scripted_identity(200, body) as identity:
        answer = await sign_in(shared_secret(identity_service_url=identity.url))

    assert (answer.status_code, answer.json()["error"]["code"]) == (502, "UPSTREAM_ERROR")
    assert identity.calls == 1


@pytest.mark.parametrize(
    "changed",
    [{"id": ""}, {"roles": "admin"}, {"createdAt": "yesterday"}, {"createdAt": "2026-01-01T12:00"}],
)
async def test_an_account_that_is_none_is_502(changed: dict[str, object]) -> None:
    """
    What identity says in no form of an account is not passed on.
    """
    async with scripted_identity(200, json.dumps(ACCOUNT | changed).encode()) as identity:
        answer = await ask_who(shared_secret(identity_service_url=identity.url))

    assert (answer.status_code, answer.json()["error"]["code"]) == (502, "UPSTREAM_ERROR")


async def test_what_identity_says_beyond_it_is_not_told() -> None:
    """
    A field that the gateway does not know stays behind it.
    """
    body = json.dumps(ACCOUNT | {"passwordHash": "x"}).encode()
    async with scripted_identity(200, body) as identity:
        answer = await ask_who(shared_secret(identity_service_url=identity.url))

    assert answer.json() == ACCOUNT


@pytest.mark.parametrize("status", [500, 503])
async def test_a_sign_in_is_sent_once(status: int) -> None:
    """
    A failed sign-in is not repeated: it may have been counted, and a refresh token is good once.
    """
    async with scripted_identity(status) as identity:
        answer = await sign_in(shared_secret(identity_service_url=identity.url))

    assert answer.status_code == 502
    assert identity.calls == 1


async def test_the_question_who_one_is_is_asked_again() -> None:
    """
    It is a read: a 503 is worth a second attempt.
    """
    async with scripted_identity(503) as identity:
        answer = await ask_who(shared_secret(identity_service_url=identity.url))

    assert answer.status_code == 502
    assert identity.calls > 1


async def test_a_broken_identity_is_left_alone_after_five_failures() -> None:
    """
    Then it is 503 CIRCUIT_OPEN with Retry-After at once, /health says so, and the way to its keys
    stays open.
    """
    async with scripted_identity(500) as identity:
        settings = shared_secret(identity_service_url=identity.url)
        async with running(settings) as app, client_of(app) as http:
            for _ in range(5):
                await http.post(f"{API}/auth/token", data=FORM)
            answer = await http.post(f"{API}/auth/token", data=FORM)
            upstreams = (await http.get("/health")).json()["details"]["upstreams"]

    assert (answer.status_code, answer.json()["error"]["code"]) == (503, "CIRCUIT_OPEN")
    assert 1 <= int(answer.headers["Retry-After"]) <= 60
    assert identity.calls == 5
    assert upstreams["accounts"]["state"] == "open"
    assert upstreams["identity"]["state"] == "closed"


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (401, b"<html>proxy says no</html>"),
        (401, b'{"error":"invalid_grant"}'),
        (404, b'{"error":{"code":"NOT_FOUND","message":"http://10.0.0.7 has none"}}'),
        (405, b'{"error":{"code":"METHOD_NOT_ALLOWED","message":"no"}}'),
        (403, b'{"error":{"code":"AUTH_ERROR","message":"other"}}'),
    ],
)
async def test_the_refusal_of_somebody_else_is_502(status: int, body: bytes) -> None:
    """
    Only what identity itself can say to a person is passed on.
    """
    async with scripted_identity(status, body) as identity:
        answer = await sign_in(shared_secret(identity_service_url=identity.url))

    assert (answer.status_code, answer.json()["error"]["code"]) == (502, "UPSTREAM_ERROR")
    assert "10.0.0.7" not in answer.text


@pytest.mark.parametrize(
    ("status", "code"),
    [(400, "INVALID_REQUEST"), (401, "AUTH_ERROR"), (403, "FORBIDDEN"), (422, "INVALID_REQUEST")],
)
async def test_a_refusal_is_passed_on_whole(status: int, code: str) -> None:
    """
    Status, code, sentence and facts are those of identity.
    """
    error = {"code": code, "message": "Not like this.", "details": {"error": "some_word"}}
    async with scripted_identity(status, json.dumps({"error": error}).encode()) as identity:
        answer = await sign_in(shared_secret(identity_service_url=identity.url))

    assert answer.status_code == status
    assert answer.json()["error"] == error


@pytest.mark.parametrize(("told", "answered"), [(7, "7"), (0.2, "1"), ("soon", "1"), (None, "1")])
async def test_a_throttled_sign_in_says_when_to_come_again(told: object, answered: str) -> None:
    """
    429 with Retry-After, also where identity's own is not to be read.
    """
    details = {"retryAfterSeconds": told}
    body = {"error": {"code": "RATE_LIMIT", "message": "Slowly.", "details": details}}
    async with scripted_identity(429, json.dumps(body).encode(), retry_after="1") as identity:
        answer = await sign_in(shared_secret(identity_service_url=identity.url))

    assert (answer.status_code, answer.headers["Retry-After"]) == (429, answered)
    assert identity.calls == 1


async def test_a_grant_without_a_refresh_token_is_told_as_it_is() -> None:
    """
    A field that identity leaves out is not there, rather than null.
    """
    async with scripted_identity(200, json.dumps(TOKENS).encode()) as identity:
        answer = await sign_in(shared_secret(identity_service_url=identity.url))

    assert answer.json() == TOKENS


@pytest.mark.parametrize(
    ("address", "told"),
    [
        ("203.0.113.7", "203.0.113.7"),
        ("2001:DB8::1", "2001:db8::1"),
        ("fe80::1%eth0", "fe80::1"),
        ("no address\u00e9", None),
    ],
)
async def test_identity_is_told_where_a_sign_in_comes_from(address: str, told: str | None) -> None:
    """
    The address of the caller, and nothing that is none; the form holds what its grant takes.
    """
    async with scripted_identity(200, json.dumps(TOKENS).encode()) as identity:
        settings = shared_secret(identity_service_url=identity.url)
        answer = await sign_in(settings, {"X-Forwarded-For": "198.51.100.1"}, address=address)

    assert answer.status_code == 200
    assert identity.asked[0].headers.get("X-Forwarded-For") == told
    assert identity.asked[0].headers["X-Service-Name"] == "api-gateway"
