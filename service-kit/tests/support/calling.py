"""
Calls an application in process, started as a server would start it.
"""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager

import httpx
from fastapi import FastAPI

Calling = Callable[[FastAPI], AbstractAsyncContextManager[httpx.AsyncClient]]


@asynccontextmanager
async def call(app: FastAPI) -> AsyncIterator[httpx.AsyncClient]:
    """
    A client of ``app`` for as long as it runs.
    """
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=transport, base_url="http://sample") as client,
    ):
        yield client
