"""
The sample as a process of its own: ``python sample_process.py serve``.

Its doors stand in front of the routes: ``GET /doors`` is held until ``POST /open``.
"""

import asyncio
import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import structlog
from fastapi import APIRouter, FastAPI
from sample_service import SECRET, Doors, router

from servicekit.app import create_service
from servicekit.auth import PUBLIC, TokenVerifier
from servicekit.commands import Command, Service, main
from servicekit.errors import ServiceUnavailable
from servicekit.settings import ServiceSettings

log = structlog.get_logger()


@asynccontextmanager
async def database() -> AsyncIterator[None]:
    """
    A resource that a test may let be missing.
    """
    if os.environ.get("SAMPLE_DATABASE") == "gone":
        raise ServiceUnavailable("the database")
    if os.environ.get("SAMPLE_DATABASE") == "silent":
        await _waited_for_ever()
    yield


async def _waited_for_ever() -> None:
    log.info("sample.waiting")
    try:
        await asyncio.Event().wait()
    finally:
        log.info("sample.left")


def keyed(doors: Doors) -> APIRouter:
    """
    The way for a test to open the doors from outside.
    """
    routes = APIRouter()

    @routes.post("/open", dependencies=[PUBLIC], summary="Open the doors")
    async def open_doors() -> None:
        await asyncio.wait_for(doors.entered.wait(), 30)
        doors.opened.set()

    return routes


def create_app(settings: ServiceSettings) -> FastAPI:
    """
    As a service's ``main.py`` does it.
    """
    doors = Doors()
    return create_service(
        settings,
        title="Sample",
        description="A service for tests.",
        verifier=TokenVerifier.hs256(
            SECRET, issuer=settings.jwt_issuer, audience=settings.jwt_audience
        ),
        routers=[router(doors), keyed(doors)],
        resources=[database],
    )


def greet(settings: ServiceSettings) -> int:
    """
    A command of its own.
    """
    sys.stdout.write(f"hello from {settings.service_name}\n")
    return 7


SERVICE = Service(
    package="sample_process",
    settings_class=ServiceSettings,
    create_app=create_app,
    commands={"greet": Command("say hello", greet)},
)

if __name__ == "__main__":
    sys.exit(main(SERVICE))
