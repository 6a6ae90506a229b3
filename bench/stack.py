"""
What the middleware that every request passes costs, in microseconds a request.

The same bare route is called in process, without a network: once on FastAPI as
it comes, then with what ``create_service`` puts around it added in turn, whole, and as a
lean route, with the request log written to /dev/null. Rounds are interleaved and the
median is told, since the machine is never quiet.
"""

import os
import statistics
import time
from collections.abc import MutableMapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import uvloop
from fastapi import APIRouter, FastAPI
from starlette.types import ASGIApp, Scope

from servicekit import logs
from servicekit.app import create_service
from servicekit.auth import PUBLIC, AuthenticationMiddleware, TokenVerifier
from servicekit.lean import Finished, lean
from servicekit.middleware.way import Way
from servicekit.serving.lifecycle import Lifecycle
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


async def _quick(_end: str, _scope: Scope) -> Finished:
    return Finished(200, [(b"content-type", b"application/json")], b'{"status":"ok"}')


def _router() -> APIRouter:
    router = APIRouter()
    router.add_api_route("/bare", bare, dependencies=[PUBLIC])

    @router.get("/lean/{id_}", dependencies=[PUBLIC])
    @lean(_quick)
    async def of_one(id_: str) -> dict[str, str]:
        return {"status": id_}

    return router


def _whole() -> FastAPI:
    return create_service(
        ServiceSettings(service_name="bench"),
        title="Bench",
        description="",
        verifier=_verifier(),
        routers=[_router()],
    )


def _on_its_way(app: ASGIApp) -> ASGIApp:
    return Way(
        app,
        lifecycle=Lifecycle(),
        metrics=Telemetry().requests,
        request_timeout_s=30,
        max_body_bytes=2**20,
    )


@dataclass(frozen=True, slots=True)
class Subject:
    """
    What is called, and where.
    """

    app: ASGIApp
    path: str = "/bare"


def subjects() -> dict[str, Subject]:
    """
    What is compared: the bare application, with layers added one by one, and the whole.
    """
    guarded = AuthenticationMiddleware(_plain(), _verifier(), ("read",))
    whole = _whole()
    return {
        "FastAPI alone": Subject(_plain()),
        "+ the way: ids, log, metrics, errors, deadline": Subject(_on_its_way(_plain())),
        "+ authentication": Subject(_on_its_way(guarded)),
        "create_service": Subject(whole),
        "create_service, a lean route": Subject(whole, "/lean/1"),
    }


async def _receive() -> MutableMapping[str, Any]:
    return {"type": "http.request", "body": b"", "more_body": False}


async def _send(_message: MutableMapping[str, Any]) -> None: ...


async def _microseconds(subject: Subject, calls: int) -> float:
    scope = {**SCOPE, "path": subject.path, "raw_path": subject.path.encode()}
    began_at = time.perf_counter()
    for _ in range(calls):
        await subject.app(dict(scope), _receive, _send)
    return (time.perf_counter() - began_at) / calls * 1e6


async def _measure(rounds: int, calls: int) -> dict[str, float]:
    compared = subjects()
    samples: dict[str, list[float]] = {name: [] for name in compared}
    for subject in compared.values():
        await _microseconds(subject, calls // 5)
    for _ in range(rounds):
        for name, subject in compared.items():
            samples[name].append(await _microseconds(subject, calls))
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
    base = figures["FastAPI alone"]
    for name, value in figures.items():
        print(f"{name:<48} {value:7.1f} us  {value - base:+6.1f}")


if __name__ == "__main__":
    main()
