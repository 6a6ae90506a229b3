"""
The circuit breaker, as a state machine: no I/O, and no clock but the one it is given.

::

    closed ── threshold failures in a row ──> open
    open ── open_for_s have passed ──> half open
    half open ── successes_to_close successes ──> closed
    half open ── one failure ──> open

A call is admitted with a ticket and reports what became of it with the same
ticket. The ticket is the number of transitions so far: what a call reports
after the state has changed says nothing about the new state, and is ignored.
"""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from servicekit.errors import DEFAULT_RETRY_AFTER_S, CircuitOpen


class State(StrEnum):
    """
    Whether calls are let through.
    """

    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half_open"


@dataclass(frozen=True, slots=True)
class Transition:
    """
    A breaker has changed its state.
    """

    upstream: str
    before: State
    after: State
    reason: str


@dataclass(frozen=True, slots=True)
class Snapshot:
    """
    A breaker at one moment. ``reason`` is why it last opened, or None if it never did.
    """

    state: State
    in_state_for_s: float
    transitions: int
    failures_in_a_row: int
    reason: str | None
    retry_after_s: float


class Breaker:
    """
    Stops calls to an upstream that keeps failing, and tries it again now and then.
    """

    def __init__(
        self,
        upstream: str,
        *,
        threshold: int,
        open_for_s: float,
        clock: Callable[[], float],
        max_probes: int = 3,
        successes_to_close: int = 3,
        on_transition: Callable[[Transition], None] | None = None,
    ) -> None:
        self.upstream = upstream
        self._threshold = threshold
        self._open_for_s = open_for_s
        self._max_probes = max_probes
        self._successes_to_close = successes_to_close
        self._clock = clock
        self._on_transition = on_transition
        self._state = State.CLOSED
        self._since = clock()
        self._transitions = 0
        self._reason: str | None = None
        self._failures = 0
        self._probes = 0
        self._successes = 0

    def admit(self) -> int:
        """
        A ticket for one call, or ``CircuitOpen``. Each ticket must be reported on exactly once.
        """
        if self._state is State.CLOSED:
            return self._transitions
        if self._state is State.OPEN:
            if self._open_left_s() > 0:
                raise CircuitOpen(self.upstream, retry_after_s=self._open_left_s())
            self._enter(State.HALF_OPEN, f"open for {self._open_for_s:g} s")
        if self._probes >= self._max_probes:
            raise CircuitOpen(self.upstream, retry_after_s=DEFAULT_RETRY_AFTER_S)
        self._probes += 1
        return self._transitions

    def succeeded(self, ticket: int) -> None:
        """
        The upstream answered.
        """
        if ticket != self._transitions:
            return
        self._failures = 0
        if self._state is State.HALF_OPEN:
            self._probes -= 1
            self._successes += 1
            if self._successes >= self._successes_to_close:
                self._enter(State.CLOSED, f"{self._successes} probes succeeded")

    def failed(self, ticket: int, reason: str) -> None:
        """
        The upstream did not answer, or answered that it has failed.
        """
        if ticket != self._transitions:
            return
        self._failures += 1
        if self._state is State.HALF_OPEN:
            self._open(f"probe: {reason}")
        elif self._failures >= self._threshold:
            self._open(f"{self._failures} failures in a row, the last: {reason}")

    def abandoned(self, ticket: int) -> None:
        """
        The call ended for a reason that says nothing about the upstream; a probe is given back.
        """
        if ticket == self._transitions and self._state is State.HALF_OPEN:
            self._probes -= 1

    @property
    def state(self) -> State:
        """
        Whether calls are let through.
        """
        return self._state

    def snapshot(self) -> Snapshot:
        """
        The state now, since when, and why.
        """
        return Snapshot(
            state=self._state,
            in_state_for_s=self._clock() - self._since,
            transitions=self._transitions,
            failures_in_a_row=self._failures,
            reason=self._reason,
            retry_after_s=max(0.0, self._open_left_s()) if self._state is State.OPEN else 0.0,
        )

    def _open_left_s(self) -> float:
        return self._since + self._open_for_s - self._clock()

    def _open(self, reason: str) -> None:
        self._reason = reason
        self._enter(State.OPEN, reason)

    def _enter(self, state: State, reason: str) -> None:
        before, self._state = self._state, state
        self._since = self._clock()
        self._transitions += 1
        self._probes = self._successes = self._failures = 0
        if self._on_transition is not None:
            self._on_transition(Transition(self.upstream, before, state, reason))
