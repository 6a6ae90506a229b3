"""
An identity service that answers what a test says, over a real socket, and keeps what it was asked.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from starlette.requests import Request
from starlette.types import Receive, Scope, Send

from servicekit.testing import serve


@dataclass
class ScriptedIdentity:
    """
    Answers ``status`` and ``body`` to everything; with None for a status it never answers.
    """

    status: int | None = 200
    body: bytes = b""
    headers: list[tuple[bytes, bytes]] = field(default_factory=list)
    asked: list[Request] = field(default_factory=list)
    url: str = ""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """
        Serve one request.
        """
        if scope["type"] == "lifespan":
            await _live(receive, send)
            return
        self.asked.append(Request(scope))
        if self.status is None:
            while (await receive())["type"] != "http.disconnect":
                pass
            return
        headers = [(b"content-type", b"application/json"), *self.headers]
        await send({"type": "http.response.start", "status": self.status, "headers": headers})
        await send({"type": "http.response.body", "body": self.body})

    @property
    def calls(self) -> int:
        """
        How often it was asked.
        """
        return len(self.asked)


async def _live(receive: Receive, send: Send) -> None:
    for _ in range(2):
        message = await receive()
        await send({"type": f"{message['type']}.complete"})


@asynccontextmanager
async def scripted_identity(
    status: int | None = 200, body: bytes = b"", **header: str
) -> AsyncIterator[ScriptedIdentity]:
    """
    Such a service, on a free port.
    """
    headers = [(name.replace("_", "-").encode(), value.encode()) for name, value in header.items()]
    identity = ScriptedIdentity(status, body, headers)
    async with serve(identity) as url:
        identity.url = url
        yield identity
