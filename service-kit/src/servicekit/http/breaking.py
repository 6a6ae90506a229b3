"""
The layer that asks the breaker before each attempt, and tells it what became of it.
"""

import asyncio
from collections.abc import Callable

from servicekit.http.answer import Received
from servicekit.http.breaker import Breaker
from servicekit.http.call import Call
from servicekit.http.errors import (
    AnswerTooLarge,
    CallFailed,
    NeverBegun,
    NotSendable,
    OutOfTime,
)
from servicekit.http.layer import Layer, Sender

#: What never reached the upstream, or was more than we read: nothing speaks against it.
_SAY_NOTHING = (NeverBegun, NotSendable, AnswerTooLarge)


class Breaking(Layer):
    """
    Fails fast while the breaker is open. An upstream fails by not answering in time,
    by an answer that is no HTTP, and by a 5xx; a refusal (4xx) is a sign of health.
    """

    def __init__(
        self,
        inner: Sender,
        *,
        breaker: Breaker,
        slow_call_s: float,
        clock: Callable[[], float],
    ) -> None:
        super().__init__(inner)
        self._breaker = breaker
        self._slow_call_s = slow_call_s
        self._clock = clock

    async def send(self, call: Call) -> Received:
        """
        One attempt, if the breaker lets it through.
        """
        ticket = self._breaker.admit()
        began_at = self._clock()
        try:
            answer = await self._inner.send(call)
        except BaseException as error:  # judged by the breaker, and raised on
            if self._speaks_against_upstream(error, call, began_at):
                self._breaker.failed(ticket, type(error).__name__)
            else:
                self._breaker.abandoned(ticket)
            raise
        if answer.status >= 500:
            self._breaker.failed(ticket, f"status {answer.status}")
        else:
            self._breaker.succeeded(ticket)
        return answer

    def _speaks_against_upstream(self, error: BaseException, call: Call, began_at: float) -> bool:
        now = self._clock()
        is_slow = now - began_at >= self._slow_call_s
        if isinstance(error, asyncio.CancelledError):
            # The deadline's own timer cancels too; a caller that left says nothing.
            return is_slow and call.left_s(now) <= 0
        if isinstance(error, OutOfTime) and call.is_cut_short:
            # Otherwise a client could open our breakers by sending tiny deadlines.
            return is_slow
        return isinstance(error, CallFailed) and not isinstance(error, _SAY_NOTHING)
