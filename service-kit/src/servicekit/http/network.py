"""
Below the pipeline: HTTP/1.1 on asyncio's transports.

httpx's own pool is too slow and the ready-made bridge to aiohttp tells lies about what was sent
(docs/decisions/0002). Here the moment at which sending begins is the line after which there is a
connection: before it every error is a ``NotConnected``, after it none is. Each request is sent once.
"""

import asyncio
import socket
import ssl
from collections import deque
from functools import cached_property
from typing import Final

from aiohappyeyeballs import start_connection

from servicekit.http.addresses import Origin
from servicekit.http.answer import Received
from servicekit.http.call import Call
from servicekit.http.connection import Connection
from servicekit.http.errors import NotConnected, NotSendable

#: How long one of a name's addresses may keep the next one waiting (RFC 8305).
_HAPPY_EYEBALLS_DELAY_S: Final = 0.25


class Network:
    """
    As many connections to ``origin`` as there are requests at once, each kept for ``keep_alive_s`` when idle.

    Takes nothing from the environment, keeps no cookies, follows no redirects.
    """

    def __init__(self, origin: Origin, *, keep_alive_s: float) -> None:
        self._origin = origin
        self._keep_alive_s = keep_alive_s
        self._idle: deque[Connection] = deque()
        self._busy: set[Connection] = set()
        self._sweep_timer: asyncio.TimerHandle | None = None
        self._is_closed = False

    async def exchange(self, call: Call, *, within_s: float, max_bytes: int) -> Received:
        """
        Send ``call`` over the connection that was used last, or over a new one.
        """
        if self._is_closed:
            raise NotConnected("the client is closed")
        message = _message(call)
        call.is_connecting = True
        ends_at = asyncio.get_running_loop().time() + within_s
        connection = self._kept() or await self._connected(ends_at)
        call.is_connecting = False
        self._busy.add(connection)
        try:
            answer = await connection.ask(
                message,
                is_body_expected=call.method != "HEAD",
                max_bytes=max_bytes,
                ends_at=ends_at,
            )
        except BaseException:  # cancelled, too: nobody waits for the answer any more
            self._close(connection)
            raise
        self._give_back(connection)
        return answer

    async def aclose(self) -> None:
        """
        Close all connections. Calls in progress fail.
        """
        self._is_closed = True
        if self._sweep_timer is not None:
            self._sweep_timer.cancel()
        connections = [*self._idle, *self._busy]
        self._idle.clear()
        for connection in connections:
            connection.close()
        await asyncio.gather(*(connection.lost for connection in connections))

    def _give_back(self, connection: Connection) -> None:
        """
        Keep the connection for the next request if it can be; close it otherwise.
        """
        if self._is_closed or not connection.is_reusable:
            self._close(connection)
            return
        self._busy.discard(connection)
        loop = asyncio.get_running_loop()
        connection.idle_since = loop.time()
        self._idle.append(connection)
        if self._sweep_timer is None:
            self._sweep_timer = loop.call_later(self._keep_alive_s, self._sweep)

    def _close(self, connection: Connection) -> None:
        self._busy.discard(connection)
        connection.close()

    def _kept(self) -> Connection | None:
        """
        The connection that was used last, so that the others may go.
        """
        while self._idle:
            connection = self._idle.pop()
            if connection.is_quiet and not self._is_stale(connection):
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
        while self._idle and (self._is_stale(self._idle[0]) or not self._idle[0].is_reusable):
            self._idle.popleft().close()
        if self._idle:
            loop = asyncio.get_running_loop()
            self._sweep_timer = loop.call_later(self._keep_alive_s, self._sweep)

    async def _connected(self, ends_at: float) -> Connection:
        async with asyncio.timeout_at(ends_at):
            return await self._connect()

    async def _connect(self) -> Connection:
        origin, loop = self._origin, asyncio.get_running_loop()
        is_secure = origin.scheme == "https"
        try:
            addresses = await loop.getaddrinfo(origin.host, origin.port, type=socket.SOCK_STREAM)
            connected = await start_connection(
                addresses, happy_eyeballs_delay=_HAPPY_EYEBALLS_DELAY_S, loop=loop
            )
            _, connection = await loop.create_connection(
                lambda: Connection(loop),
                sock=connected,
                ssl=self._tls if is_secure else None,
                server_hostname=origin.host if is_secure else None,
            )
        # uvloop raises a RuntimeError for some that cannot be connected to, and names may be none.
        except (OSError, RuntimeError, UnicodeError) as error:
            raise NotConnected(str(error)) from error
        # Not whether it is reusable: under uvloop the end of a TLS handshake may still wait to be sent.
        if self._is_closed or not connection.is_open:
            connection.close()
            raise NotConnected("closed before anything was sent")
        return connection

    @cached_property
    def _tls(self) -> ssl.SSLContext:
        return ssl.create_default_context()


def _message(call: Call) -> bytes:
    """
    The request of ``call``, as it goes out.
    """
    lines = [f"{call.method} {call.target} HTTP/1.1"]
    lines += [f"{name}: {value}" for name, value in call.headers.items()]
    head = "\r\n".join(lines)
    if head.count("\n") != len(lines) - 1 or head.count("\r") != len(lines) - 1 or "\0" in head:
        raise NotSendable("a line break or a zero byte in the head")
    if not head.isascii():  # nor does the reason quote it: it may be a token
        raise NotSendable("a character in the head that is not ASCII")
    return f"{head}\r\n\r\n".encode("ascii") + call.content
