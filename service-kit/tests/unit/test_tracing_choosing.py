"""
Which traces are recorded, of those that begin here.
"""

from servicekit.testing.clock import FakeClock
from servicekit.tracing.choosing import Choice


def test_no_more_are_chosen_than_a_second_allows() -> None:
    """
    A rush of requests is recorded up to the bound, each second anew, and a quiet hour saves up no more than one second does.
    """
    clock = FakeClock()
    choice = Choice(share=1.0, per_second=5, monotonic=clock.monotonic)

    at_once = sum(choice.is_chosen() for _ in range(20))
    clock.advance(0.6)
    soon_after = sum(choice.is_chosen() for _ in range(20))
    clock.advance(3600)
    much_later = sum(choice.is_chosen() for _ in range(20))

    assert (at_once, soon_after, much_later) == (5, 3, 5)


def test_less_than_one_a_second_is_one_now_and_then() -> None:
    """
    A bound below one chooses one after as many seconds as that takes.
    """
    clock = FakeClock()
    choice = Choice(share=1.0, per_second=0.5, monotonic=clock.monotonic)

    chosen = []
    for _ in range(5):
        chosen.append(choice.is_chosen())
        clock.advance(1)

    assert chosen == [True, False, True, False, True]


def test_what_chance_leaves_out_takes_nothing_from_the_bound() -> None:
    """
    A share of a rush is chosen, and the bound is for those alone.
    """
    clock = FakeClock()
    choice = Choice(share=0.25, per_second=1_000, monotonic=clock.monotonic)

    chosen = sum(choice.is_chosen() for _ in range(2_000))
    the_rest = sum(choice.is_chosen() for _ in range(6_000))

    # About 500: a right share is beyond these once in thirty thousand billion runs.
    assert 350 < chosen < 650
    assert chosen + the_rest == 1_000
