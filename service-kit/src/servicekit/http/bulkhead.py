"""
The outermost layer: how many calls to one upstream are in progress at once.

A slow upstream may hold this many callers and no more; the others wait in
line, within their deadlines, and when the line is full too they are told at
once. A place that is given up goes straight to the first in line.
"""

import asyncio
from collections import deque
from collections.abc import Callable

from servicekit.errors import Overloaded
from servicekit.http.answer import Received
from servicekit.http.call import Call
from servicekit.http.errors import NeverBegun
from servicekit.http.layer import Layer, Sender


class Bulkhead(Layer):
    """
    At most ``max_in_flight`` calls inside, at most ``max_waiting`` in line, first come first served.
    """

    def __init__(
        self,
        inner: Sender,
        *,
        max_in_flight: int,
        max_waiting: int,
        clock: Callable[[], float],
    ) -> None:
        super().__init__(inner)
        self._free = max_in_flight
        self._max_waiting = max_waiting
        self._line: deque[asyncio.Future[None]] = deque()
        self._clock = clock

    async def send(self, call: Call) -> Received:
        """
        Pass it on when there is a place.
        """
        if self._free > 0:  # a free place means an empty line
            self._free -= 1
        else:
            await self._wait_in_line(call)
        try:
            return await self._inner.send(call)
        finally:
            self._give_up_place()

    async def _wait_in_line(self, call: Call) -> None:
        if len(self._line) >= self._max_waiting:
            raise Overloaded(f"the {call.upstream} service")
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._line.append(turn)
        try:
            async with asyncio.timeout(max(0.0, call.left_s(self._clock()))):
                await turn
        except BaseException as reason:  # cancelled, too: the place in the queue goes on
            self._leave_line(turn)
            if isinstance(reason, TimeoutError):
                call.is_cut_short = True
                raise NeverBegun("the deadline passed in line") from reason
            raise

    def _leave_line(self, turn: asyncio.Future[None]) -> None:
        if turn.done() and not turn.cancelled():
            self._give_up_place()  # its turn came while it was leaving
        elif turn in self._line:
            self._line.remove(turn)

    def _give_up_place(self) -> None:
        while self._line:
            turn = self._line.popleft()
            if not turn.done():
                turn.set_result(None)
                return
        self._free += 1
