"""
Whoever goes on, whatever fails.
"""

import asyncio

import pytest
from structlog.testing import capture_logs

from servicekit.unharmed import Unharmed, unharmed


def test_what_fails_is_logged_and_ends_there() -> None:
    """
    The line has the event's name, its facts and the error, for its traceback.
    """
    mishap = ZeroDivisionError("of ours")

    with capture_logs() as logs, unharmed("work.failed", work="w-1"):
        raise mishap

    assert logs == [
        {"event": "work.failed", "work": "w-1", "exc_info": mishap, "log_level": "error"}
    ]


def test_what_does_not_fail_is_not_told() -> None:
    """
    Nothing is logged, and what is returned inside is returned.
    """

    def answer() -> int:
        with unharmed("work.failed"):
            return 1
        return 0

    with capture_logs() as logs:
        assert answer() == 1

    assert logs == []


@pytest.mark.parametrize("end", [asyncio.CancelledError, KeyboardInterrupt, SystemExit])
def test_what_ends_the_task_or_the_process_goes_on_its_way(end: type[BaseException]) -> None:
    """
    It is no failure: nobody is told, and nothing goes on.
    """
    with capture_logs() as logs, pytest.raises(end), unharmed("work.failed"):
        raise end

    assert logs == []


def test_some_errors_may_go_on_their_way() -> None:
    """
    A kind that is excepted reaches whoever is outside, untold; others do not.
    """
    told: list[Exception] = []
    other = OSError()

    with pytest.raises(KeyError), Unharmed(told.append, but=LookupError):
        raise KeyError
    with Unharmed(told.append, but=LookupError):
        raise other

    assert told == [other]
