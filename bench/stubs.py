"""
``python -m bench.stubs PRICING_PORT PRODUCTS``: inventory (on SERVICE_PORT) and pricing without work.

They answer as the real ones do, byte for byte in form, from what was made before the first
request came; a test holds them to the services' descriptions. They take GET requests without a
body, in pieces or several at once, and nothing else: a raw protocol on uvloop, so that a
gateway in front of them is measured and not they. ``GET /count`` tells how many calls came.
"""

import asyncio
import os
import sys
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import Final, cast
from urllib.parse import parse_qsl, unquote_to_bytes

import orjson
import uvloop

MAX_IDS: Final = 200
_MAX_HEAD_BYTES: Final = 64 * 1024
_SINCE: Final = "2026-07-01T12:00:00Z"
_DEFAULT_SIZE: Final = 20

JsonObject = Mapping[str, object]


def product(number: int) -> JsonObject:
    """
    A product as inventory tells it. All that is told of it follows from its number.
    """
    id_ = product_id(number)
    return {
        "id": id_,
        "sku": id_,
        "name": f"Aurora Wireless Earbuds {number}",
        "description": "Small earbuds that block out the train and last a working day.",
        "category": "electronics",
        "imageUrl": f"/pictures/{id_}.svg",
        "stockLevel": 140 + number % 60,
        "reserved": number % 7,
        "available": 140 + number % 60 - number % 7,
        "updatedAt": "2026-11-21T14:08:02.216821Z",
    }


def price(number: int) -> JsonObject:
    """
    A price as pricing tells it.
    """
    return {
        "productId": product_id(number),
        "basePrice": f"{1 + number % 500}.{number % 100:02}",
        "currency": "USD",
        "validFrom": _SINCE,
        "validUntil": None,
        "priceType": "REGULAR",
    }


def product_id(number: int) -> str:
    """
    The id of the product with this number, from 1.
    """
    return f"TEST-{number:03}"


class Stub:
    """
    What one backend tells, by the target of a request.
    """

    def __init__(self, collection: str, items: Iterable[JsonObject], *, has_pages: bool) -> None:
        self.calls = 0
        self._path = f"/api/v1/{collection}".encode()
        self._has_pages = has_pages
        key = "id" if has_pages else "productId"
        self._items = {str(item[key]).encode(): orjson.dumps(item) for item in items}
        self._pages = list(self._items.values()) if has_pages else []
        self._ones = {b"%b/%b" % (self._path, id_): ok(it) for id_, it in self._items.items()}

    def answer(self, target: bytes) -> bytes:
        """
        The whole answer, head and body.
        """
        if target == b"/count":
            return ok(b'{"calls":%d}' % self.calls)
        self.calls += 1
        return self._ones.get(target) or self._many(target)

    def _many(self, target: bytes) -> bytes:
        path, _, query = target.partition(b"?")
        if path != self._path:
            return _refusal(404, "NOT_FOUND", "There is nothing here.")
        if query.startswith(b"ids=") and b"&" not in query:
            return self._some(query[4:].replace(b"%2C", b","))
        return self._page(query)

    def _some(self, given: bytes) -> bytes:
        ids = list(dict.fromkeys((unquote_to_bytes(given) if b"%" in given else given).split(b",")))
        if len(ids) > MAX_IDS:
            return _refusal(422, "INVALID_REQUEST", f"At most {MAX_IDS} ids.")
        found = [item for item in map(self._items.get, ids) if item is not None]
        if not self._has_pages:
            return ok(b'{"items":[%b]}' % b",".join(found))
        return ok(_page_json(found, number=1, size=len(ids), total=len(found)))

    def _page(self, query: bytes) -> bytes:
        asked = dict(parse_qsl(query.decode(), keep_blank_values=True))
        number, size = int(asked.pop("page", 1)), int(asked.pop("size", _DEFAULT_SIZE))
        if not self._has_pages or asked not in ({}, {"sort": "id"}):
            return _refusal(422, "INVALID_REQUEST", "The stub knows no such question.")
        begin = (number - 1) * size
        found = self._pages[begin : begin + size]
        return ok(_page_json(found, number=number, size=size, total=len(self._pages)))


def inventory(products: int) -> Stub:
    """
    Inventory with so many products.
    """
    return Stub("products", map(product, range(1, products + 1)), has_pages=True)


def pricing(products: int) -> Stub:
    """
    Pricing with a price for each of so many products.
    """
    return Stub("prices", map(price, range(1, products + 1)), has_pages=False)


class StubProtocol(asyncio.Protocol):
    """
    One connection.
    """

    def __init__(self, answer: Callable[[bytes], bytes]) -> None:
        self._answer = answer
        self._rest = b""
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """
        Keep the transport.
        """
        # uvloop's transports have the methods of asyncio's, and are none.
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        """
        Answer every request that is whole by now, in order; keep the beginning of the next.
        """
        assert self._transport is not None
        if self._rest:
            data = self._rest + data
        begin, answers = 0, []
        while (end := data.find(b"\r\n\r\n", begin)) >= 0:
            method, target, _ = data[begin : data.index(b"\r\n", begin)].split(b" ", 2)
            is_get = method == b"GET"
            answers.append(self._answer(target) if is_get else _refusal(405, "METHOD", "GET only."))
            begin = end + 4
        self._rest = data[begin:]
        self._transport.write(b"".join(answers))
        if len(self._rest) > _MAX_HEAD_BYTES:
            self._transport.close()


def ok(body: bytes) -> bytes:
    """
    A whole answer of 200.
    """
    return head("200 OK", len(body)) + body


def _refusal(status: int, code: str, message: str) -> bytes:
    body = orjson.dumps(
        {"error": {"code": code, "message": message, "details": {}}, "request_id": _CORRELATION}
    )
    return head(f"{status} Refused", len(body)) + body


_CORRELATION: Final = "627c315f-0241-4ff5-973c-c0554900e89d"


def head(status: str, length: int) -> bytes:
    """
    What comes before a body of JSON.
    """
    # The headers of the real services: a client has to read them all.
    return (
        f"HTTP/1.1 {status}\r\ndate: Sat, 21 Nov 2026 14:08:11 GMT\r\ncontent-length: {length}\r\n"
        f"content-type: application/json\r\nx-correlation-id: {_CORRELATION}\r\n"
        "x-trace-id: 4b056986d43652b57a79689693cd0a79\r\n\r\n"
    ).encode()


def _page_json(items: list[bytes], *, number: int, size: int, total: int) -> bytes:
    told = (b",".join(items), number, size, total, -(-total // size))
    return b'{"items":[%b],"page":%d,"size":%d,"total":%d,"pages":%d}' % told


async def serve(ports: Mapping[int, Stub]) -> None:
    """
    Answer on these ports of the loopback, until the process ends.
    """
    loop = asyncio.get_running_loop()
    for port, stub in ports.items():
        await loop.create_server(partial(StubProtocol, stub.answer), "127.0.0.1", port)
    await loop.create_future()


def main(pricing_port: int, products: int) -> None:
    """
    Both backends, in one process.
    """
    inventory_port = int(os.environ["SERVICE_PORT"])
    uvloop.run(serve({inventory_port: inventory(products), pricing_port: pricing(products)}))


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
