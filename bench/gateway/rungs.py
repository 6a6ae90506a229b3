"""
``python -m bench.gateway.rungs RUNG serve``: the gateway up to one step of a request's way.

``server``: an ASGI application without anything, answering the same bytes on our server. ``edge``: a lean
route behind the whole edge. ``catalog``: the whole gateway, before services in its own process that answer
after a millisecond without a socket.
"""

import asyncio
import sys
from collections.abc import Callable, Mapping
from typing import Final

from fastapi import APIRouter, FastAPI, Response
from starlette.types import ASGIApp, Receive, Scope, Send

from bench.stubs import Stub, inventory, pricing
from gateway.main import create_app
from gateway.settings import Settings
from servicekit.app import Service as Application
from servicekit.app import create_service
from servicekit.auth import TokenVerifier, requires
from servicekit.commands import Service, main
from servicekit.http.answer import Headers, Received
from servicekit.http.call import Call
from servicekit.lean import Finished, lean
from servicekit.outside import Outside

PRODUCTS: Final = 1_000
_ANSWER_AFTER_S: Final = 0.001
_BODY: Final = b"x" * 370
_HEADERS: Final = [
    (b"content-length", b"370"),
    (b"content-type", b"application/json"),
    (b"etag", b'"0123456789abcdef01234567"'),
    (b"cache-control", b"no-cache"),
]
_IDS: Final = [
    (b"x-correlation-id", b"0b0f7f2e-6a30-4c5e-9a52-9d1f3c2a7b11"),
    (b"x-trace-id", b"4bf92f3577b34da6a3ce929d0e0e4736"),
]


class _AtOnce:
    """
    A service without a socket, where our own network would be.
    """

    def __init__(self, stub: Stub) -> None:
        self._stub = stub

    async def exchange(self, call: Call, *, within_s: float, max_bytes: int) -> Received:  # noqa: ARG002 - the protocol's
        """
        What the stub says, a moment later.
        """
        await asyncio.sleep(_ANSWER_AFTER_S)
        _, _, body = self._stub.answer(call.target.encode()).partition(b"\r\n\r\n")
        return Received(200, Headers([]), body)

    async def aclose(self) -> None:
        """
        There is nothing to close.
        """


def _edge(settings: Settings) -> FastAPI:
    router = APIRouter()

    async def quick(_end: str, _scope: Scope) -> Finished:
        return Finished(200, _HEADERS, _BODY)

    @router.get("/api/v1/products/{product_id}", dependencies=[requires("read")])
    @lean(quick)
    async def one(product_id: str) -> Response:
        return Response(product_id)

    verifier = TokenVerifier.hs256("b" * 32, issuer="bench", audience="bench")
    return create_service(
        settings, title="Edge", description="", verifier=verifier, routers=[router]
    )


def _server(settings: Settings) -> FastAPI:
    app = _edge(settings)
    if isinstance(app, Application):
        app.middleware_stack = _bare(app.build_middleware_stack())
    return app


def _bare(others: ASGIApp) -> ASGIApp:
    """
    Health as ever, so that it can be seen to be ready, and nothing else.
    """

    async def serve(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"].startswith("/health"):
            await others(scope, receive, send)
            return
        headers = [*_HEADERS, *_IDS]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": _BODY})

    return serve


def _catalog(settings: Settings) -> FastAPI:
    networks = {"inventory": _AtOnce(inventory(PRODUCTS)), "pricing": _AtOnce(pricing(PRODUCTS))}
    return create_app(settings, Outside(networks))


RUNGS: Final[Mapping[str, Callable[[Settings], FastAPI]]] = {
    "server": _server,
    "edge": _edge,
    "catalog": _catalog,
}

if __name__ == "__main__":
    _, rung, *arguments = sys.argv
    sys.exit(main(Service("bench", Settings, RUNGS[rung]), arguments))
