"""
A TCP server that misbehaves as a test wants it to, and counts what it was sent.
"""

import asyncio
import re
import socket
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

OK = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}"


@dataclass
class Peer:
    """
    One connection, seen from the server.
    """

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    #: Which request on this connection is being answered, from 1.
    n: int = 0

    async def send(self, *parts: bytes) -> None:
        """
        Send ``parts``, each on its own.
        """
        for part in parts:
            self.writer.write(part)
            await self.writer.drain()

    async def hang(self) -> None:
        """
        Do nothing until the other side gives up.
        """
        await self.reader.read()

    def close(self) -> None:
        """
        Close in good order.
        """
        self.writer.close()

    def reset(self) -> None:
        """
        Close with a reset.
        """
        linger = b"\x01\x00\x00\x00\x00\x00\x00\x00"
        self.writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        self.writer.transport.abort()


Behaviour = Callable[[Peer, bytes], Awaitable[None]]


@dataclass
class Server:
    """
    Answers each request by ``behave``; ``requests`` are the heads of all that came.
    """

    behave: Behaviour
    requests: list[bytes] = field(default_factory=list)
    bodies: list[bytes] = field(default_factory=list)
    connections: int = 0
    url: str = ""
    _peers: set["asyncio.Task[None]"] = field(default_factory=set)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """
        Serve one connection until either side closes it.
        """
        task = asyncio.current_task()
        assert task is not None
        self._peers.add(task)
        self.connections += 1
        peer = Peer(reader, writer)
        try:
            while not writer.is_closing():
                head = await reader.readuntil(b"\r\n\r\n")
                length = re.search(rb"(?i)content-length: (\d+)", head)
                self.requests.append(head)
                self.bodies.append(await reader.readexactly(int(length[1]) if length else 0))
                peer.n += 1
                await self.behave(peer, head)
        except (asyncio.IncompleteReadError, ConnectionError, asyncio.CancelledError):
            pass
        finally:
            writer.close()
            self._peers.discard(task)

    def has_left(self, n: int) -> bool:
        """
        Whether ``n`` of the connections have ended.
        """
        return self.connections - len(self._peers) >= n

    async def end(self) -> None:
        """
        End all connections.
        """
        for _ in range(3):  # a connection accepted just now has its task in a turn or two
            await asyncio.sleep(0)
        for task in self._peers:
            task.cancel()
        await asyncio.gather(*self._peers, return_exceptions=True)


@asynccontextmanager
async def serving(behave: Behaviour, *, tls: ssl.SSLContext | None = None) -> AsyncIterator[Server]:
    """
    A server on a free port of the loopback.
    """
    server = Server(behave)
    listener = await asyncio.start_server(server.serve, "127.0.0.1", 0, ssl=tls)
    scheme = "http" if tls is None else "https"
    server.url = f"{scheme}://127.0.0.1:{listener.sockets[0].getsockname()[1]}"
    try:
        yield server
    finally:
        listener.close()
        await server.end()
        await listener.wait_closed()


async def well_behaved(peer: Peer, _: bytes) -> None:
    """
    Answer 200, and keep the connection.
    """
    await peer.send(OK)
