"""
Who waits for what: the bookkeeping of ``servicekit.batching``.
"""

import asyncio
from collections.abc import Hashable, Mapping, Sequence
from contextvars import Context
from typing import Generic, TypeVar

from servicekit import correlation, deadline
from servicekit.errors import DeadlineExceeded

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


class Lookup(Generic[K, V]):
    """
    One caller's wait for one key.
    """

    __slots__ = ("answer", "asked_by", "deadline_at", "entry")

    def __init__(self, entry: "Entry[K, V]", answer: asyncio.Future[V]) -> None:
        self.entry = entry
        self.answer = answer
        self.asked_by = correlation.current()
        self.deadline_at = deadline.expires_at()

    def outcome(self) -> V | Exception:
        """
        The answer or the error that stands in its place, once there is one.
        """
        error = self.answer.exception()
        if error is None:
            return self.answer.result()
        if isinstance(error, Exception):
            return error
        raise error

    def forget(self) -> None:
        """
        Nobody asks for the answer again; an error in it was not overlooked.
        """
        if not self.answer.cancel() and not self.answer.cancelled():
            self.answer.exception()


class Entry(Generic[K, V]):
    """
    A key, and all who wait for it, in the order in which they came.
    """

    __slots__ = ("call", "key", "lookups")

    def __init__(self, key: K) -> None:
        self.key = key
        self.lookups: dict[Lookup[K, V], None] = {}
        #: None until the key goes out.
        self.call: SharedCall[K, V] | None = None

    def waiting(self) -> list[Lookup[K, V]]:
        """
        Those who are still there, and have no answer yet.
        """
        return [lookup for lookup in self.lookups if not lookup.answer.done()]

    def settle(self, answer: V | Exception) -> None:
        """
        Give all who wait ``answer``, each their own copy of an error.
        """
        for lookup in self.waiting():
            if isinstance(answer, Exception):
                lookup.answer.set_exception(_own(answer))
            else:
                lookup.answer.set_result(answer)


class SharedCall(Generic[K, V]):
    """
    A call on the wire. ``lookups_left`` counts those who have not taken their answer or left.
    """

    __slots__ = ("asked_by", "deadline_at", "entries", "lookups_left", "task")

    def __init__(self, entries: list[Entry[K, V]]) -> None:
        self.entries = entries
        self.lookups_left = sum(len(entry.lookups) for entry in entries)
        self.task: asyncio.Task[Mapping[K, V | Exception]] | None = None
        lookups = [lookup for entry in entries for lookup in entry.waiting()]
        self.deadline_at = _latest([lookup.deadline_at for lookup in lookups])
        self.asked_by = next((each.asked_by for each in lookups if each.asked_by), None)

    def cancel(self) -> None:
        """
        Nobody waits for it; a call that has ended stays as it is.
        """
        if self.task is not None:
            self.task.cancel()


def end_at_deadline(lookups: Sequence[Lookup[K, V]]) -> asyncio.TimerHandle | None:
    """
    Let all of one caller's ``lookups`` fail when the caller's time is over.
    """
    left_s = deadline.remaining_s()
    if left_s is None or not lookups:
        return None
    return asyncio.get_running_loop().call_later(left_s, _end, lookups, left_s, context=Context())


def _end(lookups: Sequence[Lookup[K, V]], after_s: float) -> None:
    for lookup in lookups:
        if not lookup.answer.done():
            lookup.answer.set_exception(DeadlineExceeded(after_s=after_s))


def _latest(moments: Sequence[float | None]) -> float | None:
    """
    The latest of ``moments``, where None is never.
    """
    known = [moment for moment in moments if moment is not None]
    return max(known) if known and len(known) == len(moments) else None


def _own(error: Exception) -> Exception:
    """
    A copy of ``error``: each raise of one instance would lengthen the traceback of all.
    """
    try:
        copy: Exception = type(error).__new__(type(error), *error.args)
    except TypeError:
        return error  # made in a way of its own: better the same for all than none
    copy.args = error.args
    copy.__dict__.update(error.__dict__)
    copy.__cause__ = error
    return copy
