"""
The layer that says who is calling, for clients that call in their own service's name.

It stands inside the deadline, because a token may have to be fetched, and
outside the breaker, because a token that cannot be had says nothing about the
upstream.
"""

from collections.abc import Awaitable, Callable

import httpx

from servicekit.http.layer import Layer

_HEADER = "Authorization"


class Authorizing(Layer):
    """
    Sends the header that ``authorize`` gives (``Bearer ...``), unless the request brings one.

    A 401 is the upstream's answer like any other 4xx: no second token is tried.
    """

    def __init__(
        self, inner: httpx.AsyncBaseTransport, *, authorize: Callable[[], Awaitable[str]]
    ) -> None:
        super().__init__(inner)
        self._authorize = authorize

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        if _HEADER not in request.headers:
            request.headers[_HEADER] = await self._authorize()
        return await self._inner.handle_async_request(request)
