"""
Tells an observer of a call's beginning and its end, whatever the end is; and whoever wants to
know of the calls that it makes itself.

::

    with recorded() as calls:
        await inventory.products(ids)
    calls[0].attempts
"""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Final

from servicekit.errors import (
    CircuitOpen,
    DeadlineExceeded,
    OutcomeUnknown,
    Overloaded,
    UpstreamFailed,
    UpstreamRefused,
)
from servicekit.http.breaker import Breaker
from servicekit.http.call import Call
from servicekit.http.observer import CallEnded, CallOutcome, Observer

_OUTCOMES: dict[type[BaseException], CallOutcome] = {
    UpstreamRefused: CallOutcome.REFUSED,
    UpstreamFailed: CallOutcome.FAILED,
    OutcomeUnknown: CallOutcome.UNKNOWN,
    CircuitOpen: CallOutcome.CIRCUIT_OPEN,
    Overloaded: CallOutcome.OVERLOADED,
    DeadlineExceeded: CallOutcome.DEADLINE,
    asyncio.CancelledError: CallOutcome.CANCELLED,
}

_RECORD: Final[ContextVar[list[CallEnded] | None]] = ContextVar("record_of_calls", default=None)


@contextmanager
def recorded() -> Iterator[list[CallEnded]]:
    """
    The calls that end inside, in the order in which they end.
    """
    calls: list[CallEnded] = []
    token = _RECORD.set(calls)
    try:
        yield calls
    finally:
        _RECORD.reset(token)


class Watched:
    """
    ``observer``, and whoever records, learns what becomes of ``call`` inside.
    """

    __slots__ = ("_breaker", "_call", "_clock", "_observer")

    def __init__(
        self, observer: Observer | None, call: Call, breaker: Breaker, clock: Callable[[], float]
    ) -> None:
        self._observer = observer
        self._call = call
        self._breaker = breaker
        self._clock = clock

    def __enter__(self) -> None:
        if self._observer is not None:
            self._observer.call_started(self._call.upstream, self._call.method)

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        record = _RECORD.get()
        if self._observer is None and record is None:
            return
        ended = self._ended(kind)
        if self._observer is not None:
            self._observer.call_ended(ended)
        if record is not None:
            record.append(ended)

    def _ended(self, kind: type[BaseException] | None) -> CallEnded:
        call = self._call
        return CallEnded(
            upstream=call.upstream,
            method=call.method,
            outcome=CallOutcome.OK if kind is None else _OUTCOMES.get(kind, CallOutcome.ERROR),
            status=call.status,
            duration_s=self._clock() - call.started_at,
            attempts=call.attempts,
            given_s=call.deadline_at - call.started_at,
            breaker=self._breaker.state,
        )
