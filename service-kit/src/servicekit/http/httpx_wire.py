"""
Networks of httpx's kind below the pipeline: respx, an application in process, httpx's own pool.

They are what tests put in the place of our own. They cannot tell when sending begins.
"""

import asyncio
from collections.abc import Sequence
from typing import Final

import httpx

from servicekit.http.answer import Headers, Received
from servicekit.http.call import Call
from servicekit.http.errors import (
    AnswerTooLarge,
    BadAnswer,
    CallFailed,
    ConnectionLost,
    NeverBegun,
    NotAnsweredInTime,
    NotConnected,
    NotConnectedInTime,
    NotSendable,
)

#: Of httpx's errors and ours, the narrower ones first.
_TRANSLATED: Final[Sequence[tuple[type[httpx.HTTPError], type[CallFailed]]]] = (
    (httpx.PoolTimeout, NeverBegun),
    (httpx.ConnectTimeout, NotConnectedInTime),
    (httpx.TimeoutException, NotAnsweredInTime),
    (httpx.ConnectError, NotConnected),
    (httpx.NetworkError, ConnectionLost),
    (httpx.LocalProtocolError, NotSendable),
    (httpx.HTTPError, BadAnswer),
)


class HttpxWire:
    """
    Sends calls to ``origin`` through ``transport``.
    """

    def __init__(self, transport: httpx.AsyncBaseTransport, *, origin: str) -> None:
        self._transport = transport
        self._origin = origin

    async def exchange(self, call: Call, *, within_s: float, max_bytes: int) -> Received:
        """
        Send a request of httpx's, and read the answer as its stream gives it.
        """
        request = httpx.Request(
            call.method,
            f"{self._origin}{call.target}",
            headers=httpx.Headers(call.headers, encoding="ascii"),
            # A ready stream keeps httpx from preparing headers of its own.
            stream=httpx.ByteStream(call.content),
        )
        try:
            async with asyncio.timeout(within_s):
                response = await self._transport.handle_async_request(request)
                content = await _read(response.stream, max_bytes)
        except httpx.HTTPError as error:
            raise _translated(error) from error
        return Received(response.status_code, Headers(response.headers.raw), content)

    async def aclose(self) -> None:
        """
        Close the transport.
        """
        await self._transport.aclose()


def _translated(error: httpx.HTTPError) -> CallFailed:
    return next(ours(str(error)) for theirs, ours in _TRANSLATED if isinstance(error, theirs))


async def _read(stream: object, max_bytes: int) -> bytes:
    if not isinstance(stream, httpx.AsyncByteStream):
        raise TypeError("an asynchronous network gives asynchronous bodies")
    chunks: list[bytes] = []
    size_bytes = 0
    try:
        async for chunk in stream:
            size_bytes += len(chunk)
            if size_bytes > max_bytes:
                raise AnswerTooLarge(max_bytes)
            chunks.append(chunk)
    finally:
        await stream.aclose()
    return b"".join(chunks)
