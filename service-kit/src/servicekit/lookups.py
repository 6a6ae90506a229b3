"""
Who waits for what: the bookkeeping of ``servicekit.batching``.

A ``Wait`` is one caller, an ``Entry`` is one key, and a ``SharedCall`` is what goes out for
many of either.
"""

import asyncio
from collections.abc import Hashable, Mapping
from contextvars import Context
from typing import Generic, TypeVar

from servicekit import correlation, deadline
from servicekit.errors import DeadlineExceeded

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


class Wait(Generic[K, V]):
    """
    One caller's wait for some keys. It is ``over`` when all are answered, or the caller's time is.
    """

    __slots__ = ("answers", "asked_by", "deadline_at", "entries", "given_s", "over")

    def __init__(self) -> None:
        self.over: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        #: What it still waits for.
        self.entries: dict[K, Entry[K, V]] = {}
        self.answers: dict[K, V | Exception] = {}
        self.asked_by = correlation.current()
        self.deadline_at = deadline.expires_at()
        self.given_s = deadline.remaining_s()

    def begin(self, entry: "Entry[K, V]") -> None:
        """
        Wait for one key more.
        """
        self.entries[entry.key] = entry
        entry.waits[self] = None

    def answer(self, key: K, answer: V | Exception) -> None:
        """
        One of the keys has its answer; who is not there any more is not disturbed.
        """
        del self.entries[key]
        self.answers[key] = answer
        if not self.entries and not self.over.done():
            self.over.set_result(None)

    def answer_for(self, key: K) -> V | Exception:
        """
        What came for ``key``; what did not come in time is past the deadline.
        """
        if key in self.answers:
            return self.answers[key]
        return DeadlineExceeded(after_s=self.given_s or 0.0)

    def end_at_deadline(self) -> asyncio.TimerHandle | None:
        """
        See that it is over when the caller's time is.
        """
        if self.given_s is None:
            return None
        loop = asyncio.get_running_loop()
        return loop.call_later(self.given_s, self._end, context=Context())

    def _end(self) -> None:
        if not self.over.done():
            self.over.set_result(None)


class Entry(Generic[K, V]):
    """
    A key, and all who wait for it, in the order in which they came.
    """

    __slots__ = ("call", "key", "waits")

    def __init__(self, key: K) -> None:
        self.key = key
        self.waits: dict[Wait[K, V], None] = {}
        #: None until the key goes out.
        self.call: SharedCall[K, V] | None = None

    def is_wanted(self) -> bool:
        """
        Somebody is still there to wait for it.
        """
        return any(not wait.over.done() for wait in self.waits)

    def settle(self, answer: V | Exception) -> None:
        """
        Give all who wait ``answer``, each their own copy of an error.
        """
        waits, self.waits = self.waits, {}
        for wait in waits:
            wait.answer(self.key, _own(answer) if isinstance(answer, Exception) else answer)


class SharedCall(Generic[K, V]):
    """
    A call on the wire. ``waits_left`` counts those who have neither their answer nor left.
    """

    __slots__ = ("asked_by", "deadline_at", "entries", "task", "waits_left")

    def __init__(self, entries: list[Entry[K, V]]) -> None:
        self.entries = entries
        self.task: asyncio.Task[Mapping[K, V | Exception]] | None = None
        waits = [wait for entry in entries for wait in entry.waits]
        self.waits_left = len(waits)
        self.deadline_at = _latest({wait.deadline_at for wait in waits if not wait.over.done()})
        self.asked_by = next((wait.asked_by for wait in waits if wait.asked_by), None)

    def cancel(self) -> None:
        """
        Nobody waits for it; a call that has ended stays as it is.
        """
        if self.task is not None:
            self.task.cancel()


def _latest(moments: set[float | None]) -> float | None:
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
