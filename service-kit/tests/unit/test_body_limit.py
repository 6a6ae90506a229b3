"""
A body that breaks off is its sender's mistake.
"""

import pytest
from starlette.requests import Request
from starlette.types import Message, Receive, Scope, Send

from servicekit.errors import MalformedRequest
from servicekit.middleware.body_limit import BodyLimitMiddleware


async def read(scope: Scope, receive: Receive, _send: Send) -> None:
    """
    Reads the whole body and answers nothing.
    """
    await Request(scope, receive).body()


async def test_a_body_that_breaks_off_is_malformed() -> None:
    """
    Whoever reads a body that does not come to its end has not crashed: the request is refused.
    """
    parts: list[Message] = [
        {"type": "http.request", "body": b"half", "more_body": True},
        {"type": "http.disconnect"},
    ]

    async def receive() -> Message:
        return parts.pop(0)

    async def send(_message: Message) -> None:
        pass

    limited = BodyLimitMiddleware(read, max_body_bytes=100)
    scope = {"type": "http", "headers": [(b"content-length", b"8")]}

    with pytest.raises(MalformedRequest):
        await limited(scope, receive, send)
