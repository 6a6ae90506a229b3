"""
The description of a service for machines, ``/openapi.json``, and two pages
that show it to people, ``/docs`` and ``/redoc``.

The pages' scripts come from this server, by way of the fastapi-offline
package: a closed network is no obstacle, and no stranger's server learns of a visit.
"""

from importlib.resources import files
from pathlib import Path
from typing import Any

from fastapi import APIRouter, FastAPI
from fastapi.openapi.docs import get_redoc_html, get_swagger_ui_html
from starlette.responses import FileResponse, HTMLResponse

from servicekit.auth import PUBLIC
from servicekit.errors import NotFound

_ASSETS = Path(str(files("fastapi_offline"))) / "static"
ASSET_NAMES = frozenset(
    {"favicon.png", "redoc.standalone.js", "swagger-ui-bundle.js", "swagger-ui.css"}
)
_PAGE_HEADERS = {
    "Content-Security-Policy": (
        "default-src 'self'; img-src 'self' data:; worker-src blob:; frame-ancestors 'none'; "
        "script-src 'self' 'unsafe-inline'; style-src 'self' 'unsafe-inline'"
    ),
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}


def docs_router(app: FastAPI) -> APIRouter:
    """
    The routes that describe ``app``.
    """
    router = APIRouter(include_in_schema=False, dependencies=[PUBLIC])

    @router.get("/openapi.json")
    async def openapi() -> dict[str, Any]:
        return app.openapi()

    @router.get("/docs")
    async def docs() -> HTMLResponse:
        page = get_swagger_ui_html(
            openapi_url="openapi.json",
            title=app.title,
            swagger_js_url="docs/assets/swagger-ui-bundle.js",
            swagger_css_url="docs/assets/swagger-ui.css",
            swagger_favicon_url="docs/assets/favicon.png",
        )
        page.headers.update(_PAGE_HEADERS)
        return page

    @router.get("/redoc")
    async def redoc() -> HTMLResponse:
        page = get_redoc_html(
            openapi_url="openapi.json",
            title=app.title,
            redoc_js_url="docs/assets/redoc.standalone.js",
            redoc_favicon_url="docs/assets/favicon.png",
            with_google_fonts=False,
        )
        page.headers.update(_PAGE_HEADERS)
        return page

    @router.get("/docs/assets/{name}")
    async def asset(name: str) -> FileResponse:
        if name not in ASSET_NAMES:
            raise NotFound("address")
        return FileResponse(_ASSETS / name, headers={"Cache-Control": "public, max-age=86400"})

    return router
