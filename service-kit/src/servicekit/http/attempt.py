"""
The innermost layer: one attempt, from connecting to the last byte of the answer.

A body that stalls or never ends counts against the attempt, the breaker and the deadline like any
other failure: what is below gives answers whole.
"""

from collections.abc import Callable

from servicekit.deadline import DEADLINE_HEADER
from servicekit.http.answer import Received
from servicekit.http.call import Call
from servicekit.http.errors import (
    NeverBegun,
    NotAnsweredInTime,
    NotConnected,
    NotConnectedInTime,
    NotSendable,
    OutOfTime,
)
from servicekit.http.layer import Wire

#: With these, not a byte of the request has left.
_NEVER_SENT = (NeverBegun, NotConnectedInTime, NotConnected, NotSendable)


class Attempt:
    """
    Ends an attempt after ``limit_s`` or at the call's deadline, whichever comes first,
    tells the upstream how long that is, and reads at most ``max_response_bytes``.
    """

    def __init__(
        self,
        wire: Wire,
        *,
        limit_s: float,
        max_response_bytes: int,
        clock: Callable[[], float],
    ) -> None:
        self._wire = wire
        self._limit_s = limit_s
        self._max_response_bytes = max_response_bytes
        self._clock = clock

    async def send(self, call: Call) -> Received:
        """
        Send it once, and note in ``call`` what became of that.
        """
        left_s = call.left_s(self._clock())
        if left_s <= 0:
            call.is_cut_short = True
            raise NeverBegun("the deadline passed before the attempt began")
        call.attempts += 1
        call.is_connecting = False
        call.status = None
        call.headers[DEADLINE_HEADER] = str(max(1, int(left_s * 1000)))
        is_clear = False
        try:
            answer = await self._wire.exchange(
                call, within_s=min(self._limit_s, left_s), max_bytes=self._max_response_bytes
            )
            call.status = answer.status
            is_clear = answer.status < 500
        except TimeoutError as reason:
            call.is_cut_short = left_s <= self._limit_s
            raise _timeout(call) from reason
        except _NEVER_SENT:
            call.is_connecting = True
            raise
        finally:
            if not is_clear and not call.is_connecting:
                call.is_in_doubt = True
        return answer

    async def aclose(self) -> None:
        """
        Close what is below.
        """
        await self._wire.aclose()


def _timeout(call: Call) -> OutOfTime:
    if call.is_connecting:
        return NotConnectedInTime("not connected in time")
    return NotAnsweredInTime("no whole answer in time")
