"""
Tokens between real services: an identity service's keys and tokens over real connections.
"""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass

import httpx
import orjson
import pytest
from fastapi import APIRouter, FastAPI, WebSocket
from sample_service import settings
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import Message

from servicekit.app import create_service
from servicekit.auth import (
    JwksKeys,
    ServiceToken,
    StaticKeys,
    TokenVerifier,
    current_principal,
    requires,
)
from servicekit.errors import UpstreamFailed
from servicekit.testing.clock import FakeClock
from servicekit.testing.polling import eventually
from servicekit.testing.serving import serve
from servicekit.testing.tokens import AUDIENCE, ISSUER, TokenIssuer


class Identity:
    """
    A stand-in for the identity service: it publishes keys, and gives services their tokens.
    """

    def __init__(self) -> None:
        self.issuers = [TokenIssuer("key-1")]
        self.jwks_asked = 0
        self.is_away = False
        self.app = Starlette(
            routes=[
                Route("/.well-known/jwks.json", self._jwks),
                Route("/auth/token", self._token, methods=["POST"]),
            ]
        )

    async def _jwks(self, _request: Request) -> Response:
        self.jwks_asked += 1
        if self.is_away:
            return Response(status_code=503)
        return JSONResponse({"keys": [issuer.jwk for issuer in self.issuers]})

    async def _token(self, _request: Request) -> Response:
        token = self.issuers[-1].token(
            sub="gateway", kind="service", scope="", permissions=["stock:write"]
        )
        return JSONResponse({"access_token": token, "token_type": "Bearer", "expires_in": 900})


@dataclass(frozen=True, slots=True)
class Town:
    """
    An identity service and a service that trusts it, both being served.
    """

    identity: Identity
    clock: FakeClock
    identity_client: httpx.AsyncClient
    client: httpx.AsyncClient

    async def get(self, path: str, authorization: str | None = None) -> httpx.Response:
        headers = {} if authorization is None else {"Authorization": authorization}
        return await self.client.get(path, headers=headers)


def routes() -> APIRouter:
    router = APIRouter()

    @router.get("/products", dependencies=[requires("read")])
    async def products() -> dict[str, str | None]:
        return {"caller": current_principal().user_id}

    @router.get("/orders", dependencies=[requires("write")])
    async def orders() -> dict[str, str | None]:
        return {"caller": current_principal().user_id}

    @router.get("/stock", dependencies=[requires(kinds=("service",), permission="stock:write")])
    async def stock() -> dict[str, str | None]:
        return {"caller": current_principal().user_id}

    @router.websocket("/live", dependencies=[requires("write")])
    async def live(websocket: WebSocket) -> None:
        await websocket.accept()
        await websocket.send_text(str(current_principal().user_id))
        await websocket.close()

    return router


def service(verifier: TokenVerifier) -> FastAPI:
    return create_service(
        settings(anonymous_scopes="read"),
        title="Service",
        description="For tests.",
        verifier=verifier,
        routers=[routes()],
    )


@pytest.fixture
async def town() -> AsyncIterator[Town]:
    identity, clock = Identity(), FakeClock()
    async with (
        serve(identity.app) as identity_url,
        httpx.AsyncClient(base_url=identity_url, timeout=30) as identity_client,
    ):

        async def fetch() -> bytes:
            answer = await identity_client.get("/.well-known/jwks.json")
            if answer.status_code != 200:
                raise UpstreamFailed("identity")
            return answer.content

        keys = JwksKeys(fetch, now=clock.monotonic)
        verifier = TokenVerifier.eddsa(keys, issuer=ISSUER, audience=AUDIENCE)
        async with (
            serve(service(verifier)) as url,
            httpx.AsyncClient(base_url=url, timeout=30) as client,
        ):
            yield Town(identity, clock, identity_client, client)
        await keys.aclose()


def bearer(token: str) -> str:
    return f"Bearer {token}"


async def test_callers_get_what_they_may_have(town: Town) -> None:
    """
    Guests read, users write, a bad token opens nothing, and each refusal says what to do.
    """
    issuer = town.identity.issuers[0]
    reader = bearer(issuer.token(sub="reader", scope="read"))
    writer = bearer(issuer.token(sub="writer"))
    refresh = bearer(issuer.token(header={"typ": "rt+jwt"}))

    assert (await town.get("/products")).json() == {"caller": None}
    assert (await town.get("/orders")).status_code == 401
    assert (await town.get("/orders", writer)).json() == {"caller": "writer"}
    assert (await town.get("/products", refresh)).status_code == 401
    assert (await town.get("/health/live", refresh)).status_code == 200

    refused = await town.get("/orders", reader)
    assert refused.status_code == 403
    assert refused.json()["error"]["details"] == {"needs": "scope write"}


async def test_callers_do_not_see_each_other(town: Town) -> None:
    """
    Under many callers at once each request is served in the name of its own caller.
    """
    issuer = town.identity.issuers[0]
    tokens = {f"user-{n}": bearer(issuer.token(sub=f"user-{n}")) for n in range(20)}

    async def asks(user: str) -> bool:
        answer = await town.get("/orders", tokens[user])
        return bool(answer.json() == {"caller": user})

    assert all(await asyncio.gather(*(asks(user) for user in [*tokens] * 5)))
    assert town.identity.jwks_asked == 1


async def test_keys_rotate_without_a_restart(town: Town) -> None:
    """
    A new key is accepted with its first token; the old key's tokens end when it is retired.
    """
    old = town.identity.issuers[0]
    token = bearer(old.token())
    assert (await town.get("/orders", token)).status_code == 200

    new = TokenIssuer("key-2")
    town.identity.issuers.append(new)
    town.clock.advance(11)
    assert (await town.get("/orders", bearer(new.token()))).status_code == 200
    assert (await town.get("/orders", token)).status_code == 200

    town.identity.issuers.remove(old)
    town.clock.advance(300)

    async def is_refused() -> bool:
        return (await town.get("/orders", token)).status_code == 401

    await eventually(is_refused)
    assert (await town.get("/orders", bearer(new.token()))).status_code == 200


async def test_the_service_serves_on_while_identity_is_away(town: Town) -> None:
    """
    Known keys serve for an hour without the identity service, then signed-in callers get 503.
    """
    token = bearer(town.identity.issuers[0].token())
    await town.get("/orders", token)
    town.identity.is_away = True

    town.clock.advance(3599)
    assert (await town.get("/orders", token)).status_code == 200

    town.clock.advance(1)
    refused = await town.get("/orders", token)
    assert refused.status_code == 503
    assert refused.json()["error"]["code"] == "SERVICE_UNAVAILABLE"
    assert int(refused.headers["Retry-After"]) >= 1
    assert (await town.get("/products")).status_code == 200


async def test_a_service_shows_its_own_token(town: Town) -> None:
    """
    What only services may do is done with a service's token, and refused to a user.
    """

    async def fetch() -> bytes:
        return (await town.identity_client.post("/auth/token")).content

    own_token = ServiceToken(fetch)

    assert (await town.get("/stock", await own_token())).json() == {"caller": "gateway"}
    user = town.identity.issuers[0].token(scope="read write admin", permissions=["stock:write"])
    assert (await town.get("/stock", bearer(user))).status_code == 403
    assert (await town.get("/stock")).status_code == 401


async def handshake(app: FastAPI, *headers: tuple[bytes, bytes]) -> list[Message]:
    """
    What ``app`` sends to a websocket client; the server of the tests speaks none.
    """
    sent: list[Message] = []

    async def receive() -> Message:
        return {"type": "websocket.connect"}

    async def send(message: Message) -> None:
        sent.append(message)

    scope = {
        "type": "websocket",
        "path": "/live",
        "raw_path": b"/live",
        "query_string": b"",
        "headers": [*headers],
        "subprotocols": [],
        "extensions": {"websocket.http.response": {}},
    }
    await app(scope, receive, send)
    return sent


async def test_websockets_are_guarded() -> None:
    """
    A handshake is answered 401 for a bad token and for a guest who may not, and served otherwise.
    """
    issuer = TokenIssuer()
    app = service(
        TokenVerifier.eddsa(
            StaticKeys({issuer.kid: issuer.public_key}), issuer=ISSUER, audience=AUDIENCE
        )
    )

    for refused in (await handshake(app, (b"authorization", b"Bearer x")), await handshake(app)):
        assert (refused[0]["type"], refused[0]["status"]) == ("websocket.http.response.start", 401)
        assert orjson.loads(refused[1]["body"])["error"]["code"] == "AUTH_ERROR"

    served = await handshake(app, (b"authorization", bearer(issuer.token(sub="u-1")).encode()))
    assert [message["type"] for message in served] == [
        "websocket.accept",
        "websocket.send",
        "websocket.close",
    ]
    assert served[1]["text"] == "u-1"
