"""
Server-sent events: what happens to an order, while it happens.

An answer that does not end by itself. It ends when the order has, when its client leaves, when the
service drains, and after ``MOST_S``; a client comes back with the number of the last event it has.
"""

import asyncio
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from typing import Final

import structlog
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from gateway.checkout import wire
from gateway.checkout.models import Event
from servicekit.errors import Overloaded, StorefrontError

log = structlog.get_logger()

MEDIA_TYPE: Final = "text/event-stream"
#: A client without news is told this often that it has not been forgotten.
KEEP_ALIVE_S: Final = 15.0
MOST_S: Final = 600.0
MOST_STREAMS: Final = 500
#: Nobody watches an order from more places; who would take all of them, takes these.
MOST_OF_ONE: Final = 20
_HEADERS: Final = {
    "Cache-Control": "no-store",
    # Proxies that hold answers back until they are whole (nginx) are told not to.
    "X-Accel-Buffering": "no",
}

#: The events behind a number, soon, and whether those were the last.
News = Callable[[int], Awaitable[tuple[Sequence[Event], bool]]]


class Streams:
    """
    Those that are being sent; each reads the database now and then.
    """

    def __init__(self, *, most: int = MOST_STREAMS, most_of_one: int = MOST_OF_ONE) -> None:
        self._most = most
        self._most_of_one = most_of_one
        self._open = Counter[str]()

    @contextmanager
    def one(self, order_id: str) -> Iterator[None]:
        """
        Another one of this order; raises Overloaded.
        """
        if self._open.total() >= self._most or self._open[order_id] >= self._most_of_one:
            raise Overloaded("the events of orders")
        self._open[order_id] += 1
        try:
            yield
        finally:
            self._open[order_id] -= 1
            if not self._open[order_id]:
                del self._open[order_id]


class EventStream(Response):
    """
    Sends ``first`` and then what ``news`` tells, from behind number ``after`` on.
    """

    media_type = MEDIA_TYPE

    def __init__(
        self,
        first: tuple[Sequence[Event], bool],
        news: News,
        *,
        after: int,
        place: Callable[[], AbstractContextManager[None]],
        is_stopping: Callable[[], bool],
        keep_alive_s: float = KEEP_ALIVE_S,
    ) -> None:
        super().__init__(headers=_HEADERS)
        del self.headers["Content-Length"]
        self._first = first
        self._news = news
        self._after = after
        self._place = place
        self._is_stopping = is_stopping
        self._keep_alive_s = keep_alive_s

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002  # ASGI
        """
        Send until one of the ends; raises Overloaded where too many are sent already.
        """
        with self._place():
            await self._stream(receive, send)

    async def _stream(self, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
        leaving = asyncio.create_task(_left(receive), name="client-watch")
        sending = asyncio.create_task(self._send(send), name="order-events")
        try:
            await asyncio.wait({leaving, sending}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            is_sent = sending.done()
            for task in (leaving, sending):
                task.cancel()
            await asyncio.wait({leaving, sending})
        if is_sent:
            sending.result()

    async def _send(self, send: Send) -> None:
        until = time.monotonic() + MOST_S
        told_at = time.monotonic()
        events, is_over = self._first
        while True:
            if events:
                self._after = events[-1].seq
                await _piece(send, b"".join(map(wire.event_text, events)))
                told_at = time.monotonic()
            elif time.monotonic() - told_at >= self._keep_alive_s:
                await _piece(send, b": still here\n\n")
                told_at = time.monotonic()
            if is_over or self._is_stopping() or time.monotonic() >= until:
                break
            try:
                events, is_over = await self._news(self._after)
            except StorefrontError as error:
                # The client comes back, and is told then what is wrong.
                log.warning("order.events_broken_off", code=error.code)
                break
        await send({"type": "http.response.body", "body": b"", "more_body": False})


async def _piece(send: Send, body: bytes) -> None:
    await send({"type": "http.response.body", "body": body, "more_body": True})


async def _left(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
