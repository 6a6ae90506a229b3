"""
One connection to an upstream: one request at a time, and its answer.

httptools reads the answers. What is no HTTP, what comes unasked and what has no end in sight ends
the connection; the error says what happened, and ``Network`` whether the connection may be kept.
"""

import asyncio
import select
from typing import Final, cast

import httptools

from servicekit.http.answer import Headers, Received
from servicekit.http.errors import AnswerTooLarge, BadAnswer, CallFailed, ConnectionLost

#: Status line and headers, with the interim answers before them.
MAX_HEAD_BYTES: Final = 65_536

_LENGTHS: Final = frozenset({b"content-length", b"transfer-encoding"})
_FIRST_FINAL_STATUS: Final = 200


class Connection(asyncio.Protocol):
    """
    Is fit for another request while ``is_reusable``. Its errors come after sending.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._parser = httptools.HttpResponseParser(self)
        #: There is no more to wait for: the answer is whole, or an error has come.
        self._over: asyncio.Future[None] | None = None
        self.lost: asyncio.Future[None] = loop.create_future()
        self.idle_since = 0.0
        self._expect(is_body_expected=True, max_bytes=0)
        self._is_whole = True

    async def ask(
        self, message: bytes, *, is_body_expected: bool, max_bytes: int, ends_at: float
    ) -> Received:
        """
        Send ``message`` and wait for its whole answer: until ``ends_at``, and for at most ``max_bytes``.
        """
        self._expect(is_body_expected=is_body_expected, max_bytes=max_bytes)
        self._over = over = self._loop.create_future()
        self._transport.write(message)
        timer = self._loop.call_at(ends_at, self._fail, TimeoutError())
        try:
            await over
        finally:
            timer.cancel()
        if self._error is not None:
            raise self._error
        content = self._parts[0] if len(self._parts) == 1 else b"".join(self._parts)
        self._parts.clear()
        return Received(self._status, Headers(self._headers), content)

    @property
    def is_open(self) -> bool:
        """
        No answer is under way, and both sides would go on.
        """
        return self._is_whole and self._is_kept and not self._transport.is_closing()

    @property
    def is_reusable(self) -> bool:
        """
        It is open after an answer, and all that was to be sent has been.
        """
        return self.is_open and not self._transport.get_write_buffer_size()

    @property
    def is_quiet(self) -> bool:
        """
        It is reusable, and nothing has come meanwhile, also not what the event loop has yet to read.
        """
        return self.is_reusable and not self._unread.poll(0)

    def close(self) -> None:
        """
        Close at once: what has not been sent yet never will be.
        """
        self._transport.abort()

    def _expect(self, *, is_body_expected: bool, max_bytes: int) -> None:
        self._status = 0
        self._headers: list[tuple[bytes, bytes]] = []
        self._is_whole = False
        self._is_body_expected = is_body_expected
        self._has_head = self._has_length = False
        self._is_kept = True
        self._head_bytes = 0
        self._parts: list[bytes] = []
        self._max_bytes = self._bytes_left = max_bytes
        self._error: Exception | None = None

    def _wake(self) -> None:
        if self._over is not None and not self._over.done():
            self._over.set_result(None)

    def _is_encoded(self) -> bool:
        return any(
            name.lower() == b"content-encoding" and value.lower() != b"identity"
            for name, value in self._headers
        )

    def _check_head(self, n_bytes: int) -> None:
        if n_bytes > MAX_HEAD_BYTES and not self._is_whole:
            self._fail(BadAnswer(f"more than {MAX_HEAD_BYTES} bytes of head"))

    def _complete(self, *, is_kept: bool) -> None:
        self._is_whole, self._is_kept = True, is_kept
        self._wake()

    def _fail(self, error: Exception) -> None:
        self._is_kept = False
        if not self._is_whole and self._error is None:
            self._error = error
        self._transport.abort()
        self._wake()

    # What the event loop calls.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """
        There is a connection.
        """
        self._transport = cast("asyncio.Transport", transport)
        # Asked before each use: the loop itself looks only after the next request has gone.
        self._unread = select.poll()
        self._unread.register(transport.get_extra_info("socket").fileno(), select.POLLIN)

    def data_received(self, data: bytes) -> None:
        """
        A part of an answer has come.
        """
        if self._is_whole:  # nobody asked
            self._fail(BadAnswer("more than was asked for"))
            return
        parts_before = len(self._parts)
        self._head_bytes += len(data)
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade) as error:
            self._fail(BadAnswer(f"no HTTP: {error}"))
            return
        if len(self._parts) == parts_before:
            self._check_head(self._head_bytes)
        else:
            self._head_bytes -= len(data)

    def eof_received(self) -> None:
        """
        The other side sends no more. Under TLS it has said so by itself, where the event loop can tell (uvloop's).
        """
        if self._has_head and not self._has_length:
            self._is_whole = True  # as HTTP/1.0 says where a body ends
        self._end(None)

    def connection_lost(self, exc: Exception | None) -> None:
        """
        The connection is gone: closed by us, or cut off, if nothing came of the other side's end before.
        """
        self._end(exc)
        if not self.lost.done():
            self.lost.set_result(None)

    def _end(self, reason: Exception | None) -> None:
        error: CallFailed = BadAnswer("closed without a whole answer")
        self._fail(error if reason is None else ConnectionLost(str(reason)))

    # What the parser calls.

    def on_message_begin(self) -> None:
        """
        An answer begins: ours, an interim one, or one that nobody asked for.
        """
        if self._is_whole:
            self._is_kept = False

    def on_header(self, name: bytes, value: bytes) -> None:
        """
        A header, or what follows a body in chunks, which is of no use.
        """
        if not self._has_head:
            self._headers.append((name, value))

    def on_headers_complete(self) -> None:
        """
        The head of an answer is there.
        """
        if self._is_whole:
            return
        self._status = self._parser.get_status_code()
        if self._status < _FIRST_FINAL_STATUS:
            self._headers.clear()
            return
        self._has_head = True
        if self._head_bytes > MAX_HEAD_BYTES:  # of this head, or of what came with it
            self._check_head(sum(len(name) + len(value) for name, value in self._headers))
        names = {name.lower() for name, _ in self._headers}
        self._has_length = not _LENGTHS.isdisjoint(names)
        if b"content-encoding" in names and self._is_encoded():
            self._fail(BadAnswer("encoded, though plain was asked for"))
        if not self._is_body_expected:
            self._complete(is_kept=False)

    def on_body(self, part: bytes) -> None:
        """
        A part of the body.
        """
        if self._is_whole or self._error is not None:
            return
        self._parts.append(part)
        self._bytes_left -= len(part)
        if self._bytes_left < 0:
            self._fail(AnswerTooLarge(self._max_bytes))

    def on_message_complete(self) -> None:
        """
        The end of an answer.
        """
        if self._has_head and not self._is_whole:
            self._complete(is_kept=self._parser.should_keep_alive())
