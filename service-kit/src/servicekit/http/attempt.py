"""
The layer around the network: one attempt, from connecting to the last byte of the answer.

A response leaves this layer whole, so that a body that stalls or never ends
counts against the attempt, the breaker and the deadline like any other failure.
"""

import asyncio
from collections.abc import Callable

import httpx

from servicekit.deadline import DEADLINE_HEADER
from servicekit.http.body import WholeBody
from servicekit.http.call import Call, call_of
from servicekit.http.layer import Layer

#: With these, not a byte of the request has left.
_NEVER_SENT = (
    httpx.ConnectError,
    httpx.ConnectTimeout,
    httpx.PoolTimeout,
    httpx.LocalProtocolError,
    httpx.UnsupportedProtocol,
)


class AnswerTooLarge(httpx.RequestError):
    """
    The answer has more bytes than are read. Asking again would bring the same.
    """


class Attempt(Layer):
    """
    Ends an attempt after ``limit_s`` or at the call's deadline, whichever comes first,
    tells the upstream how long that is, and reads at most ``max_response_bytes``.
    """

    def __init__(
        self,
        inner: httpx.AsyncBaseTransport,
        *,
        limit_s: float,
        max_response_bytes: int,
        clock: Callable[[], float],
    ) -> None:
        super().__init__(inner)
        self._limit_s = limit_s
        self._max_response_bytes = max_response_bytes
        self._clock = clock

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        call = call_of(request)
        left_s = call.left_s(self._clock())
        if left_s <= 0:
            call.is_cut_short = True
            raise httpx.PoolTimeout("the deadline passed before the attempt began")
        call.attempts += 1
        call.is_connecting = False
        call.status = None
        request.headers[DEADLINE_HEADER] = str(max(1, int(left_s * 1000)))
        is_clear = False
        try:
            response = await self._within(min(self._limit_s, left_s), request)
            call.status = response.status_code
            is_clear = response.status_code < 500
        except TimeoutError as reason:
            call.is_cut_short = left_s <= self._limit_s
            raise _timeout(call) from reason
        except _NEVER_SENT:
            call.is_connecting = True
            raise
        finally:
            if not is_clear and not call.is_connecting:
                call.is_in_doubt = True
        return response

    async def _within(self, limit_s: float, request: httpx.Request) -> httpx.Response:
        async with asyncio.timeout(limit_s):
            response = await self._inner.handle_async_request(request)
            if not isinstance(response.stream, WholeBody):
                response.stream = WholeBody(await self._read(response))
        if len(response.stream.content) > self._max_response_bytes:
            raise AnswerTooLarge(f"more than {self._max_response_bytes} bytes")
        return response

    async def _read(self, response: httpx.Response) -> bytes:
        stream = response.stream
        if not isinstance(stream, httpx.AsyncByteStream):
            raise TypeError("an asynchronous network gives asynchronous bodies")
        chunks: list[bytes] = []
        size_bytes = 0
        try:
            async for chunk in stream:
                size_bytes += len(chunk)
                if size_bytes > self._max_response_bytes:
                    raise AnswerTooLarge(f"more than {self._max_response_bytes} bytes")
                chunks.append(chunk)
        finally:
            await stream.aclose()
        return b"".join(chunks)


def _timeout(call: Call) -> httpx.TimeoutException:
    if call.is_connecting:
        return httpx.ConnectTimeout("not connected in time")
    return httpx.ReadTimeout("no whole answer in time")
