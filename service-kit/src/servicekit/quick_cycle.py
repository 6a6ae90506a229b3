"""
How a usual answer leaves: its head and its body put together at once, in one write.

Uvicorn looks at each header with two regular expressions, and writes the head and the body by
themselves, which uvloop hands to the system each for itself. That is a tenth of what a whole request
takes. Here only what is usual is done otherwise: an answer that tells its length, comes in one
piece, and leaves the connection open. Everything else goes uvicorn's way.
"""

from collections.abc import Iterable
from typing import Any, Final

from starlette.types import Message
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, RequestResponseCycle

_LENGTH: Final = b"content-length"
#: Headers that say where an answer ends, and whether the connection does.
_FRAMING: Final = frozenset({_LENGTH, b"transfer-encoding", b"connection"})

#: A larger body is not copied to stand behind its head.
_MAX_JOINED_BYTES: Final = 64 * 1024


class QuickCycle(RequestResponseCycle):
    """
    Holds the head of a usual answer back until its body is there.
    """

    _head: bytes | None = None

    async def send(self, message: Any) -> None:  # noqa: ANN401 - as starlette; uvicorn's union of all messages says no more
        """
        Send a part of the answer.
        """
        if self._head is not None:
            head, self._head = self._head, None
            if self._is_whole_body(message):
                self.transport.write(head + message.get("body", b""))
                self.response_complete = True
                self.message_event.set()
                self.on_response()
                return
            if not self.disconnected:
                self.transport.write(head)
        elif self._may_hold(message):
            self._head = self._usual_head(message["status"], message.get("headers", ()))
            if self._head is not None:
                return
        await super().send(message)

    def _may_hold(self, message: Message) -> bool:
        return (
            not self.response_started
            and self.keep_alive
            and message["type"] == "http.response.start"
            and self.scope["method"] != "HEAD"
        )

    def _is_whole_body(self, message: Message) -> bool:
        return (
            message["type"] == "http.response.body"
            and not message.get("more_body")
            and len(message.get("body", b"")) == self.expected_content_length <= _MAX_JOINED_BYTES
            and not self.disconnected
            and not self.flow.write_paused
            # The server may have begun to stop while the body was made.
            and self.keep_alive
        )

    def _usual_head(self, status: int, headers: Iterable[tuple[bytes, bytes]]) -> bytes | None:
        """
        The head, or None for one that says more than its length of how the answer is framed.
        """
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
