"""
Connections to uvicorn's protocols, or ours, with nothing else of a server around them.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import uvicorn
from starlette.types import ASGIApp
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.server import ServerState

from servicekit.testing import eventually


@asynccontextmanager
async def bare_connection(
    app: ASGIApp,
    protocol: type[HttpToolsProtocol],
    *,
    keep_alive_s: int = 60,
    state: ServerState | None = None,
) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    """
    A connection to ``app`` that speaks ``protocol``; afterwards nothing of it is left.
    """
    config = uvicorn.Config(
        app,
        log_config=None,
        access_log=False,
        lifespan="off",
        timeout_keep_alive=keep_alive_s,
        http=protocol,
    )
    config.load()
    state = state or ServerState()
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: protocol(config, state, {}), "127.0.0.1", 0)
    reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
    try:
        yield reader, writer
    finally:
        writer.transport.abort()
        server.close()
        await eventually(lambda: not state.tasks and not state.connections)
