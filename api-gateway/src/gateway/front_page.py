"""
``GET /``: what this is, and where to read on.
"""

from typing import Annotated

from fastapi import APIRouter
from pydantic import ConfigDict, Field

from servicekit.auth import PUBLIC
from servicekit.schemas import AnswerModel


class Links(AnswerModel):
    """
    Addresses on this host.
    """

    docs: str = "/docs"
    openapi: str = "/openapi.json"
    health: str = "/health"
    api: Annotated[str, Field(description="Where the API's addresses begin")]


class FrontPageResponse(AnswerModel):
    """
    What this is.
    """

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "name": "Storefront Gateway",
                    "version": "0.1.0",
                    "description": "One API in front of the shop.",
                    "links": {
                        "docs": "/docs",
                        "openapi": "/openapi.json",
                        "health": "/health",
                        "api": "/api/v1",
                    },
                }
            ]
        }
    )

    name: str
    version: str
    description: str
    links: Links


def front_page_router(*, name: str, version: str, description: str, prefix: str) -> APIRouter:
    """
    The one route.
    """
    router = APIRouter(tags=["gateway"])
    page = FrontPageResponse(
        name=name, version=version, description=description, links=Links(api=prefix)
    )

    @router.get("/", summary="What this is, and where to read on", dependencies=[PUBLIC])
    async def front_page() -> FrontPageResponse:
        return page

    return router
