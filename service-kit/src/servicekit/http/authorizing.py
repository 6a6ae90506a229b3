"""
The layer that says who is calling, for clients that call in their own service's name.

It stands inside the deadline, because a token may have to be fetched, and
outside the breaker, because a token that cannot be had says nothing about the
upstream.
"""

from collections.abc import Awaitable, Callable

from servicekit.http.answer import Received
from servicekit.http.call import Call
from servicekit.http.layer import Layer, Sender
from servicekit.http.requests import AUTHORIZATION_HEADER


class Authorizing(Layer):
    """
    Sends the header that ``authorize`` gives (``Bearer ...``), unless the request brings one.

    A 401 is the upstream's answer like any other 4xx: no second token is tried.
    """

    def __init__(self, inner: Sender, *, authorize: Callable[[], Awaitable[str]]) -> None:
        super().__init__(inner)
        self._authorize = authorize

    async def send(self, call: Call) -> Received:
        """
        Pass it on with the header.
        """
        if AUTHORIZATION_HEADER not in call.headers:
            call.headers[AUTHORIZATION_HEADER] = await self._authorize()
        return await self._inner.send(call)
