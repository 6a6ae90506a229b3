"""
How a usual answer leaves: its head and its body put together at once, in one write.

Uvicorn looks at each header with two regular expressions, and writes the head and the body by
themselves, which uvloop hands to the system each for itself. That is a tenth of what a whole request
takes. Here only what is usual is done otherwise: an answer whose headers have names that were
checked before, which tells its length once, comes in one piece, and leaves the connection open.
Everything else goes uvicorn's way.

A body that is not there in the same turn of the event loop is not waited for: the head goes first.
"""

import asyncio
import re
from collections.abc import Iterable
from contextvars import Context
from functools import lru_cache
from typing import Any, Final

from starlette.types import Message
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, RequestResponseCycle

_LENGTH: Final = b"content-length"
#: Headers that say where an answer ends, and whether the connection does.
_FRAMING: Final = frozenset({b"transfer-encoding", b"connection"})
#: A name as HTTP allows it, and as ASGI wants it: in lower case.
_IS_NAME: Final = re.compile(rb"[!#$%&'*+.^_`|~0-9a-z-]+").fullmatch
#: What may stand in no header: line breaks, NUL and their kind. A tab may.
_CONTROLS: Final = bytes(code for code in (*range(32), 127) if code != 9)
#: A larger body is not copied to stand behind its head.
_MAX_JOINED_BYTES: Final = 64 * 1024


class QuickCycle(RequestResponseCycle):
    """
    Holds the head of a usual answer back until its body is there, or this turn of the loop is over.
    """

    _head: bytes | None = None
    _is_cut = False

    def cut(self) -> None:
        """
        The rest of the body will not come: who reads it is told so, and answers for the last time.
        """
        self._is_cut = True
        self.keep_alive = False
        self.message_event.set()

    async def receive(self) -> Any:  # noqa: ANN401 - see send
        """
        Wait for a part of the body.
        """
        message: Any = None if self._is_cut else await super().receive()
        return {"type": "http.disconnect"} if self._is_cut else message

    async def send(self, message: Any) -> None:  # noqa: ANN401 - as starlette; uvicorn's union of all messages says no more
        """
        Send a part of the answer.
        """
        if self._head is not None:
            if self._is_whole_body(message):
                head, self._head = self._head, None
                self.transport.write(head + message.get("body", b""))
                self.response_complete = True
                self.message_event.set()
                self.on_response()
                return
            self._send_head()
        elif self._may_hold(message):
            self._head = self._usual_head(message["status"], message.get("headers", ()))
            if self._head is not None:
                asyncio.get_running_loop().call_soon(self._send_head, context=Context())
                return
        await super().send(message)

    def _send_head(self) -> None:
        head, self._head = self._head, None
        if head is not None and not self.disconnected:
            self.transport.write(head)

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
        The head, or None for one that says more than its length of how the answer is framed, or
        holds what no head may.
        """
        length = None
        values = []
        lines = [STATUS_LINE[status]]
        for name, value in (*self.default_headers, *headers):
            if name == _LENGTH and length is None and value.isdigit():
                length = int(value)
            elif not _is_harmless(name):
                return None
            values.append(value)
            lines.append(b"%b: %b\r\n" % (name, value))
        if length is None or _has_controls(b"".join(values)):
            return None
        lines.append(b"\r\n")
        self.response_started = True
        self.waiting_for_100_continue = False
        self.chunked_encoding = False
        self.expected_content_length = length
        return b"".join(lines)


@lru_cache(maxsize=1024)
def _is_harmless(name: bytes) -> bool:
    """
    Whether a header of this name may stand in a usual head.
    """
    return name != _LENGTH and name not in _FRAMING and _IS_NAME(name) is not None


def _has_controls(values: bytes) -> bool:
    return len(values.translate(None, _CONTROLS)) != len(values)
