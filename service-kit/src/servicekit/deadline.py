"""
How much time is left for what is being done.

A caller says in ``X-Request-Deadline-Ms`` how long it will wait. The deadline
stands in a context variable; an inner one can only shorten it, and outgoing
calls pass on what is left. Times are of the monotonic clock, in seconds.
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

DEADLINE_HEADER = "X-Request-Deadline-Ms"

_expires_at: ContextVar[float | None] = ContextVar("deadline", default=None)


def expires_at() -> float | None:
    """
    The moment on the monotonic clock at which the time is over, or None without a deadline.
    """
    return _expires_at.get()


def remaining_s() -> float | None:
    """
    Seconds that are left, never below zero; None without a deadline.
    """
    moment = _expires_at.get()
    return None if moment is None else max(0.0, moment - time.monotonic())


class within:  # noqa: N801 - reads as a preposition: ``with within(2.0):``
    """
    What is inside has ``seconds``, or what was left before if that is less.
    """

    __slots__ = ("_seconds", "_token")

    # A class, since a generator would cost a microsecond more on every request.
    def __init__(self, seconds: float) -> None:
        self._seconds = seconds

    def __enter__(self) -> None:
        moment = time.monotonic() + self._seconds
        outer = _expires_at.get()
        self._token = _expires_at.set(moment if outer is None else min(moment, outer))

    def __exit__(self, *_: object) -> None:
        _expires_at.reset(self._token)


@contextmanager
def at(moment: float | None) -> Iterator[None]:
    """
    What is inside has until ``moment``, whatever held before: for work that many callers share.
    """
    token = _expires_at.set(moment)
    try:
        yield
    finally:
        _expires_at.reset(token)
