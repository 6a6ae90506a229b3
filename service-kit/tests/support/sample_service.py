"""
A small service for the kit's own tests: what a newcomer would write, and a few bad habits.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field

import jwt
from fastapi import APIRouter, FastAPI, HTTPException
from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import StreamingResponse

from servicekit import deadline
from servicekit.app import Resource, create_service
from servicekit.auth import PUBLIC, TokenVerifier, current_principal, requires
from servicekit.health import HealthCheck
from servicekit.settings import ServiceSettings
from servicekit.telemetry import Telemetry

SECRET = "a-shared-secret-of-the-tests-0123456789"


class Line(BaseModel):
    """
    A body with rules.
    """

    model_config = ConfigDict(extra="forbid")

    sku: str = Field(min_length=1, max_length=20)
    quantity: int = Field(gt=0, le=99)


class Order(BaseModel):
    """
    A body with rules, some levels deep.
    """

    lines: list[Line]


@dataclass
class Doors:
    """
    Lets a test hold a request where it wants it.
    """

    entered: asyncio.Event = field(default_factory=asyncio.Event)
    opened: asyncio.Event = field(default_factory=asyncio.Event)
    cancelled: asyncio.Event = field(default_factory=asyncio.Event)
    finished: asyncio.Event = field(default_factory=asyncio.Event)

    async def pass_through(self) -> str:
        """
        Wait until the test opens.
        """
        self.entered.set()
        try:
            await self.opened.wait()
        except asyncio.CancelledError:
            self.cancelled.set()
            raise
        self.finished.set()
        return "through"


def router(doors: Doors) -> APIRouter:  # noqa: C901 - a list of routes, none of which branches
    """
    The routes of the sample.
    """
    routes = APIRouter()

    @routes.get("/things/{thing_id}", dependencies=[PUBLIC], summary="One thing")
    async def one(thing_id: int) -> dict[str, int]:
        return {"thing": thing_id}

    @routes.put("/things/{thing_id}", dependencies=[requires("write")], summary="Change it")
    async def change(thing_id: int) -> dict[str, int]:
        return {"thing": thing_id}

    @routes.post("/orders", dependencies=[PUBLIC], summary="Order")
    async def order(body: Order) -> Order:
        return body

    @routes.get("/me", dependencies=[requires("read", kinds=("user",))], summary="Who I am")
    async def me() -> dict[str, str | None]:
        return {"id": current_principal().user_id}

    @routes.get("/crash", dependencies=[PUBLIC], summary="Fail")
    async def crash() -> None:
        raise RuntimeError("password=hunter2 at 10.0.0.7")

    @routes.get("/teapot", dependencies=[PUBLIC], summary="Refuse as a framework does")
    async def teapot(status: int) -> None:
        raise HTTPException(status, "internal words")

    @routes.get("/time", dependencies=[PUBLIC], summary="What is left")
    async def time_left() -> dict[str, float | None]:
        return {"remaining_s": deadline.remaining_s()}

    @routes.get("/doors", dependencies=[PUBLIC], summary="Wait")
    async def wait() -> str:
        return await doors.pass_through()

    @routes.post("/doors", dependencies=[PUBLIC], summary="Wait and write")
    async def wait_and_write() -> str:
        return await doors.pass_through()

    @routes.get("/stream", dependencies=[PUBLIC], summary="Begin, then wait")
    async def stream() -> StreamingResponse:
        async def parts() -> AsyncIterator[bytes]:
            yield b"first,"
            yield (await doors.pass_through()).encode()

        return StreamingResponse(parts())

    @routes.get("/half", dependencies=[PUBLIC], summary="Begin, then fail")
    async def half() -> StreamingResponse:
        async def parts() -> AsyncIterator[bytes]:
            yield b"first,"
            raise RuntimeError("half an answer")

        return StreamingResponse(parts())

    return routes


def settings(**values: object) -> ServiceSettings:
    """
    Settings for the sample, without regard to the environment.
    """
    return ServiceSettings.model_validate({"service_name": "sample-service", **values})


def sample_verifier() -> TokenVerifier:
    """
    Accepts what ``token()`` makes.
    """
    chosen = settings()
    return TokenVerifier.hs256(
        SECRET.encode(), issuer=chosen.jwt_issuer, audience=chosen.jwt_audience
    )


def sample_app(
    *,
    doors: Doors | None = None,
    checks: Sequence[HealthCheck] = (),
    resources: Sequence[Resource] = (),
    telemetry: Telemetry | None = None,
    **values: object,
) -> FastAPI:
    """
    The sample as production would build it.
    """
    chosen = settings(**values)
    return create_service(
        chosen,
        title="Sample",
        description="A service for tests.",
        verifier=sample_verifier(),
        routers=[router(doors or Doors())],
        resources=resources,
        checks=checks,
        telemetry=telemetry,
    )


def token(*, kind: str = "user", scope: str = "read write", **claims: object) -> str:
    """
    An access token that the sample accepts.
    """
    now = int(time.time())
    told = {
        "iss": "storefront-identity",
        "aud": "storefront",
        "sub": "u-1",
        "jti": "t-1",
        "iat": now,
        "nbf": now,
        "exp": now + 600,
        "kind": kind,
        "scope": scope,
        "roles": [],
        "permissions": [],
        **claims,
    }
    return jwt.encode(told, SECRET, algorithm="HS256", headers={"typ": "at+jwt", "kid": "shared"})
