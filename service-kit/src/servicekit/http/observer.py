"""
What can be watched of outgoing calls: the protocol that telemetry implements.

Its methods are called in the middle of calls: they must be quick, and must not raise.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple, Protocol

from servicekit.http.breaker import State, Transition


class CallOutcome(StrEnum):
    """
    How a call ended. ``refused`` is a 4xx, ``unknown`` a write that may have happened.
    """

    OK = "ok"
    REFUSED = "refused"
    FAILED = "failed"
    UNKNOWN = "unknown"
    CIRCUIT_OPEN = "circuit_open"
    OVERLOADED = "overloaded"
    DEADLINE = "deadline"
    CANCELLED = "cancelled"
    ERROR = "error"  # a mistake of ours, not the upstream's


class CallEnded(NamedTuple):
    """
    One call of a client, with all its attempts. ``status`` is the last answer's, if one came.

    A tuple, because one is made for every call, and a frozen dataclass takes twice as long.
    """

    upstream: str
    method: str
    outcome: CallOutcome
    status: int | None
    duration_s: float
    attempts: int
    #: The time it had in all, and the breaker's state when it was over.
    given_s: float
    breaker: State


@dataclass(frozen=True, slots=True)
class Retry:
    """
    An attempt failed, and another follows after a pause.
    """

    upstream: str
    method: str
    failed_attempts: int
    pause_s: float


class Observer(Protocol):
    """
    Is told of every call. Each start is followed by exactly one end.
    """

    def call_started(self, upstream: str, method: str) -> None: ...

    def call_ended(self, ended: CallEnded) -> None: ...

    def retrying(self, retry: Retry) -> None: ...

    def breaker_changed(self, transition: Transition) -> None: ...
