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
from typing import Final

DEADLINE_HEADER = "X-Request-Deadline-Ms"

#: For the middleware, which sets it on every request; everybody else says ``with within(...)``.
EXPIRES_AT: Final[ContextVar[float | None]] = ContextVar("deadline", default=None)


def expires_at() -> float | None:
    """
    The moment on the monotonic clock at which the time is over, or None without a deadline.
    """
    return EXPIRES_AT.get()


def remaining_s() -> float | None:
    """
    Seconds that are left, never below zero; None without a deadline.
    """
    moment = EXPIRES_AT.get()
    return None if moment is None else max(0.0, moment - time.monotonic())


@contextmanager
def within(seconds: float) -> Iterator[None]:
    """
    What is inside has ``seconds``, or what was left before if that is less.
    """
    moment = time.monotonic() + seconds
    outer = EXPIRES_AT.get()
    with at(moment if outer is None else min(moment, outer)):
        yield


@contextmanager
def at(moment: float | None) -> Iterator[None]:
    """
    What is inside has until ``moment``, whatever held before: for work that many callers share.
    """
    token = EXPIRES_AT.set(moment)
    try:
        yield
    finally:
        EXPIRES_AT.reset(token)
