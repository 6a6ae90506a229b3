"""
Bounds what a request may send.

Starlette has a middleware for this, but it answers in plain text and may
replace an answer that was already chosen.
"""

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from servicekit.errors import BodyTooLarge, MalformedRequest


class BodyLimitMiddleware:
    """
    Refuses a larger body before it is read where its length is told, else as soon as it is over.
    """

    def __init__(self, app: ASGIApp, *, max_body_bytes: int) -> None:
        self._app = app
        self._max_body_bytes = max_body_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """
        Serve one request.
        """
        if scope["type"] != "http" or not (length := _told_length(scope)):
            await self._app(scope, receive, send)
            return
        if length > self._max_body_bytes:
            raise BodyTooLarge(max_body_bytes=self._max_body_bytes)
        received_bytes = 0

        async def receive_within() -> Message:
            nonlocal received_bytes
            message = await receive()
            received_bytes += len(message.get("body", b""))
            if received_bytes > self._max_body_bytes:
                raise BodyTooLarge(max_body_bytes=self._max_body_bytes)
            return message

        await self._app(scope, receive_within, send)


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
