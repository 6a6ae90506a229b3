"""
The layer below the bulkhead: nothing begins after the call's deadline.

Attempts end at the deadline by themselves, and pauses that would outlast it
are not begun. Where something else may take time, a token source, this layer
has a timer of its own, which holds even if one of the others is wrong.
"""

import asyncio
from collections.abc import Callable

from servicekit.http.answer import Received
from servicekit.http.call import Call
from servicekit.http.errors import NeverBegun, NotAnsweredInTime
from servicekit.http.layer import Layer, Sender

#: The attempt's own timer goes first, because it knows whether anything was sent.
_GRACE_S = 0.02


class TotalDeadline(Layer):
    """
    Refuses a call whose deadline has passed and, ``has_timer``, ends one at its deadline.
    """

    def __init__(self, inner: Sender, *, clock: Callable[[], float], has_timer: bool) -> None:
        super().__init__(inner)
        self._clock = clock
        self._has_timer = has_timer

    async def send(self, call: Call) -> Received:
        """
        Pass it on while there is time.
        """
        left_s = call.left_s(self._clock())
        if left_s <= 0:
            call.is_cut_short = True
            raise NeverBegun("the deadline passed before anything was sent")
        if not self._has_timer:  # setting one up takes longer than all layers together
            return await self._inner.send(call)
        try:
            async with asyncio.timeout(left_s + _GRACE_S):
                return await self._inner.send(call)
        except TimeoutError as reason:
            call.is_cut_short = True
            raise NotAnsweredInTime("the deadline passed") from reason
