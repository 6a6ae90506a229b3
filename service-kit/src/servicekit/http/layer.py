"""
What every layer of the pipeline is: a transport around another one.
"""

import httpx


class Layer(httpx.AsyncBaseTransport):
    """
    Passes requests on, and closes what it wraps when it is closed.
    """

    def __init__(self, inner: httpx.AsyncBaseTransport) -> None:
        self._inner = inner

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        return await self._inner.handle_async_request(request)

    async def aclose(self) -> None:
        await self._inner.aclose()
