"""
Somebody who watches an order: reads its events while they are sent, and leaves when the test says so.
"""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from fastapi import FastAPI
from starlette.types import Message

from servicekit.testing import eventually


@dataclass
class Watcher:
    """
    What has come so far.
    """

    status: int | None = None
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""
    is_over: bool = False
    _left: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def names(self) -> list[str]:
        """
        The names of the events.
        """
        return [one["event"] for one in self.events]

    @property
    def events(self) -> list[dict[str, str]]:
        """
        The events, by the names of their fields.
        """
        pieces = self.body.decode().split("\n\n")[:-1]
        return [
            dict(line.split(": ", 1) for line in piece.split("\n"))
            for piece in pieces
            if not piece.startswith(":")
        ]

    def leave(self) -> None:
        """
        Close the connection.
        """
        self._left.set()

    async def sees(self, name: str) -> None:
        """
        Wait for an event.
        """
        await eventually(lambda: name in self.names)

    async def receive(self) -> Message:
        """
        An empty body is all there is to say, until one leaves.
        """
        await self._left.wait()
        return {"type": "http.disconnect"}

    async def send(self, message: Message) -> None:
        """
        Note what comes.
        """
        if message["type"] == "http.response.start":
            self.status = message["status"]
            self.headers = {name.decode(): value.decode() for name, value in message["headers"]}
            return
        self.body += message.get("body", b"")
        self.is_over = not message.get("more_body", False)


@asynccontextmanager
async def watching(
    app: FastAPI, order_id: str, headers: Mapping[str, str]
) -> AsyncIterator[tuple[Watcher, "asyncio.Task[None]"]]:
    """
    Somebody who watches the order, and the request by which they do.
    """
    watcher = Watcher()
    path = f"/api/v1/orders/{order_id}/events"
    scope: dict[str, Any] = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": "GET",
        "scheme": "http",
        "path": path,
        "raw_path": path.encode(),
        "query_string": b"",
        "root_path": "",
        "headers": [(name.lower().encode(), value.encode()) for name, value in headers.items()],
        "client": ("203.0.113.7", 50_000),
        "server": ("gateway", 80),
    }
    task = asyncio.create_task(app(scope, watcher.receive, watcher.send))
    try:
        yield watcher, task
    finally:
        watcher.leave()
        await asyncio.wait_for(task, 30)
