"""
HTTP/1.1 messages as they are on the wire: read whole, and kept byte for byte.
"""

import asyncio
import re
from dataclasses import dataclass
from typing import Final

_LENGTH: Final = re.compile(rb"\r\ncontent-length:[ \t]*(\d+)", re.IGNORECASE)
_CHUNKED: Final = re.compile(rb"\r\ntransfer-encoding:[ \t]*chunked", re.IGNORECASE)
#: Statuses whose answers have no body, whatever their head says.
_BODILESS: Final = (204, 304)


@dataclass(frozen=True, slots=True)
class Message:
    """
    A request or an answer.
    """

    head: bytes
    body: bytes

    @property
    def raw(self) -> bytes:
        """
        All of it.
        """
        return self.head + self.body

    @property
    def method(self) -> str:
        """
        A request's method.
        """
        return self.head.split(b" ", 1)[0].decode()

    @property
    def path(self) -> str:
        """
        A request's path, without its query.
        """
        return self.head.split(b" ", 2)[1].split(b"?")[0].decode()

    @property
    def status(self) -> int:
        """
        An answer's status.
        """
        return int(self.head.split(b" ", 2)[1])


async def read_request(reader: asyncio.StreamReader) -> Message | None:
    """
    The next request; None where the connection has ended, also in the middle of one.
    """
    try:
        head = await reader.readuntil(b"\r\n\r\n")
        return Message(head, await _body(reader, head))
    except (asyncio.IncompleteReadError, ConnectionError):
        return None


async def read_answer(reader: asyncio.StreamReader) -> Message | None:
    """
    The next answer; None where the connection has ended, also in the middle of one.
    """
    try:
        head = await reader.readuntil(b"\r\n\r\n")
        if Message(head, b"").status in _BODILESS:
            return Message(head, b"")
        return Message(head, await _body(reader, head))
    except (asyncio.IncompleteReadError, ConnectionError):
        return None


async def _body(reader: asyncio.StreamReader, head: bytes) -> bytes:
    if _CHUNKED.search(head):
        return await _chunks(reader)
    length = _LENGTH.search(head)
    return await reader.readexactly(int(length[1])) if length else b""


async def _chunks(reader: asyncio.StreamReader) -> bytes:
    raw = b""
    while True:
        line = await reader.readuntil(b"\r\n")
        chunk = await reader.readexactly(int(line.split(b";")[0], 16) + 2)
        raw += line + chunk
        # Nobody here sends trailers: after the last, empty chunk stands an empty line.
        if len(chunk) == 2:
            return raw
