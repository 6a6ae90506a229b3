"""
Ways to spoil a good service from outside of it, one thing at a time.

``answers``, ``requests`` and ``documents`` wrap an ASGI application; ``Proxy`` stands between
a client and a server and spoils what goes over the wire.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Collection
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import Any

import orjson
from starlette.types import ASGIApp, Message, Receive, Scope, Send

_TURNS = 10

Spoil = Callable[[ASGIApp], ASGIApp]


@dataclass(frozen=True)
class Reply:
    """
    An answer on its way out.
    """

    status: int
    headers: list[tuple[bytes, bytes]] = field(default_factory=list)
    body: bytes = b""

    @property
    def json(self) -> Any:  # noqa: ANN401 - whatever the service says
        """
        The body.
        """
        return orjson.loads(self.body)

    def with_json(self, content: object) -> "Reply":
        """
        The same with another body.
        """
        return replace(self, body=orjson.dumps(content))

    def with_header(self, name: bytes, value: bytes) -> "Reply":
        """
        The same with one header replaced.
        """
        kept = [(key, old) for key, old in self.headers if key.lower() != name]
        return replace(self, headers=[*kept, (name, value)])


def error(status: int, code: str, message: str = "No.") -> Reply:
    """
    An error in the right shape.
    """
    headers = [(b"content-type", b"application/json"), (b"www-authenticate", b"Bearer")]
    content = {"error": {"code": code, "message": message}, "request_id": None}
    return Reply(status, headers, orjson.dumps(content))


def sent(scope: Scope, name: bytes) -> bytes | None:
    """
    The header of a request.
    """
    return next((value for key, value in scope["headers"] if key == name), None)


def answers(change: Callable[[Scope, Reply], Reply]) -> Spoil:
    """
    Change what goes out.
    """

    def spoil(app: ASGIApp) -> ASGIApp:
        async def spoilt(scope: Scope, receive: Receive, send: Send) -> None:
            if scope["type"] != "http":
                await app(scope, receive, send)
                return
            messages: list[Message] = []

            async def keep(message: Message) -> None:
                messages.append(message)

            await app(scope, receive, keep)
            body = b"".join(message.get("body", b"") for message in messages)
            headers = list(messages[0].get("headers", ()))
            await _send(change(scope, Reply(messages[0]["status"], headers, body)), send)

        return spoilt

    return spoil


def requests(change: Callable[[Scope], Scope]) -> Spoil:
    """
    Change what comes in.
    """

    def spoil(app: ASGIApp) -> ASGIApp:
        async def spoilt(scope: Scope, receive: Receive, send: Send) -> None:
            await app(change(scope) if scope["type"] == "http" else scope, receive, send)

        return spoilt

    return spoil


def without(name: bytes, *, when: Callable[[bytes], bool] = lambda _: True) -> Spoil:
    """
    Overlook a header of requests.
    """

    def change(scope: Scope) -> Scope:
        headers = [(key, old) for key, old in scope["headers"] if key != name or not when(old)]
        return {**scope, "headers": headers}

    return requests(change)


def documents(change: Callable[[Any], object]) -> Spoil:
    """
    Change what the service says about itself.
    """

    def spoil(scope: Scope, reply: Reply) -> Reply:
        if scope["path"] != "/openapi.json":
            return reply
        document = reply.json
        change(document)
        return reply.with_json(document)

    return answers(spoil)


async def _send(reply: Reply, send: Send) -> None:
    headers = reply.with_header(b"content-length", str(len(reply.body)).encode()).headers
    await send({"type": "http.response.start", "status": reply.status, "headers": headers})
    await send({"type": "http.response.body", "body": reply.body})


Handle = Callable[["Proxy", asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


class Proxy:
    """
    Stands before the server at ``port``; ``handle`` does to each connection what it likes.
    """

    def __init__(self, port: int, handle: Handle) -> None:
        self._port = port
        self.is_over = False
        self._handle = handle
        self._tasks: set[asyncio.Task[None]] = set()
        self._writers: set[asyncio.StreamWriter] = set()
        self.turn = asyncio.Lock()

    @asynccontextmanager
    async def running(self) -> AsyncIterator[str]:
        """
        The base URL of the proxy.
        """
        server = await asyncio.start_server(self._begin, "127.0.0.1", 0, limit=2**23)
        port = server.sockets[0].getsockname()[1]
        try:
            yield f"http://127.0.0.1:{port}"
        finally:
            self.is_over = True
            server.close()
            await _cancelled([*self._tasks])
            # The loop needs some turns to hand over what was accepted, and to close what is aborted.
            for _ in range(_TURNS):
                for client in self._writers:
                    client.transport.abort()
                await asyncio.sleep(0)

    async def pass_on(
        self, first: bytes, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        """
        Behave, from the first bytes on.
        """
        to_reader, to_writer = await asyncio.open_connection("127.0.0.1", self._port)
        to_writer.write(first)
        pumps = {
            asyncio.create_task(_pump(reader, to_writer)),
            asyncio.create_task(_pump(to_reader, writer)),
        }
        try:
            await asyncio.wait(pumps, return_when=asyncio.FIRST_COMPLETED)
        finally:
            to_writer.transport.abort()
            await _cancelled(pumps)

    def _begin(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.add(writer)
        if self.is_over:
            writer.transport.abort()
            return
        task = asyncio.create_task(self._serve(reader, writer))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await self._handle(self, reader, writer)
        except OSError:
            # The client of a spoilt connection leaves as it likes.
            return
        finally:
            writer.transport.abort()


async def _cancelled(tasks: Collection[asyncio.Task[None]]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while block := await reader.read(65536):
        writer.write(block)
        await writer.drain()
