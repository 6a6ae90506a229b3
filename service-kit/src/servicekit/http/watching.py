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


@contextmanager
def watched(
    observer: Observer | None, call: Call, breaker: Breaker, clock: Callable[[], float]
) -> Iterator[None]:
    """
    ``observer``, and whoever records, learns what becomes of ``call`` inside.
    """
    if observer is not None:
        observer.call_started(call.upstream, call.method)
    outcome = CallOutcome.OK
    try:
        yield
    except BaseException as error:  # told to the observer, and raised on
        outcome = _OUTCOMES.get(type(error), CallOutcome.ERROR)
        raise
    finally:
        ended = CallEnded(
            upstream=call.upstream,
            method=call.method,
            outcome=outcome,
            status=call.status,
            duration_s=clock() - call.started_at,
            attempts=call.attempts,
            given_s=call.deadline_at - call.started_at,
            breaker=breaker.state,
        )
        if observer is not None:
            observer.call_ended(ended)
        if (record := _RECORD.get()) is not None:
            record.append(ended)
