"""
``python -m bench.bare serve``: a service of the kit with one route that does nothing.

What it answers a second is the machine's limit for any of ours.
"""

import sys

from fastapi import APIRouter, FastAPI, Response

from servicekit.app import create_service
from servicekit.auth import PUBLIC, TokenVerifier
from servicekit.commands import Service, main
from servicekit.settings import ServiceSettings


def create_app(settings: ServiceSettings) -> FastAPI:
    """
    The whole stack around nothing.
    """
    router = APIRouter()

    @router.get("/bare", dependencies=[PUBLIC], summary="Nothing")
    async def bare() -> Response:
        return Response(b'{"status":"ok"}', media_type="application/json")

    return create_service(
        settings,
        title="Bare",
        description="The limit.",
        verifier=TokenVerifier.hs256("b" * 32, issuer="bench", audience="bench"),
        routers=[router],
    )


SERVICE = Service(package="bench", settings_class=ServiceSettings, create_app=create_app)

if __name__ == "__main__":
    sys.exit(main(SERVICE))
