"""
Uvicorn's HTTP protocol with bounds on what comes before a body.

Uvicorn reads a request's line and headers however long they are and however
slowly they come, so that any client could fill the memory or hold connections
for ever. Here a head is refused when it is too long or takes too long, and what
is no HTTP is refused in the same shape as every other error. A head that comes
in one piece, as all but hostile ones do, costs next to nothing.
"""

import asyncio
from http import HTTPStatus
from typing import TYPE_CHECKING, Final, cast

import orjson
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from servicekit import correlation
from servicekit.quick_cycle import QuickCycle

if TYPE_CHECKING:
    from uvicorn._types import ASGI3Application

#: Request line and headers; what came in one piece may be one piece longer.
MAX_HEAD_BYTES: Final = 65_536
#: From the first piece of a head to its end.
HEAD_TIMEOUT_S: Final = 20.0


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
        super().connection_made(transport)
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
