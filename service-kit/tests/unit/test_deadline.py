"""
How deadlines nest.
"""

from servicekit import deadline


def test_without_a_deadline_time_is_unlimited() -> None:
    """
    Outside of any deadline there is none to be over.
    """
    assert deadline.remaining_s() is None
    assert deadline.expires_at() is None


def test_an_inner_deadline_only_shortens() -> None:
    """
    What is inside never has more time than what is outside.
    """
    with deadline.within(10):
        outer = deadline.expires_at()
        with deadline.within(60):
            assert deadline.expires_at() == outer
        with deadline.within(1):
            remaining_s = deadline.remaining_s()
            assert remaining_s is not None
            assert remaining_s <= 1
        assert deadline.expires_at() == outer


def test_time_that_is_over_is_zero() -> None:
    """
    Remaining time is never negative.
    """
    with deadline.within(-5):
        assert deadline.remaining_s() == 0


def test_shared_work_has_its_own_time() -> None:
    """
    Work done for many callers is bound by the moment it was given, not by who started it.
    """
    with deadline.within(1), deadline.at(None):
        assert deadline.remaining_s() is None
