"""
What every layer of the pipeline is: a transport around another one.
"""

import httpx


class Layer(httpx.AsyncBaseTransport):
    """
    Closes what it wraps when it is closed; each layer says itself how it passes requests on.
    """

    def __init__(self, inner: httpx.AsyncBaseTransport) -> None:
        self._inner = inner

    async def aclose(self) -> None:
        await self._inner.aclose()
