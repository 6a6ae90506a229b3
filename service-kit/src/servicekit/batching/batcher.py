"""
Many concurrent lookups, few calls.

Lookups wait in line under their key. When a slot is free, all that wait go out
as one call, and lookups that begin meanwhile wait for the next::

    load(a) ─┐
    load(b) ─┼─> one call for a, b      load(a) ──> the next call, although a is on the wire
    load(b) ─┘

Several batchers can be waited for at once: see ``servicekit.batching.lookups.Wait``.

**Only for lookups that do not depend on who asks**: an answer goes to everybody
who waits for its key, and a call carries no token, privacy level or other
context of any caller.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Hashable, Mapping, Sequence
from contextvars import Context, ContextVar
from itertools import islice
from typing import Final, Generic, TypeVar

from servicekit import correlation, deadline
from servicekit.batching.counts import BatcherStats, Batches
from servicekit.batching.errors import BatcherClosed, NoAnswer
from servicekit.batching.lookups import Entry, SharedCall, Wait
from servicekit.errors import DeadlineExceeded, Overloaded

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")

_NOTES: Final[ContextVar[list[object]]] = ContextVar("notes_on_a_shared_call")

_DEFAULT_MAX_WAITING = 10_000


def note(fact: object) -> None:
    """
    Keep ``fact`` with the shared call in progress (``Entry.call.notes``); for ``fetch_many`` only.
    """
    _NOTES.get().append(fact)


class Batcher(Generic[K, V]):
    """
    Asks ``fetch_many`` for up to ``max_size`` keys at once, ``max_in_flight`` times at once.

    Few calls of many keys cost less than many of few. So while a call is on the wire, others go out
    beside it only when it has been there for ``patience_s``, or when ``max_size`` keys wait. And when
    one has ended and others wait already, they wait ``linger_s`` more, at most: who has just been
    answered often asks again, and goes with them. Without others in line nobody waits for either.
    A lookup never joins a call that is on the wire, so what it gets was read after
    it asked. A key fails alone; a caller that leaves harms nobody; a key that
    nobody waits for any more is not asked for, and a call that nobody waits for
    is cancelled. A call has the correlation of its first lookup and the
    latest deadline among its lookups; each lookup leaves at its own.
    """

    def __init__(
        self,
        fetch_many: Callable[[Sequence[K]], Awaitable[Mapping[K, V | Exception]]],
        *,
        max_size: int,
        max_in_flight: int,
        max_waiting: int = _DEFAULT_MAX_WAITING,
        patience_s: float = 0.0,
        linger_s: float = 0.0,
        name: str = "the lookup",
    ) -> None:
        if min(max_size, max_in_flight, max_waiting) < 1:
            raise ValueError("max_size, max_in_flight and max_waiting must be positive")
        self._fetch_many = fetch_many
        self._max_size = max_size
        self._max_in_flight = max_in_flight
        self._max_waiting = max_waiting
        self._patience_s = patience_s
        self._linger_s = linger_s
        self._name = name
        self._line: dict[K, Entry[K, V]] = {}
        self._n_waiting = 0
        self._calls: set[SharedCall[K, V]] = set()
        #: While it is waited for those who were just answered: how many lookups that would be.
        self._n_expected = 0
        #: Calls on the wire that have not been there for long.
        self._n_prompt = 0
        self._sending: asyncio.Handle | None = None
        self._is_closed = False
        self._n_lookups = self._n_shared = 0
        self.batches = Batches()

    def begin(self, wait: Wait, key: K) -> Entry[K, V]:
        """
        Let ``wait`` wait for ``key``, too. Never raises: what cannot begin has its error already.
        """
        entry = self._line.get(key)
        if entry is not None and wait in entry.waits:
            self._n_shared += 1
        elif self._is_closed or wait.given_s == 0 or self._n_waiting >= self._max_waiting:
            entry = Entry(key, self._left)
            entry.outcome = self._refusal(wait)
            return entry
        else:
            if entry is None:
                entry = self._line[key] = Entry(key, self._left)
                # Not now: what else begins in this turn of the loop goes with it.
                self._send_after(0)
            else:
                self._n_shared += 1
            wait.add(entry)
            self._n_waiting += 1
            if self._n_waiting == self._n_expected and self._sending is not None:
                # Everybody is back who may have been waited for.
                self._sending.cancel()
                self._sending = None
                self._send_after(0)
        self._n_lookups += 1
        return entry

    async def load(self, key: K) -> V:
        """
        The value of ``key``, or the error that stands in its place.
        """
        wait = Wait()
        entry = self.begin(wait, key)
        await wait.until_over()
        answer = entry.answer(wait)
        if isinstance(answer, Exception):
            raise answer
        return answer

    async def load_many(self, keys: Sequence[K]) -> list[V | Exception]:
        """
        For each key its value or its error, in the order of ``keys``.
        """
        wait = Wait()
        entries = [self.begin(wait, key) for key in keys]
        await wait.until_over()
        return [entry.answer(wait) for entry in entries]

    def stats(self) -> BatcherStats:
        """
        The counts so far.
        """
        return BatcherStats(
            lookups=self._n_lookups,
            shared=self._n_shared,
            keys=int(self.batches.keys.total),
            calls=sum(self.batches.keys.counts),
            waiting=self._n_waiting,
            in_flight=len(self._calls),
        )

    async def aclose(self) -> None:
        """
        Cancel what is on the wire; whoever waits gets ``BatcherClosed``.
        """
        self._is_closed = True
        if self._sending is not None:
            self._sending.cancel()
        calls = list(self._calls)
        entries = [*self._line.values(), *(entry for call in calls for entry in call.entries)]
        self._line.clear()
        self._n_waiting = 0
        for entry in entries:
            entry.settle(BatcherClosed("closed"))
        tasks = [call.task for call in calls if call.task is not None]
        for call in calls:
            call.cancel()
            # A task that has not begun never tells that it has ended.
            self._no_longer_prompt(call)
        await asyncio.gather(*tasks, return_exceptions=True)
        self._calls.clear()

    def _refusal(self, wait: Wait) -> Exception:
        if self._is_closed:
            return BatcherClosed("closed")
        if wait.given_s == 0:
            return DeadlineExceeded(after_s=0)
        return Overloaded(self._name)

    def _left(self, entry: Entry[K, V]) -> None:
        """
        A caller goes without an answer for this key.
        """
        if entry.call is not None:
            entry.call.waits_left -= 1
            if entry.call.waits_left == 0:
                entry.call.cancel()
            return
        self._n_waiting -= 1
        if not entry.waits and self._line.get(entry.key) is entry:
            del self._line[entry.key]

    def _may_send(self) -> bool:
        if self._n_prompt and len(self._line) < self._max_size:
            return False
        return len(self._calls) < self._max_in_flight

    def _send_after(self, seconds: float) -> None:
        if self._sending is None and self._line and self._may_send():
            loop = asyncio.get_running_loop()
            if seconds > 0:
                self._sending = loop.call_later(seconds, self._send, context=Context())
            else:
                self._sending = loop.call_soon(self._send, context=Context())

    def _send(self) -> None:
        self._sending = None
        self._n_expected = 0
        while self._line and self._may_send():
            entries = [self._line.pop(key) for key in list(islice(self._line, self._max_size))]
            # Somebody may have left in this very turn of the loop.
            wanted = [entry for entry in entries if entry.is_wanted()]
            if wanted:
                self._start(SharedCall(wanted))

    def _start(self, call: SharedCall[K, V]) -> None:
        for entry in call.entries:
            entry.call = call
        self._n_waiting -= call.waits_left
        waited_s = time.monotonic() - call.entries[0].since
        self.batches.sent(len(call.entries), waited_s=waited_s)
        self._calls.add(call)
        if self._patience_s > 0:
            self._n_prompt += 1
            loop = asyncio.get_running_loop()
            call.patience = loop.call_later(
                self._patience_s, self._lose_patience, call, context=Context()
            )
        # An empty context: nothing of any caller reaches a call that others share.
        call.task = asyncio.get_running_loop().create_task(self._run(call), context=Context())

    def _lose_patience(self, call: SharedCall[K, V]) -> None:
        self._no_longer_prompt(call)
        self._send_after(0)

    def _no_longer_prompt(self, call: SharedCall[K, V]) -> None:
        if call.patience is not None:
            call.patience.cancel()
            call.patience = None
            self._n_prompt -= 1

    async def _run(self, call: SharedCall[K, V]) -> None:
        """
        Ask, and tell all who wait: here and not when the task is over, which is a turn of the loop later.
        """
        try:
            answers = await self._fetch(call)
        except Exception as failure:  # noqa: BLE001 - whatever it is, it is for those who wait
            self._ended(call, {}, failure)
        except BaseException:  # cancelled, too, it must not keep its place on the wire
            self._ended(call, {})
            raise
        else:
            self._ended(call, answers)

    async def _fetch(self, call: SharedCall[K, V]) -> Mapping[K, V | Exception]:
        keys = [entry.key for entry in call.entries]
        # The context is this call's own: nothing has to be put back.
        _NOTES.set(call.notes)
        deadline.EXPIRES_AT.set(call.deadline_at)
        if call.asked_by is not None:
            correlation.CURRENT.set(call.asked_by)
        answers = await self._fetch_many(keys)
        # Here and not when it has ended: what is no mapping fails this call and nothing else.
        return {key: answers[key] for key in keys if key in answers}

    def _ended(
        self,
        call: SharedCall[K, V],
        answers: Mapping[K, V | Exception],
        failure: Exception | None = None,
    ) -> None:
        self._calls.discard(call)
        self._no_longer_prompt(call)
        for entry in call.end():
            if failure is not None:
                entry.settle(failure)
            elif entry.key in answers:
                entry.settle(answers[entry.key])
            elif entry.waits:  # who has left before was told that the time is over
                entry.settle(NoAnswer(entry.key))
        if self._linger_s > 0 and self._line:
            self._n_expected = self._n_waiting + call.n_lookups
            self._send_after(self._linger_s)
        elif self._sending is None:
            self._send()
