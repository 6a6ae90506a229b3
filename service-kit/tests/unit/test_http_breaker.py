"""
The circuit breaker as a state machine, on a clock that the test moves.
"""

from contextlib import suppress

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from servicekit.errors import CircuitOpen
from servicekit.http import Breaker, State, Transition
from servicekit.testing.clock import FakeClock


@pytest.fixture
def heard() -> list[Transition]:
    """
    What the breaker has announced.
    """
    return []


@pytest.fixture
def breaker(clock: FakeClock, heard: list[Transition]) -> Breaker:
    """
    Opens after five failures in a row, for a minute.
    """
    return Breaker(
        "inventory",
        threshold=5,
        open_for_s=60,
        clock=clock.monotonic,
        on_transition=heard.append,
    )


def fail(breaker: Breaker, times: int) -> None:
    """
    Let calls fail, one after another.
    """
    for _ in range(times):
        breaker.failed(breaker.admit(), "status 500")


def half_open(breaker: Breaker, clock: FakeClock) -> None:
    """
    Open the breaker, and let its time pass.
    """
    fail(breaker, 5)
    clock.advance(60)


def test_five_failures_in_a_row_open_it(breaker: Breaker, heard: list[Transition]) -> None:
    """
    Four do not, the fifth does, and the reason is told.
    """
    fail(breaker, 4)
    assert breaker.snapshot().state is State.CLOSED

    fail(breaker, 1)

    assert breaker.snapshot().state is State.OPEN
    reason = "5 failures in a row, the last: status 500"
    assert heard == [Transition("inventory", State.CLOSED, State.OPEN, reason)]


def test_success_between_failures_starts_the_count_again(breaker: Breaker) -> None:
    """
    Only failures in a row count.
    """
    fail(breaker, 4)
    breaker.succeeded(breaker.admit())
    fail(breaker, 4)

    assert breaker.snapshot().state is State.CLOSED


def test_open_breaker_fails_fast_and_says_for_how_long(breaker: Breaker, clock: FakeClock) -> None:
    """
    The error carries the time that is left.
    """
    fail(breaker, 5)
    clock.advance(18)

    with pytest.raises(CircuitOpen) as caught:
        breaker.admit()

    assert caught.value.retry_after_s == pytest.approx(42)
    assert breaker.snapshot().retry_after_s == pytest.approx(42)


def test_half_open_lets_three_through_at_once(breaker: Breaker, clock: FakeClock) -> None:
    """
    The fourth is turned away until one of the three has reported.
    """
    half_open(breaker, clock)
    probes = [breaker.admit() for _ in range(3)]

    with pytest.raises(CircuitOpen):
        breaker.admit()
    breaker.succeeded(probes[0])
    breaker.admit()

    with pytest.raises(CircuitOpen):
        breaker.admit()


def test_three_successes_close_it(
    breaker: Breaker, clock: FakeClock, heard: list[Transition]
) -> None:
    """
    Two are not enough; after the third calls are let through freely.
    """
    half_open(breaker, clock)
    for _ in range(2):
        breaker.succeeded(breaker.admit())
    assert breaker.snapshot().state is State.HALF_OPEN

    breaker.succeeded(breaker.admit())

    assert breaker.snapshot().state is State.CLOSED
    assert [breaker.admit() for _ in range(10)]
    assert [change.after for change in heard] == [State.OPEN, State.HALF_OPEN, State.CLOSED]


def test_one_bad_probe_opens_it_again(breaker: Breaker, clock: FakeClock) -> None:
    """
    And for the whole time again.
    """
    half_open(breaker, clock)
    breaker.succeeded(breaker.admit())

    breaker.failed(breaker.admit(), "NotAnsweredInTime")

    assert breaker.snapshot().state is State.OPEN
    assert breaker.snapshot().retry_after_s == 60
    assert breaker.snapshot().reason == "probe: NotAnsweredInTime"


def test_abandoned_probe_gives_its_place_back(breaker: Breaker, clock: FakeClock) -> None:
    """
    However many callers leave, probes go on being let through.
    """
    half_open(breaker, clock)

    for _ in range(50):
        breaker.abandoned(breaker.admit())

    assert len([breaker.admit() for _ in range(3)]) == 3


def test_late_results_do_not_change_a_newer_state(breaker: Breaker, clock: FakeClock) -> None:
    """
    What began before the last transition says nothing about what is now.
    """
    old = [breaker.admit() for _ in range(20)]
    half_open(breaker, clock)
    probe = breaker.admit()

    for ticket in old[:10]:
        breaker.succeeded(ticket)
    for ticket in old[10:]:
        breaker.failed(ticket, "late")
    breaker.abandoned(old[0])
    assert breaker.snapshot().state is State.HALF_OPEN

    for _ in range(2):
        breaker.admit()
    with pytest.raises(CircuitOpen):
        breaker.admit()
    breaker.succeeded(probe)
    assert breaker.snapshot().state is State.HALF_OPEN


def test_old_probe_does_not_open_what_has_closed(breaker: Breaker, clock: FakeClock) -> None:
    """
    A probe that fails after the others have closed the breaker is ignored.
    """
    half_open(breaker, clock)
    probes = [breaker.admit() for _ in range(3)]
    for probe in probes:
        breaker.succeeded(probe)
    fail(breaker, 4)

    breaker.failed(probes[0], "late")

    assert breaker.snapshot().state is State.CLOSED


def test_snapshot_tells_state_age_and_reason(breaker: Breaker, clock: FakeClock) -> None:
    """
    What operators ask: which state, since when, how often it changed, why.
    """
    fail(breaker, 2)
    clock.advance(7)
    before = breaker.snapshot()
    fail(breaker, 3)
    clock.advance(5)
    after = breaker.snapshot()

    assert (before.state, before.in_state_for_s, before.transitions) == (State.CLOSED, 7, 0)
    assert (before.failures_in_a_row, before.reason, before.retry_after_s) == (2, None, 0)
    assert (after.state, after.in_state_for_s, after.transitions) == (State.OPEN, 5, 1)
    assert after.reason == "5 failures in a row, the last: status 500"


class BreakerStory(RuleBasedStateMachine):
    """
    Calls begin and end in any order, while time passes.
    """

    def __init__(self) -> None:
        super().__init__()
        self.clock = FakeClock()
        self.breaker = Breaker("inventory", threshold=3, open_for_s=10, clock=self.clock.monotonic)
        self.in_progress: list[tuple[int, State]] = []

    @rule(seconds=st.integers(1, 12))
    def time_passes(self, seconds: int) -> None:
        self.clock.advance(seconds)

    @rule()
    def call_begins(self) -> None:
        with suppress(CircuitOpen):
            ticket = self.breaker.admit()
            self.in_progress.append((ticket, self.breaker.snapshot().state))

    @precondition(lambda self: self.in_progress)
    @rule(data=st.data(), how=st.sampled_from(["succeeded", "failed", "abandoned"]))
    def call_ends(self, data: st.DataObject, how: str) -> None:
        index = data.draw(st.integers(0, len(self.in_progress) - 1))
        ticket, _ = self.in_progress.pop(index)
        if how == "failed":
            self.breaker.failed(ticket, "broken")
        else:
            getattr(self.breaker, how)(ticket)

    @invariant()
    def at_most_three_probes(self) -> None:
        now = self.breaker.snapshot()
        if now.state is State.HALF_OPEN:
            probes = [ticket for ticket, _ in self.in_progress if ticket == now.transitions]
            assert len(probes) <= 3

    @invariant()
    def never_stuck(self) -> None:
        now = self.breaker.snapshot()
        probes = [ticket for ticket, _ in self.in_progress if ticket == now.transitions]
        if now.state is State.HALF_OPEN and not probes:
            self.breaker.abandoned(self.breaker.admit())

    @invariant()
    def nothing_begins_while_open(self) -> None:
        assert all(state is not State.OPEN for _, state in self.in_progress)


TestBreakerStory = BreakerStory.TestCase
TestBreakerStory.settings = settings(max_examples=100, stateful_step_count=40, deadline=None)
