"""
Tells an observer of a call's beginning and its end, whatever the end is.
"""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from servicekit.errors import (
    CircuitOpen,
    DeadlineExceeded,
    OutcomeUnknown,
    Overloaded,
    UpstreamFailed,
    UpstreamRefused,
)
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


@contextmanager
def watched(observer: Observer, call: Call, clock: Callable[[], float]) -> Iterator[None]:
    """
    ``observer`` learns what becomes of ``call`` inside.
    """
    observer.call_started(call.upstream, call.method)
    outcome = CallOutcome.OK
    try:
        yield
    except BaseException as error:  # told to the observer, and raised on
        outcome = _OUTCOMES.get(type(error), CallOutcome.ERROR)
        raise
    finally:
        observer.call_ended(
            CallEnded(
                upstream=call.upstream,
                method=call.method,
                outcome=outcome,
                status=call.status,
                duration_s=clock() - call.started_at,
                attempts=call.attempts,
            )
        )
