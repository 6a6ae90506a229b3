"""
Who waits for what: the bookkeeping of ``servicekit.batching``.

A ``Wait`` is one caller, an ``Entry`` is one key, and a ``SharedCall`` is what goes out for
many of either. All three are made for every request, so they are small and made of little.
"""

import asyncio
import time
from collections.abc import Callable, Hashable, Sequence
from contextvars import Context
from typing import Any, Final, Generic, TypeVar, cast

from servicekit import correlation, deadline
from servicekit.errors import DeadlineExceeded

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")

_NOTHING: Final = object()


class Wait:
    """
    One caller's wait for any number of keys, of one batcher or of several.

    ::

        wait = Wait()
        product, price = products.begin(wait, "a"), prices.begin(wait, "b")
        await wait.until_over()
        product.answer(wait), price.answer(wait)

    Whoever has begun waits to the end: nobody else tells the batchers that they may forget it. It is
    over when all are answered, or when the caller's time is: at ``until``, a moment of the monotonic
    clock, or at the caller's deadline where that is sooner.
    """

    __slots__ = ("_entries", "_n_left", "_over", "asked_by", "deadline_at", "given_s")

    def __init__(self, *, until: float | None = None) -> None:
        self._over: asyncio.Future[None] | None = None
        self._n_left = 0
        self._entries: list[Entry[Any, Any]] = []
        self.asked_by = correlation.current()
        own = deadline.expires_at()
        moment = own if until is None or (own is not None and own < until) else until
        self.deadline_at = moment
        self.given_s = None if moment is None else max(0.0, moment - time.monotonic())

    @property
    def is_over(self) -> bool:
        """
        Nobody waits any more.
        """
        return self._over is not None and self._over.done()

    def add(self, entry: "Entry[Any, Any]") -> None:
        """
        Wait for one key more.
        """
        self._entries.append(entry)
        self._n_left += 1
        entry.waits[self] = None

    async def until_over(self) -> None:
        """
        Return when all is answered or the time is over; whoever is cancelled here has left.
        """
        if self._n_left == 0:
            return
        loop = asyncio.get_running_loop()
        self._over = over = loop.create_future()
        timer = None
        if self.given_s is not None:
            timer = loop.call_later(self.given_s, self._end, context=Context())
        try:
            await over
        finally:
            if timer is not None:
                timer.cancel()
            if self._n_left:
                over.cancel()  # who is cancelled before the answer is over, too
                self._leave()

    def answered(self) -> None:
        """
        One of the keys has its answer; who is not there any more is not disturbed.
        """
        self._n_left -= 1
        if self._n_left == 0:
            self._end()

    def _end(self) -> None:
        if self._over is not None and not self._over.done():
            self._over.set_result(None)

    def _leave(self) -> None:
        for entry in self._entries:
            if not entry.is_settled:
                entry.leave(self)


class Entry(Generic[K, V]):
    """
    A key, and all who wait for it, in the order in which they came.
    """

    __slots__ = ("_on_leave", "call", "key", "outcome", "since", "waits")

    def __init__(self, key: K, on_leave: "Callable[[Entry[K, V]], None]") -> None:
        self.key = key
        #: Since when somebody waits for it; a moment of the monotonic clock.
        self.since = time.monotonic()
        self.waits: dict[Wait, None] = {}
        #: None until the key goes out.
        self.call: SharedCall[K, V] | None = None
        #: The answer or the error, once it is settled; callers ask for their ``answer``.
        self.outcome: object = _NOTHING
        self._on_leave = on_leave

    @property
    def is_settled(self) -> bool:
        """
        It has its answer.
        """
        return self.outcome is not _NOTHING

    def is_wanted(self) -> bool:
        """
        Somebody is still there to wait for it.
        """
        for wait in self.waits:  # noqa: SIM110 - any() takes three times as long, and every key is asked
            if not wait.is_over:
                return True
        return False

    def settle(self, outcome: V | Exception) -> None:
        """
        Give all who wait ``outcome``.
        """
        self.outcome = outcome
        waits, self.waits = self.waits, {}
        for wait in waits:
            wait.answered()

    def answer(self, wait: Wait) -> V | Exception:
        """
        What came for ``wait``. An error is its own copy; what did not come in time is past the deadline.
        """
        outcome = self.outcome
        if outcome is _NOTHING:
            return DeadlineExceeded(after_s=wait.given_s or 0.0)
        if isinstance(outcome, Exception):
            return _own(outcome)
        return cast("V", outcome)

    def leave(self, wait: Wait) -> None:
        """
        ``wait`` goes without an answer.
        """
        del self.waits[wait]
        self._on_leave(self)


class SharedCall(Generic[K, V]):
    """
    A call on the wire. ``waits_left`` counts those who have neither their answer nor left.
    """

    __slots__ = (
        "asked_by",
        "deadline_at",
        "entries",
        "n_keys",
        "n_lookups",
        "notes",
        "patience",
        "task",
        "waits_left",
    )

    def __init__(self, entries: Sequence[Entry[K, V]]) -> None:
        self.entries = entries
        self.n_keys = len(entries)
        #: While it runs, others are not sent beside this call.
        self.patience: asyncio.TimerHandle | None = None
        self.task: asyncio.Task[None] | None = None
        waits = [wait for entry in entries for wait in entry.waits]
        #: How many lookups it went out for; several may have asked for one key.
        self.n_lookups = self.waits_left = len(waits)
        self.deadline_at = _latest({wait.deadline_at for wait in waits if not wait.is_over})
        self.asked_by = next((wait.asked_by for wait in waits if wait.asked_by), None)
        #: What whoever fetched has noted of how it went, for callers who want to know.
        self.notes: list[object] = []

    def end(self) -> Sequence[Entry[K, V]]:
        """
        The call is over: its entries, which it forgets, since they know it and it would know them.
        """
        entries, self.entries, self.task = self.entries, (), None
        return entries

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
