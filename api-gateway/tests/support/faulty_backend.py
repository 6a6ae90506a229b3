"""
Inventory and pricing on real sockets, which fall ill in every way that a test names.

Every number is a product: all that is told of ``P-7`` follows from the 7, so that an answer shows by
itself whether it is right. Nothing here is random: what is wrong is wrong each time.
"""

import asyncio
import json
import socket
import struct
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Final, cast
from urllib.parse import parse_qsl, unquote, urlsplit

TOTAL: Final = 1_000
_DRIP_EVERY_S: Final = 0.02
#: Far from everything that is asked for.
_ELSEWHERE: Final = 500_000

JsonObject = dict[str, object]


def product_id(number: int) -> str:
    """
    The id of a number.
    """
    return f"P-{number}"


def product(number: int) -> JsonObject:
    """
    As inventory tells it.
    """
    id_ = product_id(number)
    return {
        "id": id_,
        "sku": id_,
        "name": f"Product {number}",
        "description": "",
        "category": "home",
        "imageUrl": f"/pictures/{id_}.svg",
        "stockLevel": 10 + number % 90,
        "reserved": number % 10,
        "available": 10 + number % 90 - number % 10,
        "updatedAt": "2026-07-01T12:00:00Z",
    }


def price(number: int) -> JsonObject:
    """
    As pricing tells it.
    """
    return {
        "productId": product_id(number),
        "basePrice": f"{number}.{number % 100:02}",
        "currency": "USD",
        "validFrom": "2026-07-01T12:00:00Z",
        "validUntil": None,
        "priceType": "REGULAR",
    }


@dataclass(frozen=True, slots=True)
class Call:
    """
    A request that came, and how it would be answered by a backend that is well.
    """

    transport: asyncio.Transport
    target: str
    tell: Callable[[int], JsonObject]

    def right(self, *, shifted_by: int = 0) -> bytes:
        """
        The whole answer; shifted, it is one to another question.
        """
        query = dict(parse_qsl(urlsplit(self.target).query))
        if "ids" in query:
            numbers = [int(unquote(id_).removeprefix("P-")) for id_ in query["ids"].split(",")]
            items = [self.tell(number + shifted_by) for number in numbers]
            return ok(self._page(items, number=1, size=len(items), total=len(items)))
        number, size = int(query["page"]), int(query["size"])
        first = (number - 1) * size + 1
        items = [self.tell(one) for one in range(first, first + size)]
        return ok(self._page(items, number=number + shifted_by, size=size, total=TOTAL))

    def _page(self, items: list[JsonObject], *, number: int, size: int, total: int) -> bytes:
        page = {"page": number, "size": size, "total": total, "pages": -(-total // size)}
        return json.dumps({"items": items, **page}).encode()

    def send_and_hang_up(self, answer: bytes) -> None:
        """
        The last answer of this connection, ended in order.
        """
        self.transport.write(answer)
        self.transport.close()

    def send_and_reset(self, answer: bytes) -> None:
        """
        The same, ended by RST: the other side learns of it in the middle of whatever it does.
        """
        if answer:
            self.transport.write(answer)
        connection: socket.socket = self.transport.get_extra_info("socket")
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.transport.abort()


def ok(body: bytes, *, length: int | None = None) -> bytes:
    """
    200 with this body, which says that it is ``length`` bytes long.
    """
    length = len(body) if length is None else length
    head = f"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n\r\n"
    return head.encode() + body


def _stall(_: Call) -> None: ...


def _drip(call: Call, sent: int = 0) -> None:
    """
    A byte at a time; the whole would take longer than anybody waits.
    """
    answer = call.right()
    if sent < len(answer) and not call.transport.is_closing():
        call.transport.write(answer[sent : sent + 1])
        asyncio.get_running_loop().call_later(_DRIP_EVERY_S, _drip, call, sent + 1)


def _fail(call: Call) -> None:
    body = b'{"error":{"code":"INTERNAL","message":"A fault.","details":{}},"request_id":"1"}'
    head = f"HTTP/1.1 500 Internal Server Error\r\nContent-Length: {len(body)}\r\n\r\n"
    call.transport.write(head.encode() + body)


def _half(call: Call) -> bytes:
    answer = call.right()
    return answer[: len(answer) // 2]


#: What a sick backend does with a request, by the name of the sickness.
FAULTS: Final[Mapping[str, Callable[[Call], None]]] = {
    "stalled": _stall,
    "reset": lambda call: call.send_and_reset(b""),
    "reset in the body": lambda call: call.send_and_reset(_half(call)),
    "cut off": lambda call: call.send_and_hang_up(_half(call)),
    "dripping": _drip,
    "failing": _fail,
    "garbage": lambda call: call.send_and_hang_up(bytes(range(256)) * 8),
    "broken JSON": lambda call: call.transport.write(ok(b'{"items":[{"id":"P-1","productId"')),
    "other JSON": lambda call: call.transport.write(ok(b'{"items":[{"id":1.5},null,[[]]]}')),
    "other ids": lambda call: call.transport.write(call.right(shifted_by=_ELSEWHERE)),
}
KILLED: Final = "killed"


class FaultyBackend:
    """
    One backend. It keeps its port when it is killed and comes back.
    """

    def __init__(self, tell: Callable[[int], JsonObject]) -> None:
        self._tell = tell
        self._fault: Callable[[Call], None] | None = None
        self._server: asyncio.Server | None = None
        self._open: set[asyncio.Transport] = set()
        self._port = 0

    @property
    def url(self) -> str:
        """
        Where it is, or was.
        """
        return f"http://127.0.0.1:{self._port}"

    async def start(self) -> None:
        """
        Listen.
        """
        loop = asyncio.get_running_loop()
        server = await loop.create_server(lambda: _Connection(self), "127.0.0.1", self._port)
        self._server, self._port = server, server.sockets[0].getsockname()[1]

    async def fall_ill(self, name: str) -> None:
        """
        From now on, with whatever comes.
        """
        if name == KILLED:
            self.kill()
        else:
            self._fault = FAULTS[name]

    async def recover(self) -> None:
        """
        From now on answer as one should; what was left unanswered stays so.
        """
        self._fault = None
        if self._server is None:
            await self.start()

    def kill(self) -> None:
        """
        Be gone: nobody listens, and every connection is reset.
        """
        if self._server is not None:
            self._server.close()
            self._server = None
        for transport in [*self._open]:
            transport.abort()

    def came(self, transport: asyncio.Transport) -> None:
        """
        Somebody has connected.
        """
        self._open.add(transport)

    def went(self, transport: asyncio.Transport) -> None:
        """
        That connection is gone.
        """
        self._open.discard(transport)

    def answer(self, transport: asyncio.Transport, target: str) -> None:
        """
        As it is able to just now.
        """
        call = Call(transport, target, self._tell)
        if self._fault is None:
            transport.write(call.right())
        else:
            self._fault(call)


class _Connection(asyncio.Protocol):
    def __init__(self, backend: FaultyBackend) -> None:
        self._backend = backend
        self._rest = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        self._backend.came(self._transport)

    def connection_lost(self, _: Exception | None) -> None:
        self._backend.went(self._transport)

    def data_received(self, data: bytes) -> None:
        self._rest += data
        while b"\r\n\r\n" in self._rest and not self._transport.is_closing():
            head, _, self._rest = self._rest.partition(b"\r\n\r\n")
            with suppress(ConnectionError):
                self._backend.answer(self._transport, head.split(b" ", 2)[1].decode())
