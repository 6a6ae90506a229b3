"""
How old a cached price is, whatever becomes of the clock.
"""

from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from pricing.prices.freshness import SteadyTime
from servicekit.testing.clock import FakeClock

BOUND = timedelta(seconds=5)


def steady(clock: FakeClock) -> SteadyTime:
    """
    Time as this clock shows it.
    """
    return SteadyTime(now=clock.now, monotonic=clock.monotonic)


def test_what_was_read_may_be_used_for_a_while() -> None:
    """
    Until just before the bound, or the change that comes first; not before it was read.
    """
    clock = FakeClock()
    time = steady(clock)
    read_at = time.now()
    far, soon = read_at + timedelta(hours=1), read_at + timedelta(seconds=2)

    assert time.may_use(read_at, far, bound=BOUND)
    assert not time.may_use(read_at + timedelta(microseconds=1), far, bound=BOUND)
    clock.advance(2)
    assert time.may_use(read_at, far, bound=BOUND)
    assert not time.may_use(read_at, soon, bound=BOUND)
    clock.advance(3)
    assert not time.may_use(read_at, far, bound=BOUND)


def test_a_clock_that_is_put_back_makes_nothing_young() -> None:
    """
    What was read before is not used again; what is read once the old time has passed is.
    """
    clock = FakeClock()
    time = steady(clock)
    read_at = time.now()
    clock.advance(4)
    clock.set_wall(clock.now() - timedelta(seconds=3))

    assert not time.may_use(read_at, read_at + BOUND, bound=BOUND)
    clock.advance(3)
    # To the microsecond the moment at which the clock was put: it may be either of the two.
    assert not time.may_use(time.now(), read_at + 2 * BOUND, bound=BOUND)
    clock.advance(1)
    again = time.now()
    assert time.may_use(again, again + BOUND, bound=BOUND)


@given(
    st.lists(st.tuples(st.integers(0, 40), st.none() | st.integers(-200, 200)), max_size=12),
    st.integers(0, 11),
)
def test_nothing_older_than_the_bound_is_used(
    steps: list[tuple[int, int | None]], read_after: int
) -> None:
    """
    In whatever way time passes and the clock is put between two looks: what may be used was read
    less than the bound ago, plus what goes unnoticed at each look.
    """
    clock = FakeClock()
    time = steady(clock)
    read = None
    for number, (tenths, put) in enumerate(steps):
        clock.advance(tenths / 10)
        if put is not None:
            clock.set_wall(clock.now() + timedelta(seconds=put / 10))
        now = time.now()
        if number == read_after:
            read = now, clock.monotonic()
        if read is not None and time.may_use(read[0], read[0] + BOUND, bound=BOUND):
            unnoticed_s = 0.1 * len(steps)
            assert clock.monotonic() - read[1] < BOUND.total_seconds() + unnoticed_s
