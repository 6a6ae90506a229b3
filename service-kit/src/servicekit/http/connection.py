"""
One connection to an upstream: one request at a time, and its answer.

httptools reads the answers. What is no HTTP, what comes unasked and what has no end in sight ends
the connection; the error says what happened, and ``Network`` whether the connection may be kept.
"""

import asyncio
from typing import Final, cast

import httptools
import httpx

#: Status line and headers, with the interim answers before them.
MAX_HEAD_BYTES: Final = 65_536

_LENGTHS: Final = frozenset({b"content-length", b"transfer-encoding"})
_FIRST_FINAL_STATUS: Final = 200

Headers = list[tuple[bytes, bytes]]


class Connection(asyncio.Protocol):
    """
    Is fit for another request while ``is_reusable``. Errors are those of httpx, after sending.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._parser = httptools.HttpResponseParser(self)
        self._waiter: asyncio.Future[None] | None = None
        self.lost: asyncio.Future[None] = loop.create_future()
        self.idle_since = 0.0
        self._expect(is_body_expected=True)
        self.is_whole = True

    async def ask(self, message: bytes, *, is_body_expected: bool) -> None:
        """
        Send ``message`` and wait for the head of its answer, and for what comes with it.
        """
        self._expect(is_body_expected=is_body_expected)
        self._transport.write(message)
        while not self._has_head:
            await self._news()

    async def read(self) -> bytes:
        """
        The next part of the body, or nothing at its end. Whoever asks reads on without a pause:
        what has come is kept here until then, however much it is.
        """
        while not self._parts and not self.is_whole:
            await self._news()
        part = self._parts[0] if len(self._parts) == 1 else b"".join(self._parts)
        self._parts.clear()
        return part

    @property
    def is_reusable(self) -> bool:
        """
        The answer has been read to its end, and both sides would go on.
        """
        return (
            self.is_whole
            and self._is_kept
            and not self._transport.is_closing()
            and not self._transport.get_write_buffer_size()
        )

    def close(self) -> None:
        """
        Close at once: what has not been sent yet never will be.
        """
        self._transport.abort()

    def _expect(self, *, is_body_expected: bool) -> None:
        self.status = 0
        self.headers: Headers = []
        self.is_whole = False
        self._is_body_expected = is_body_expected
        self._has_head = self._has_length = False
        self._is_kept = True
        self._head_bytes = 0
        self._parts: list[bytes] = []
        self._error: httpx.TransportError | None = None

    async def _news(self) -> None:
        if self._error is not None:
            raise self._error
        self._waiter = self._loop.create_future()
        try:
            await self._waiter
        finally:
            self._waiter = None

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    def _count_head(self, n_bytes: int) -> None:
        self._head_bytes += n_bytes
        if self._head_bytes > MAX_HEAD_BYTES and not self.is_whole:
            self._fail(httpx.RemoteProtocolError(f"more than {MAX_HEAD_BYTES} bytes of head"))

    def _fail(self, error: httpx.TransportError) -> None:
        self._is_kept = False
        if not self.is_whole and self._error is None:
            self._error = error
        self._transport.abort()
        self._wake()

    # What the event loop calls.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """
        There is a connection.
        """
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        """
        A part of an answer has come.
        """
        if self.is_whole:  # nobody asked
            self._fail(httpx.RemoteProtocolError("more than was asked for"))
            return
        parts_before = len(self._parts)
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade) as error:
            self._fail(httpx.RemoteProtocolError(f"no HTTP: {error}"))
            return
        if len(self._parts) == parts_before:
            self._count_head(len(data))
        if self._has_head:
            self._wake()

    def eof_received(self) -> None:
        """
        The other side sends no more.
        """
        self._end(None)

    def connection_lost(self, exc: Exception | None) -> None:
        """
        The connection is gone.
        """
        self._end(exc)
        if not self.lost.done():
            self.lost.set_result(None)

    def _end(self, reason: Exception | None) -> None:
        if reason is None and self._has_head and not self._has_length:
            self.is_whole = True  # as HTTP/1.0 says where a body ends
        error: httpx.TransportError = httpx.RemoteProtocolError("closed without a whole answer")
        self._fail(error if reason is None else httpx.ReadError(str(reason)))

    # What the parser calls.

    def on_message_begin(self) -> None:
        """
        An answer begins: ours, an interim one, or one that nobody asked for.
        """
        if self.is_whole:
            self._is_kept = False

    def on_header(self, name: bytes, value: bytes) -> None:
        """
        A header, or what follows a body in chunks, which is of no use.
        """
        if not self._has_head:
            self.headers.append((name, value))

    def on_headers_complete(self) -> None:
        """
        The head of an answer is there.
        """
        if self.is_whole:
            return
        self.status = self._parser.get_status_code()
        if self.status < _FIRST_FINAL_STATUS:
            self.headers.clear()
            return
        self._has_head = True
        self._has_length = any(name.lower() in _LENGTHS for name, _ in self.headers)
        if not self._is_body_expected:
            self.is_whole, self._is_kept = True, False

    def on_body(self, part: bytes) -> None:
        """
        A part of the body.
        """
        if not self.is_whole:
            self._parts.append(part)

    def on_message_complete(self) -> None:
        """
        The end of an answer.
        """
        if self._has_head and not self.is_whole:
            self.is_whole = True
            self._is_kept = self._parser.should_keep_alive()
