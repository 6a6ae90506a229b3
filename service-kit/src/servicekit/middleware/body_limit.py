"""
Bounds what a request may send.

Starlette has a middleware for this, but it answers in plain text and may
replace an answer that was already chosen.

What is left of a refused body is read and thrown away for a moment, so that a
client that is still sending gets to read its answer and not a reset connection.
"""

import asyncio
from collections.abc import Awaitable

from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from servicekit.errors import BodyTooLarge, MalformedRequest

#: How much of a refused body is thrown away at most, and for how long.
DISCARD_BYTES = 4 * 1024 * 1024
DISCARD_FOR_S = 1.0


class BodyLimitMiddleware:
    """
    Refuses a larger body before it is read where its length is told, else as soon as it is over.
    """

    def __init__(self, app: ASGIApp, *, max_body_bytes: int) -> None:
        self._app = app
        self._max_body_bytes = max_body_bytes

    def __call__(self, scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        """
        Serve one request.
        """
        if length := _told_length(scope):
            return self._serve_within(length, scope, receive, send)
        # Handed on and not awaited here: a coroutine less for each request.
        return self._app(scope, receive, send)

    async def _serve_within(self, length: int, scope: Scope, receive: Receive, send: Send) -> None:
        if length > self._max_body_bytes:
            await _discard_unasked(scope, receive)
            raise BodyTooLarge(max_body_bytes=self._max_body_bytes)
        received_bytes = 0
        is_answering = False

        async def receive_within() -> Message:
            nonlocal received_bytes
            message = await receive()
            received_bytes += len(message.get("body", b""))
            if received_bytes > self._max_body_bytes:
                raise too_large
            return message

        async def send_unless_too_large(message: Message) -> None:
            nonlocal is_answering
            # Whoever read the body may have made another error of ours: it is not the client's.
            if received_bytes <= self._max_body_bytes or is_answering:
                is_answering = True
                await send(message)

        too_large = BodyTooLarge(max_body_bytes=self._max_body_bytes)
        try:
            await self._app(scope, receive_within, send_unless_too_large)
        except ClientDisconnect:
            raise MalformedRequest("The body was not there to its end.") from None
        if received_bytes > self._max_body_bytes and not is_answering:
            await _discard(receive)
            raise too_large


async def _discard_unasked(scope: Scope, receive: Receive) -> None:
    asks = any(name == b"expect" for name, _ in scope["headers"])
    if not asks:  # else the client sends its body only when told to, and reading tells it so
        await _discard(receive)


async def _discard(receive: Receive) -> None:
    left_bytes = DISCARD_BYTES
    try:
        async with asyncio.timeout(DISCARD_FOR_S):
            while left_bytes > 0:
                message = await receive()
                left_bytes -= len(message.get("body", b""))
                if not message.get("more_body", False):
                    return
    except TimeoutError:
        return


def _told_length(scope: Scope) -> int:
    """
    The length that the headers tell: 0 without a body, 1 where it will be seen only as it comes.
    """
    for name, value in scope["headers"]:
        if name == b"content-length":
            if not value.isdigit():
                raise MalformedRequest("Content-Length must be a whole number.")
            return int(value)
        if name == b"transfer-encoding":
            return 1
    return 0
