"""
Uvicorn's HTTP protocol with bounds on what comes before a body.

Uvicorn reads a request's line and headers however long they are and however
slowly they come, so that any client could fill the memory or hold connections
for ever. Here a head is refused when it is too long or takes too long, and what
is no HTTP is refused in the same shape as every other error, after the answers
to what came before it. A head that comes in one piece, as all but hostile ones
do, costs next to nothing.

A connection that has nothing to wait for has a timer, which only a request ends:
not a byte of something else.
"""

import asyncio
from http import HTTPStatus
from typing import TYPE_CHECKING, Final, cast

import httptools
import orjson
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from servicekit import correlation
from servicekit.serving.quick_cycle import QuickCycle

if TYPE_CHECKING:
    from uvicorn._types import ASGI3Application

#: Request line and headers; what came in one piece may be one piece longer.
MAX_HEAD_BYTES: Final = 65_536
#: From the first piece of a head to its end.
HEAD_TIMEOUT_S: Final = 20.0
#: How long what is left of a body may come, and is thrown away, after its request was answered.
LATE_BODY_TIMEOUT_S: Final = 5.0
#: How long a connection may still begin a request once the server has begun to stop.
LAST_WORD_S: Final = 0.1


class BoundedHttpProtocol(HttpToolsProtocol):
    """
    One connection.
    """

    max_head_bytes = MAX_HEAD_BYTES
    head_timeout_s = HEAD_TIMEOUT_S
    late_body_timeout_s = LATE_BODY_TIMEOUT_S
    _is_in_head = False
    _is_in_body = False
    #: The request was answered before its body was there.
    _is_body_late = False
    #: What comes now cannot be read, and is not looked at.
    _is_deaf = False
    _is_leaving = False
    #: To be told once all is answered that was asked before.
    _refusal: tuple[int, str] | None = None
    _head_bytes = 0
    #: How many requests the piece that is being read is of.
    _requests_in_piece = 0
    _head_timer: asyncio.TimerHandle | None = None
    _running: RequestResponseCycle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn
        """
        Somebody has connected.
        """
        super().connection_made(transport)
        # Who connects and says nothing is an idle client like any other.
        self._close_after(self.timeout_keep_alive)

    def connection_lost(self, exc: Exception | None) -> None:
        """
        The connection is gone.
        """
        self._stop_waiting()
        # Uvicorn tells the newest request only, which may not have begun yet.
        self.pipeline.clear()
        if self._running is not None and not self._running.response_complete:
            self._running.disconnected = True
            self._running.message_event.set()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """
        Bytes have come.
        """
        if self._is_deaf:
            return
        # Put by: uvicorn would end it at any byte.
        idle, self.timeout_keep_alive_task = self.timeout_keep_alive_task, None
        self._requests_in_piece = 1 if self._is_in_head or self._is_in_body else 0
        self._read(data)
        if self._is_in_head:
            # What came before this head, in the same piece, is no part of it.
            self._count(len(data) if self._requests_in_piece == 1 else 0)
        if self._is_in_head or self._is_busy():
            if idle is not None:
                idle.cancel()
        elif self._is_body_late and not self._is_in_body:
            self._is_body_late = False
            if idle is not None:
                idle.cancel()
            self._close_after(self.timeout_keep_alive)
        else:
            self.timeout_keep_alive_task = idle

    def on_message_begin(self) -> None:
        """
        A request begins.
        """
        self._is_in_head = True
        self._requests_in_piece += 1
        self._head_bytes = 0
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        """
        The head of a request is there.
        """
        self._is_in_head = False
        self._stop_waiting()
        if self._ignores_offer():
            return
        super().on_headers_complete()
        self._is_in_body = True
        # None for a websocket, where those are installed.
        if (cycle := self._newest()) is not None:
            # Uvicorn makes it and offers no way to choose its class; this one adds no state to it.
            cycle.__class__ = QuickCycle
            if self._is_leaving:
                cycle.keep_alive = False

    def on_message_complete(self) -> None:
        """
        The body of a request is there, to its end.
        """
        self._is_in_body = False
        if not self._ignores_offer():
            super().on_message_complete()

    def on_response_complete(self) -> None:
        """
        An answer is out.
        """
        super().on_response_complete()
        if self._is_busy() or self.transport.is_closing():
            return
        if self._refusal is not None:
            self._tell(*self._refusal)
        elif self._is_in_body:
            self._is_body_late = True
            self._unset_keepalive_if_required()
            self._close_after(min(self.timeout_keep_alive, self.late_body_timeout_s))

    def shutdown(self) -> None:
        """
        The server stops: end when what is being asked is answered.
        """
        if self._is_in_head or self._newest() is None:
            # A request may be on its way to who was accepted a moment ago.
            self._is_leaving = True
            self.loop.call_later(LAST_WORD_S, super().shutdown)
        else:
            super().shutdown()

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: "ASGI3Application") -> None:
        self._running = cycle
        super()._start_asgi_task(cycle, app)

    def _read(self, data: bytes) -> None:
        try:
            try:
                self.parser.feed_data(data)
            except httptools.HttpParserUpgrade as offer:
                self._read_after(offer, memoryview(data))
        except httptools.HttpParserError:
            self._refuse(400, "This is no HTTP request that can be read.")

    def _read_after(self, offer: httptools.HttpParserUpgrade, rest: memoryview) -> None:
        """
        Go on after an offer to speak something else than HTTP/1.1.

        An offer that is not taken is ignored (RFC 9110, 7.8). The parser knows no such thing and
        takes what follows for the other protocol: it is given the head again, without the offer.
        """
        while self._ignores_offer():
            rest = rest[offer.args[0] :]
            try:
                self.parser.feed_data(self._head_without_offer())
                if rest:
                    self.parser.feed_data(rest)
            except httptools.HttpParserUpgrade as another:
                offer = another
            else:
                return
        if self._should_upgrade():
            self.handle_websocket_upgrade()

    def _ignores_offer(self) -> bool:
        return (
            self.parser.should_upgrade()
            # Which is no offer, and refused like any method that nobody knows.
            and self.parser.get_method() != b"CONNECT"
            and not self._should_upgrade()
        )

    def _head_without_offer(self) -> bytes:
        version = self.parser.get_http_version().encode()
        lines = [b"%b %b HTTP/%b" % (self.parser.get_method(), self.url, version)]
        lines += [b"%b: %b" % header for header in self.headers if header[0] != b"upgrade"]
        return b"\r\n".join([*lines, b"", b""])

    def _close_after(self, seconds: float) -> None:
        self.timeout_keep_alive_task = self.loop.call_later(
            seconds, self.timeout_keep_alive_handler
        )

    def _count(self, more_bytes: int) -> None:
        self._head_bytes += more_bytes
        if self._head_bytes > self.max_head_bytes:
            self._refuse(431, f"The headers are larger than {self.max_head_bytes} bytes.")
        else:
            self._wait_for_head()

    def _wait_for_head(self) -> None:
        if self._head_timer is None:
            self._head_timer = self.loop.call_later(self.head_timeout_s, self._give_up)

    def _stop_waiting(self) -> None:
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None

    def _give_up(self) -> None:
        self._head_timer = None
        if self._is_busy():
            # While others are served before it, it may be that nothing of it is read.
            self._wait_for_head()
        else:
            self._refuse(408, f"The headers were not there after {self.head_timeout_s:g} s.")

    def _refuse(self, status: int, message: str) -> None:
        """
        Answer without the application, and close; never in place of an answer that is to come.
        """
        self._stop_waiting()
        self._is_deaf = True
        if self._is_busy():
            if self._is_in_body:
                # It is this request's own body that is broken: its own answer says so.
                cast("QuickCycle", self.cycle).cut()
            else:
                self._refusal = (status, message)
        elif self._is_in_body:
            # The request has its answer: another one would be taken for the next one's.
            self.transport.close()
        else:
            self._tell(status, message)

    def _tell(self, status: int, message: str) -> None:
        self.transport.write(_refusal(status, message))
        self.transport.close()

    def _is_busy(self) -> bool:
        # Answers are given in order, so the newest tells of all.
        newest = self._newest()
        return newest is not None and not newest.response_complete

    def _newest(self) -> RequestResponseCycle | None:
        # Uvicorn declares it without its None before the first request.
        return cast("RequestResponseCycle | None", self.cycle)


def _refusal(status: int, message: str) -> bytes:
    ids = correlation.new()
    body = orjson.dumps(
        {
            "error": {"code": "INVALID_REQUEST", "message": message},
            "request_id": ids.correlation_id,
        }
    )
    head = (
        f"HTTP/1.1 {status} {HTTPStatus(status).phrase}\r\n"
        f"{correlation.CORRELATION_HEADER}: {ids.correlation_id}\r\n"
        f"{correlation.TRACE_HEADER}: {ids.trace_id}\r\n"
        "Content-Type: application/json\r\n"
        f"Content-Length: {len(body)}\r\n"
        "Connection: close\r\n\r\n"
    )
    return head.encode() + body
