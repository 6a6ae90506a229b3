"""
Uvicorn's HTTP protocol with bounds on what comes before a body.

Uvicorn reads a request's line and headers however long they are and however
slowly they come, so that any client could fill the memory or hold connections
for ever. Here a head is refused when it is too long or takes too long, and what
is no HTTP is refused in the same shape as every other error. A head that comes
in one piece, as all but hostile ones do, costs next to nothing.
"""

import asyncio
from collections.abc import Iterable
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final, cast

import orjson
from starlette.types import Message
from uvicorn.protocols.http.httptools_impl import (
    STATUS_LINE,
    HttpToolsProtocol,
    RequestResponseCycle,
)

from servicekit import correlation
from servicekit.one_write import OneWrite

if TYPE_CHECKING:
    from uvicorn._types import ASGI3Application

_LENGTH: Final = b"content-length"
#: Headers that say where an answer ends, and whether the connection does.
_FRAMING: Final = frozenset({_LENGTH, b"transfer-encoding", b"connection"})

#: Request line and headers; what came in one piece may be one piece longer.
MAX_HEAD_BYTES: Final = 65_536
#: From the first piece of a head to its end.
HEAD_TIMEOUT_S: Final = 20.0


class QuickCycle(RequestResponseCycle):
    """
    Puts the head of a usual answer together in a fifth of uvicorn's time, which looks at each
    header by regular expressions; whatever is unusual goes uvicorn's way.
    """

    async def send(self, message: Any) -> None:  # noqa: ANN401 - as starlette; uvicorn's union of all messages says no more
        """
        Send a part of the answer.
        """
        if not self._is_usual():
            await super().send(message)
        elif message["type"] == "http.response.start":
            head = self._head(message["status"], message.get("headers", ()))
            if head is None:
                await super().send(message)
            else:
                self.transport.write(head)
        elif self._is_rest(message):
            self.transport.write(message["body"])
            self.response_complete = True
            self.message_event.set()
            self.on_response()
        else:
            await super().send(message)

    def _is_usual(self) -> bool:
        return self.keep_alive and not self.disconnected and not self.flow.write_paused

    def _is_rest(self, message: Message) -> bool:
        """
        Whether this is the whole body, as long as the head has told.
        """
        return (
            message["type"] == "http.response.body"
            and self.chunked_encoding is False
            and self.scope["method"] != "HEAD"
            and not self.response_complete
            and not message.get("more_body")
            and 0 < self.expected_content_length == len(message.get("body", b""))
        )

    def _head(self, status: int, headers: Iterable[tuple[bytes, bytes]]) -> bytes | None:
        """
        The head, or None for one that says more than its length of how the answer is framed.
        """
        if self.response_started:
            return None
        length = None
        lines = [STATUS_LINE[status]]
        for name, value in self.default_headers:
            lines.append(b"%b: %b\r\n" % (name, value))
        for name, value in headers:
            if name in _FRAMING:
                if name != _LENGTH:
                    return None
                length = value
            lines.append(b"%b: %b\r\n" % (name, value))
        if length is None:
            return None
        lines.append(b"\r\n")
        head = b"".join(lines)
        if head.count(b"\n") != len(lines) or head.count(b"\r") != len(lines):
            return None  # a line break inside a header: uvicorn refuses it
        self.response_started = True
        self.waiting_for_100_continue = False
        self.chunked_encoding = False
        self.expected_content_length = int(length)
        return head


class BoundedHttpProtocol(HttpToolsProtocol):
    """
    One connection.
    """

    max_head_bytes = MAX_HEAD_BYTES
    head_timeout_s = HEAD_TIMEOUT_S
    _is_in_head = False
    _head_bytes = 0
    _head_timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn
        """
        Somebody has connected.
        """
        super().connection_made(OneWrite(transport, self.loop))
        # Who connects and says nothing is an idle client like any other.
        self.timeout_keep_alive_task = self.loop.call_later(
            self.timeout_keep_alive, self.timeout_keep_alive_handler
        )

    def connection_lost(self, exc: Exception | None) -> None:
        """
        The connection is gone.
        """
        self._stop_waiting()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """
        Bytes have come.
        """
        super().data_received(data)
        if self._is_in_head and not self.transport.is_closing():
            self._head_bytes += len(data)
            if self._head_bytes > self.max_head_bytes:
                self._refuse(431, f"The headers are larger than {self.max_head_bytes} bytes.")
            else:
                self._wait_for_head()

    def on_message_begin(self) -> None:
        """
        A request begins.
        """
        self._is_in_head = True
        self._head_bytes = 0
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        """
        The head of a request is there.
        """
        self._is_in_head = False
        self._stop_waiting()
        super().on_headers_complete()

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: "ASGI3Application") -> None:
        # Uvicorn makes it and offers no way to choose its class; this one adds nothing to its state.
        cycle.__class__ = QuickCycle
        super()._start_asgi_task(cycle, app)

    def send_400_response(self, msg: str) -> None:  # noqa: ARG002 - uvicorn's words are not ours
        """
        Refuse what is no HTTP; uvicorn calls this.
        """
        self._refuse(400, "This is no HTTP request that can be read.")

    def _wait_for_head(self) -> None:
        if self._head_timer is None:
            self._head_timer = self.loop.call_later(self.head_timeout_s, self._give_up)

    def _stop_waiting(self) -> None:
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None

    def _give_up(self) -> None:
        self._refuse(408, f"The headers were not there after {self.head_timeout_s:g} s.")

    def _refuse(self, status: int, message: str) -> None:
        """
        Answer without the application, and close.
        """
        self._stop_waiting()
        if self._is_answering():
            # Another answer is on its way: only the end of the connection can tell.
            self.transport.close()
            return
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
        self.transport.write(head.encode() + body)
        self.transport.close()

    def _is_answering(self) -> bool:
        # Uvicorn declares it without its None before the first request.
        cycle = cast("RequestResponseCycle | None", self.cycle)
        return cycle is not None and cycle.response_started and not cycle.response_complete
