"""
``python -m bench.order_stubs PRICING_PORT IDENTITY_PORT``: what orders ask for, without work behind it.

Inventory (on SERVICE_PORT) holds, sells and takes back whatever it is asked for; pricing quotes 19.99 USD
apiece; identity gives a service its token. They answer in the form of the real ones, keep nothing, and take
whole requests one after the other: a raw protocol on uvloop, so that a gateway is measured and not they.
"""

import asyncio
import os
import sys
import time
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, Final

import orjson
import uvloop

from bench.services import SECRET
from bench.stubs import head, ok
from servicekit.testing.tokens import hs256_token

_PRICE: Final = 1999
Json = dict[str, Any]
Answer = Callable[[bytes, bytes], bytes]


def inventory(target: bytes, body: bytes) -> bytes:
    """
    The answer to one of the stock routes.
    """
    if target == b"/count":
        return ok(b"{}")
    order = orjson.loads(body)
    order_id = order["orderId"]
    if target.endswith(b"/reservations"):
        lines = [_reservation(order_id, item) for item in order["items"]]
        answer = orjson.dumps({"orderId": order_id, "reservations": lines})
        return head("201 Created", len(answer)) + answer
    status = {b"commit": "COMMITTED", b"release": "RELEASED", b"return": "RETURNED"}
    item = {"productId": "TEST-001", "quantity": 1}
    line = {**_reservation(order_id, item), "status": status[target.rpartition(b"/")[2]]}
    return ok(orjson.dumps({"orderId": order_id, "reservations": [line]}))


def _reservation(order_id: str, item: Json) -> Json:
    return {
        "reservationId": "5f0a5d0e-6f0c-4f3c-9a2f-0d1f6b1f7c11",
        "orderId": order_id,
        "productId": item["productId"],
        "quantity": item["quantity"],
        "status": "RESERVED",
        "expiresAt": "2126-07-01T12:15:00Z",
    }


def pricing(target: bytes, body: bytes) -> bytes:
    """
    A quote, or the end of one.
    """
    order = orjson.loads(body)
    if target.endswith(b"/release"):
        return ok(orjson.dumps({"orderId": order["orderId"], "releasedAt": "2026-11-21T12:00:00Z"}))
    lines = [_quoted(item) for item in order["items"]]
    total = _money(sum(_PRICE * item["quantity"] for item in order["items"]))
    told = {
        "quoteId": "0b0f7f2e-6a30-4c5e-9a52-9d1f3c2a7b11",
        "validUntil": "2126-01-01T12:15:00Z",
        "currency": "USD",
        "lines": lines,
        "discounts": [],
        **_sums(total),
    }
    return ok(orjson.dumps(told))


def _quoted(item: Json) -> Json:
    return {
        **item,
        "basePrice": _money(_PRICE),
        "discounts": [],
        "taxRate": "0",
        **_sums(_money(_PRICE * item["quantity"])),
    }


def _sums(total: str) -> Json:
    return {"subtotal": total, "discount": "0.00", "tax": "0.00", "finalPrice": total}


def _money(cents: int) -> str:
    return f"{cents // 100}.{cents % 100:02}"


def identity(_target: bytes, _body: bytes) -> bytes:
    """
    The gateway's own token, as the services of a benchmark take it.
    """
    token = hs256_token(
        SECRET.encode(),
        now=time.time(),
        sub="api-gateway",
        kind="service",
        scope="read write",
        permissions=["stock:write", "prices:quote"],
    )
    told = {"access_token": token, "token_type": "bearer", "expires_in": 900, "scope": "read write"}
    return ok(orjson.dumps(told))


class OrderProtocol(asyncio.Protocol):
    """
    One connection, on which whole requests with a known length come one after the other.
    """

    def __init__(self, answer: Answer) -> None:
        self._answer = answer
        self._rest = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """
        Keep the transport.
        """
        self._write = transport.write  # type: ignore[attr-defined]  # uvloop's has it

    def data_received(self, data: bytes) -> None:
        """
        Answer every request that is whole by now, in order; keep the beginning of the next.
        """
        self._rest += data
        while (head_ends := self._rest.find(b"\r\n\r\n")) >= 0:
            head = self._rest[:head_ends].lower()
            body_begins = head_ends + 4
            _, has_length, tail = head.partition(b"\r\ncontent-length:")
            ends = body_begins + (int(tail.partition(b"\r\n")[0]) if has_length else 0)
            if len(self._rest) < ends:
                return
            target = self._rest.split(b" ", 2)[1]
            body, self._rest = self._rest[body_begins:ends], self._rest[ends:]
            self._write(self._answer(target, body))


async def serve(ports: Mapping[int, Answer]) -> None:
    """
    Answer on these ports of the loopback, until the process ends.
    """
    loop = asyncio.get_running_loop()
    for port, answer in ports.items():
        await loop.create_server(partial(OrderProtocol, answer), "127.0.0.1", port)
    await loop.create_future()


def main(pricing_port: int, identity_port: int) -> None:
    """
    All three, in one process.
    """
    inventory_port = int(os.environ["SERVICE_PORT"])
    uvloop.run(serve({inventory_port: inventory, pricing_port: pricing, identity_port: identity}))


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
