"""
What is kept of what was read, against a model that keeps everything.
"""

from hypothesis import example, given
from hypothesis import strategies as st

from gateway.catalog.last_known import LastKnown
from gateway.catalog.models import Recalled
from servicekit.errors import UpstreamFailed
from servicekit.testing.clock import FakeClock

KEYS = st.sampled_from("abcdef")
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("remember"), st.lists(KEYS, max_size=4), st.integers(0, 3)),
        st.tuples(st.just("forget"), st.lists(KEYS, min_size=1, max_size=1), st.just(0)),
        st.tuples(st.just("wait"), st.just([]), st.integers(0, 6)),
    ),
    max_size=30,
)


def test_a_value_is_told_with_its_age(clock: FakeClock) -> None:
    """
    Age counts from when it was asked for, not from when it came.
    """
    known = LastKnown[str, int](10, 300, clock.monotonic)
    asked_at = clock.monotonic()
    clock.advance(2)

    known.remember({"a": 1}, read_at=asked_at)
    clock.advance(10)

    assert known.recall("a") == Recalled(1, 12)
    assert known.recall("b") is None


def test_nothing_is_told_at_its_bound(clock: FakeClock) -> None:
    """
    Younger than the bound counts; as old as the bound does not.
    """
    known = LastKnown[str, int](10, 300, clock.monotonic)
    known.remember({"a": 1}, read_at=clock.monotonic())

    clock.advance(299.5)
    assert known.recall("a") == Recalled(1, 299.5)
    clock.advance(0.5)
    assert known.recall("a") is None
    assert len(known) == 0


def test_errors_are_not_kept(clock: FakeClock) -> None:
    """
    A key that failed keeps what was known of it before.
    """
    known = LastKnown[str, int](10, 300, clock.monotonic)
    known.remember({"a": 1}, read_at=clock.monotonic())

    known.remember(
        {"a": UpstreamFailed("it"), "b": UpstreamFailed("it")}, read_at=clock.monotonic()
    )

    assert known.recall("a") == Recalled(1, 0)
    assert known.recall("b") is None


def test_a_late_answer_does_not_replace_a_later_reading(clock: FakeClock) -> None:
    """
    Of two calls at once, what the one that was sent later has read is what is known.
    """
    known = LastKnown[str, int](10, 300, clock.monotonic)
    sent_first = clock.monotonic()
    clock.advance(1)
    known.remember({"a": 2}, read_at=clock.monotonic())

    known.remember({"a": 1}, read_at=sent_first)

    assert known.recall("a") == Recalled(2, 0)


def test_what_was_read_longest_ago_goes_first(clock: FakeClock) -> None:
    """
    A key that is read again is as young as any other.
    """
    known = LastKnown[str, int](2, 300, clock.monotonic)
    for number, key in enumerate("abac"):
        known.remember({key: number}, read_at=clock.monotonic())

    assert (known.recall("a"), known.recall("b"), known.recall("c")) == (
        Recalled(2, 0),
        None,
        Recalled(3, 0),
    )


def test_without_room_or_age_nothing_is_known(clock: FakeClock) -> None:
    """
    Zero entries and zero seconds both mean: never an old value.
    """
    no_room = LastKnown[str, int](0, 300, clock.monotonic)
    no_age = LastKnown[str, int](10, 0, clock.monotonic)
    for known in (no_room, no_age):
        known.remember({"a": 1}, read_at=clock.monotonic())

        assert known.recall("a") is None


@given(max_entries=st.integers(0, 5), steps=STEPS)
def test_it_keeps_what_was_read_last(
    max_entries: int, steps: list[tuple[str, list[str], int]]
) -> None:
    """
    Whatever happens, it holds the keys that were read last, within its bounds, and nothing else.
    """
    clock = FakeClock()
    known = LastKnown[str, int](max_entries, 10, clock.monotonic)
    model: list[tuple[str, int, float]] = []

    for number, (deed, keys, amount) in enumerate(steps):
        if deed == "wait":
            clock.advance(amount)
        for key in dict.fromkeys(keys):
            model = [entry for entry in model if entry[0] != key]
            if deed == "forget":
                known.forget(key, read_at=clock.monotonic())
            else:
                model.append((key, number, clock.monotonic()))
        if deed == "remember":
            known.remember(dict.fromkeys(keys, number), read_at=clock.monotonic())
        model = model[len(model) - max_entries :] if len(model) > max_entries else model
        assert len(known) <= max_entries

    young = {key: value for key, value, at in model if clock.monotonic() - at < 10}
    told = {key: found.value for key in "abcdef" if (found := known.recall(key))}
    assert told == young


def test_an_old_reading_that_comes_late_brings_nothing_back(clock: FakeClock) -> None:
    """
    What was read to be gone stays so, until it is read again after that.
    """
    known = LastKnown[str, int](10, 300, clock.monotonic)
    sent_first = clock.monotonic()
    clock.advance(1)
    known.forget("a", read_at=clock.monotonic())

    known.remember({"a": 1}, read_at=sent_first)
    before = known.recall("a")
    known.remember({"a": 2}, read_at=clock.monotonic())

    assert before is None
    assert known.recall("a") == Recalled(2, 0)


@example(
    max_entries=1,
    readings=[("a", 1, False), ("b", 0, False), ("a", 0, False), ("a", 0, True)],
)
@given(
    max_entries=st.sampled_from([1, 2, 100]),
    readings=st.lists(st.tuples(KEYS, st.integers(0, 9), st.booleans()), max_size=40),
)
def test_readings_may_come_in_any_order(
    max_entries: int, readings: list[tuple[str, int, bool]]
) -> None:
    """
    Whatever comes late, nothing is told that was gone later; with room, the last reading is told.
    """
    known = LastKnown[str, int](max_entries, 100, lambda: 10)
    last: dict[str, tuple[int, int | None]] = {}
    gone_at = dict.fromkeys("abcdef", -1)

    for number, (key, read_at, is_there) in enumerate(readings):
        if is_there:
            known.remember({key: number}, read_at=read_at)
        else:
            known.forget(key, read_at=read_at)
        if read_at >= last.get(key, (-1, None))[0]:
            last[key] = (read_at, number if is_there else None)
        for one, found in ((one, known.recall(one)) for one in "abcdef"):
            before = readings[: number + 1]
            gone_at[one] = max(
                [at for name, at, there in before if name == one and not there] or [-1]
            )
            assert found is None or 10 - found.age_s >= gone_at[one]
            if max_entries == 100:
                assert (found.value if found else None) == last.get(one, (-1, None))[1]
