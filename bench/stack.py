"""
What the middleware that every request passes costs, in microseconds a request.

The same bare route is called in process, without a network: once on FastAPI as
it comes, then with each layer of ``create_service`` added in turn, and whole,
with the request log written to /dev/null. Rounds are interleaved and the median is
told, since the machine is never quiet.
"""

import os
import statistics
import time
from collections.abc import Callable, MutableMapping
from pathlib import Path
from typing import Any

import uvloop
from fastapi import APIRouter, FastAPI
from starlette.types import ASGIApp

from servicekit import logs
from servicekit.app import create_service
from servicekit.auth import PUBLIC, AuthenticationMiddleware, TokenVerifier
from servicekit.lifecycle import Lifecycle
from servicekit.middleware.body_limit import BodyLimitMiddleware
from servicekit.middleware.correlation import CorrelationMiddleware
from servicekit.middleware.error_boundary import ErrorBoundaryMiddleware
from servicekit.middleware.head import HeadMiddleware
from servicekit.middleware.lifetime import LifetimeMiddleware
from servicekit.middleware.request_log import RequestLogMiddleware
from servicekit.settings import ServiceSettings
from servicekit.telemetry import Telemetry

ROUNDS = 15
CALLS = 1500
SCOPE: dict[str, Any] = {
    "type": "http",
    "asgi": {"version": "3.0", "spec_version": "2.3"},
    "http_version": "1.1",
    "method": "GET",
    "path": "/bare",
    "raw_path": b"/bare",
    "query_string": b"",
    "root_path": "",
    "scheme": "http",
    "client": ("127.0.0.1", 50000),
    "server": ("127.0.0.1", 8000),
    "headers": [
        (b"host", b"127.0.0.1:8000"),
        (b"user-agent", b"bench"),
        (b"accept", b"*/*"),
        (b"x-correlation-id", b"0b0f7f2e-6a30-4c5e-9a52-9d1f3c2a7b11"),
    ],
}


async def bare() -> dict[str, str]:
    """
    The route that does nothing.
    """
    return {"status": "ok"}


def _verifier() -> TokenVerifier:
    return TokenVerifier.hs256("b" * 32, issuer="bench", audience="bench")


def _plain() -> FastAPI:
    app = FastAPI(openapi_url=None)
    app.add_api_route("/bare", bare)
    return app


def _router() -> APIRouter:
    router = APIRouter()
    router.add_api_route("/bare", bare, dependencies=[PUBLIC])
    return router


def _whole() -> FastAPI:
    return create_service(
        ServiceSettings(service_name="bench"),
        title="Bench",
        description="",
        verifier=_verifier(),
        routers=[_router()],
    )


def _layers() -> dict[str, Callable[[ASGIApp], ASGIApp]]:
    return {
        "correlation": CorrelationMiddleware,
        "request log and metrics": lambda app: RequestLogMiddleware(
            app, lifecycle=Lifecycle(), metrics=Telemetry().requests
        ),
        "head": HeadMiddleware,
        "error boundary": lambda app: ErrorBoundaryMiddleware(app, lifecycle=Lifecycle()),
        "lifetime": lambda app: LifetimeMiddleware(app, request_timeout_s=30),
        "body limit": lambda app: BodyLimitMiddleware(app, max_body_bytes=2**20),
        "authentication": lambda app: AuthenticationMiddleware(app, _verifier(), ("read",)),
    }


def subjects() -> dict[str, ASGIApp]:
    """
    What is compared: the bare application, with layers added one by one, and the whole.
    """
    stacked: dict[str, ASGIApp] = {"FastAPI alone": _plain()}
    layers = _layers()
    for depth, name in enumerate(layers, start=1):
        app: ASGIApp = _plain()
        for layer in reversed([*layers.values()][:depth]):
            app = layer(app)
        stacked[f"+ {name}"] = app
    stacked["create_service"] = _whole()
    return stacked


async def _receive() -> MutableMapping[str, Any]:
    return {"type": "http.request", "body": b"", "more_body": False}


async def _send(_message: MutableMapping[str, Any]) -> None: ...


async def _microseconds(app: ASGIApp, calls: int) -> float:
    began_at = time.perf_counter()
    for _ in range(calls):
        await app(dict(SCOPE), _receive, _send)
    return (time.perf_counter() - began_at) / calls * 1e6


async def _measure(rounds: int, calls: int) -> dict[str, float]:
    apps = subjects()
    samples: dict[str, list[float]] = {name: [] for name in apps}
    for app in apps.values():
        await _microseconds(app, calls // 5)
    for _ in range(rounds):
        for name, app in apps.items():
            samples[name].append(await _microseconds(app, calls))
    return {name: statistics.median(values) for name, values in samples.items()}


def measure(rounds: int = ROUNDS, calls: int = CALLS) -> dict[str, float]:
    """
    Microseconds a request for each subject, by name.
    """
    with Path(os.devnull).open("w") as nowhere:
        logs.configure(log_format="json", log_level="INFO", service="bench", stream=nowhere)
        return uvloop.run(_measure(rounds, calls))


def main() -> None:
    """
    Print the table.
    """
    figures = measure()
    base = before = figures["FastAPI alone"]
    for name, value in figures.items():
        print(f"{name:<28} {value:7.1f} us  {value - before:+6.1f}")
        before = value
    print(f"{'the whole stack':<28} {figures['create_service'] - base:7.1f} us above FastAPI alone")


if __name__ == "__main__":
    main()
