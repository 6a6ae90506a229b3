"""
The innermost layer: HTTP/1.1 on asyncio's transports, under httpx's interface.

httpx's own pool is too slow and the ready-made bridge to aiohttp tells lies about what was sent
(docs/decisions/0002). Here the moment at which sending begins is the line after which there is a
connection: before it every error is a ``ConnectError``, after it none is. Each request is sent once.
"""

import asyncio
import socket
import ssl
from collections import deque
from collections.abc import AsyncIterator
from functools import cached_property
from typing import Final

import httpx
from aiohappyeyeballs import start_connection

from servicekit.http.body import WholeBody
from servicekit.http.call import call_of
from servicekit.http.connection import Connection

#: How long one of a name's addresses may keep the next one waiting (RFC 8305).
_HAPPY_EYEBALLS_DELAY_S: Final = 0.25
_PORTS: Final = {"http": 80, "https": 443}

Origin = tuple[str, str, int]


class _Rest(httpx.AsyncByteStream):
    """
    The body of an answer that has not come whole with its head.
    """

    def __init__(self, network: "Network", origin: Origin, connection: Connection) -> None:
        self._network = network
        self._origin = origin
        self._connection = connection

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self

    async def __anext__(self) -> bytes:
        part = await self._connection.read()
        if not part:
            raise StopAsyncIteration
        return part

    async def aclose(self) -> None:
        self._network.give_back(self._origin, self._connection)


class Network(httpx.AsyncBaseTransport):
    """
    As many connections as there are requests at once, each kept for ``keep_alive_s`` when idle.

    Takes nothing from the environment, keeps no cookies, follows no redirects.
    """

    def __init__(self, *, keep_alive_s: float) -> None:
        self._keep_alive_s = keep_alive_s
        self._idle: dict[Origin, deque[Connection]] = {}
        self._busy: set[Connection] = set()
        self._sweep_timer: asyncio.TimerHandle | None = None
        self._is_closed = False

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        if self._is_closed:
            raise httpx.ConnectError("the client is closed")
        call = call_of(request)
        call.is_connecting = True
        message = _message(request) + await request.aread()
        origin = _origin(request.url)
        connection = self._kept(origin) or await self._connected(origin)
        call.is_connecting = False
        self._busy.add(connection)
        try:
            await connection.ask(message, is_body_expected=request.method != "HEAD")
            stream = await self._body_of(origin, connection)
        except BaseException:  # cancelled, too: nobody waits for the answer any more
            self._close(connection)
            raise
        return httpx.Response(connection.status, headers=connection.headers, stream=stream)

    async def _body_of(self, origin: Origin, connection: Connection) -> httpx.AsyncByteStream:
        for name, value in connection.headers:
            if name.lower() == b"content-encoding" and value != b"identity":
                raise httpx.RemoteProtocolError("encoded, though plain was asked for")
        if not connection.is_whole:
            return _Rest(self, origin, connection)
        content = await connection.read()
        self.give_back(origin, connection)
        return WholeBody(content)

    async def aclose(self) -> None:
        self._is_closed = True
        if self._sweep_timer is not None:
            self._sweep_timer.cancel()
        idle = [connection for kept in self._idle.values() for connection in kept]
        self._idle.clear()
        connections = [*idle, *self._busy]
        for connection in connections:
            connection.close()
        await asyncio.gather(*(connection.lost for connection in connections))

    def give_back(self, origin: Origin, connection: Connection) -> None:
        """
        Keep the connection for the next request if it can be; close it otherwise.
        """
        if self._is_closed or not connection.is_reusable:
            self._close(connection)
            return
        self._busy.discard(connection)
        loop = asyncio.get_running_loop()
        connection.idle_since = loop.time()
        self._idle.setdefault(origin, deque()).append(connection)
        if self._sweep_timer is None:
            self._sweep_timer = loop.call_later(self._keep_alive_s, self._sweep)

    def _close(self, connection: Connection) -> None:
        self._busy.discard(connection)
        connection.close()

    def _kept(self, origin: Origin) -> Connection | None:
        """
        The connection that was used last, so that the others may go.
        """
        kept = self._idle.get(origin)
        while kept:
            connection = kept.pop()
            if connection.is_reusable and not self._is_stale(connection):
                return connection
            connection.close()
        return None

    def _is_stale(self, connection: Connection) -> bool:
        idle_s = asyncio.get_running_loop().time() - connection.idle_since
        return idle_s >= self._keep_alive_s

    def _sweep(self) -> None:
        """
        Close what has been idle for too long, and come back while there is something left.
        """
        self._sweep_timer = None
        for kept in self._idle.values():
            while kept and (self._is_stale(kept[0]) or not kept[0].is_reusable):
                kept.popleft().close()
        if any(self._idle.values()):
            loop = asyncio.get_running_loop()
            self._sweep_timer = loop.call_later(self._keep_alive_s, self._sweep)

    async def _connected(self, origin: Origin) -> Connection:
        scheme, host, port = origin
        loop = asyncio.get_running_loop()
        is_secure = scheme == "https"
        try:
            addresses = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
            connected = await start_connection(
                addresses, happy_eyeballs_delay=_HAPPY_EYEBALLS_DELAY_S, loop=loop
            )
            _, connection = await loop.create_connection(
                lambda: Connection(loop),
                sock=connected,
                ssl=self._tls if is_secure else None,
                server_hostname=host if is_secure else None,
            )
        # uvloop raises a RuntimeError for some that cannot be connected to, and names may be none.
        except (OSError, RuntimeError, UnicodeError) as error:
            raise httpx.ConnectError(str(error)) from error
        if self._is_closed or not connection.is_reusable:
            connection.close()
            raise httpx.ConnectError("closed before anything was sent")
        return connection

    @cached_property
    def _tls(self) -> ssl.SSLContext:
        return ssl.create_default_context()


def _origin(url: httpx.URL) -> Origin:
    if url.scheme not in _PORTS:
        raise httpx.UnsupportedProtocol(f"neither http nor https: {url.scheme!r}")
    return url.scheme, url.raw_host.decode("ascii"), url.port or _PORTS[url.scheme]


def _message(request: httpx.Request) -> bytes:
    """
    The head of ``request``, as it goes out.
    """
    lines = [b"%b %b HTTP/1.1" % (request.method.encode("ascii"), request.url.raw_path)]
    lines += [b"%b: %b" % header for header in request.headers.raw]
    head = b"\r\n".join(lines)
    if head.count(b"\n") != len(lines) - 1 or head.count(b"\r") != len(lines) - 1 or b"\0" in head:
        raise httpx.LocalProtocolError("a line break or a zero byte in the head")
    return head + b"\r\n\r\n"
