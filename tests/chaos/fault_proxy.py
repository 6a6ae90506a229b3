"""
A TCP proxy that stands for the network between two services, and for what goes wrong on it.

It reads a request whole, passes it on, reads the answer whole and passes that back; in between it
does what ``faults`` say, which may be changed at any time, and tells ``on_passage`` where a call
is. What is told there is waited for: a process that is killed at ``ASKED`` is dead before the
request goes on. What goes wrong is drawn from a seeded source, so that a run can be repeated as
far as the order of requests repeats itself.
"""

import asyncio
import enum
import json
import random
import socket
import struct
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Final

from tests.chaos.http_messages import Message, read_answer, read_request

#: What the calls of an order are called here, by the end of their paths.
OPERATIONS: Final = {
    "/stock/reservations": "reserve",
    "/prices/quote": "quote",
    "/stock/commit": "commit",
    "/stock/release": "release",
    "/prices/quotes/release": "release-quote",
    "/stock/return": "return",
}


@dataclass(frozen=True, slots=True)
class Faults:
    """
    What goes wrong. Rates are shares of requests, from 0 to 1.

    ``late_requests``: the caller hears nothing more, and the request arrives up to ``late_s`` later.
    ``silent``: the share of lost answers, and of late requests, after which the connection stays
    open, so that the caller has to give up by itself.
    """

    latency_s: float = 0.0
    is_blackhole: bool = False
    resets: bool = False
    cut_after_bytes: int | None = None
    lost_answers: float = 0.0
    late_requests: float = 0.0
    late_s: float = 1.0
    silent: float = 0.0


NO_FAULTS: Final = Faults()


class Moment(enum.StrEnum):
    """
    Where a call is: nothing has been passed on; the backend has answered and its caller does not
    know; the caller has the answer.
    """

    ASKED = "asked"
    ANSWERED = "answered"
    DELIVERED = "delivered"


@dataclass(frozen=True, slots=True)
class Passage:
    """
    A call of an order at a moment.
    """

    operation: str
    moment: Moment
    order_id: str


OnPassage = Callable[[Passage], Awaitable[None]]


async def nobody(_passage: Passage) -> None:
    """
    Nobody wants to know.
    """


class FaultProxy:
    """
    Passes connections on to a port of the loopback. ``happened`` counts the faults by name.
    """

    def __init__(self, target_port: int, *, seed: str = "", on_passage: OnPassage = nobody) -> None:
        self.faults = NO_FAULTS
        self.happened: Counter[str] = Counter()
        self.on_passage = on_passage
        self._target_port = target_port
        self._random = random.Random(seed)
        self._tasks: set[asyncio.Task[None]] = set()
        self._late: set[asyncio.Task[None]] = set()

    @asynccontextmanager
    async def running(self) -> AsyncIterator[int]:
        """
        Listens on a free port, which it yields.
        """
        server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        try:
            yield server.sockets[0].getsockname()[1]
        finally:
            server.close()
            for task in (*self._tasks, *self._late):
                task.cancel()
            await asyncio.gather(*self._tasks, *self._late, return_exceptions=True)

    async def quiet(self) -> None:
        """
        Returns when every late request has arrived.
        """
        while self._late:
            await asyncio.wait(self._late)

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._keep(self._tasks, self._serve(reader, writer))

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connection = _Connection(self._target_port)
        try:
            while (request := await read_request(reader)) is not None:
                if not await self._pass(request, connection, reader, writer):
                    break
        except ConnectionError:
            pass
        finally:
            connection.close()
            reset(writer)

    async def _pass(
        self,
        request: Message,
        connection: "_Connection",
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
    ) -> bool:
        """
        Whether the caller's connection can go on.
        """
        faults = self.faults
        if faults.resets:
            return self._counted("reset")
        if faults.is_blackhole:
            self._counted("blackhole")
            return await _silence(reader)
        await self._told(request, Moment.ASKED)
        if self._draw(faults.late_requests):
            self._keep(self._late, self._deliver_late(request, faults.late_s))
            return await self._lose("late request", reader, faults)
        if faults.latency_s:
            await asyncio.sleep(faults.latency_s)
        answer = await connection.ask(request)
        if answer is None:
            return self._counted("backend gone")
        await self._told(request, Moment.ANSWERED)
        if self._draw(faults.lost_answers):
            return await self._lose("lost answer", reader, faults)
        return await self._hand_over(request, answer, writer, faults.cut_after_bytes)

    async def _lose(self, fault: str, reader: asyncio.StreamReader, faults: Faults) -> bool:
        self._counted(fault)
        return self._draw(faults.silent) and await _silence(reader)

    async def _hand_over(
        self, request: Message, answer: Message, writer: asyncio.StreamWriter, cut: int | None
    ) -> bool:
        writer.write(answer.raw[:cut])
        await writer.drain()
        if cut is not None and cut < len(answer.raw):
            return self._counted("cut")
        await self._told(request, Moment.DELIVERED)
        return True

    async def _deliver_late(self, request: Message, late_s: float) -> None:
        await asyncio.sleep(self._random.uniform(0, late_s))
        connection = _Connection(self._target_port)
        await connection.ask(request)
        connection.close()

    async def _told(self, request: Message, moment: Moment) -> None:
        operation = operation_of(request)
        if operation is not None:
            await self.on_passage(Passage(operation, moment, _order_id(request)))

    def _draw(self, rate: float) -> bool:
        return rate > 0 and self._random.random() < rate

    def _counted(self, fault: str) -> bool:
        self.happened[fault] += 1
        return False

    def _keep(self, tasks: set[asyncio.Task[None]], work: Coroutine[object, object, None]) -> None:
        task = asyncio.ensure_future(work)
        tasks.add(task)
        task.add_done_callback(tasks.discard)


class _Connection:
    """
    The way on to the backend: opened when it is needed first, and anew after it has broken.
    """

    def __init__(self, port: int) -> None:
        self._port = port
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def ask(self, request: Message) -> Message | None:
        """
        The backend's answer; None where it gave none.
        """
        try:
            self._streams = self._streams or await asyncio.open_connection("127.0.0.1", self._port)
            reader, writer = self._streams
            writer.write(request.raw)
            await writer.drain()
        except OSError:
            return None
        return await read_answer(reader)

    def close(self) -> None:
        """
        Leave.
        """
        if self._streams is not None:
            self._streams[1].transport.abort()
            self._streams = None


def operation_of(request: Message) -> str | None:
    """
    Which call of an order it is; None for any other request.
    """
    if request.method != "POST":
        return None
    return next((name for end, name in OPERATIONS.items() if request.path.endswith(end)), None)


def _order_id(request: Message) -> str:
    body = json.loads(request.body)
    return str(body.get("orderId", "")) if isinstance(body, dict) else ""


def reset(writer: asyncio.StreamWriter) -> None:
    """
    Break a connection off, so that the other side gets a RST and no orderly end.
    """
    sock = writer.transport.get_extra_info("socket")
    if sock is not None:
        with suppress(OSError):
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()


async def _silence(reader: asyncio.StreamReader) -> bool:
    """
    Answer nothing until the caller has given up.
    """
    with suppress(ConnectionError):
        await reader.read(-1)
    return False
