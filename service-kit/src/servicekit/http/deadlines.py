"""
The layer below the bulkhead: nothing begins after the call's deadline.

Attempts end at the deadline by themselves, and pauses that would outlast it
are not begun. Where something else may take time, a token source, this layer
has a timer of its own, which holds even if one of the others is wrong.
"""

import asyncio
from collections.abc import Callable

import httpx

from servicekit.http.call import call_of
from servicekit.http.layer import Layer

#: The attempt's own timer goes first, because it knows whether anything was sent.
_GRACE_S = 0.02


class TotalDeadline(Layer):
    """
    Refuses a call whose deadline has passed and, ``has_timer``, ends one at its deadline.
    """

    def __init__(
        self, inner: httpx.AsyncBaseTransport, *, clock: Callable[[], float], has_timer: bool
    ) -> None:
        super().__init__(inner)
        self._clock = clock
        self._has_timer = has_timer

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        call = call_of(request)
        left_s = call.left_s(self._clock())
        if left_s <= 0:
            call.is_cut_short = True
            raise httpx.PoolTimeout("the deadline passed before anything was sent")
        if not self._has_timer:  # setting one up takes as long as all other layers but the attempt
            return await self._inner.handle_async_request(request)
        try:
            async with asyncio.timeout(left_s + _GRACE_S):
                return await self._inner.handle_async_request(request)
        except TimeoutError as reason:
            call.is_cut_short = True
            raise httpx.ReadTimeout("the deadline passed") from reason
