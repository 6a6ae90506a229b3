"""
Carries out one work of a saga, forward or back, over a journal.
"""

import random
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial
from itertools import count
from typing import Final

import structlog
from pydantic import JsonValue, TypeAdapter

from servicekit import deadline
from servicekit.clock import Now, utc_now
from servicekit.errors import ServiceUnavailable
from servicekit.sagas.efforts import Effort, show
from servicekit.sagas.models import (
    Ending,
    Entry,
    Journal,
    JsonObject,
    Outcome,
    Saga,
    Step,
    Unknown,
    Work,
    nothing,
)
from servicekit.sagas.watching import NOBODY, Watch
from servicekit.unharmed import unharmed

#: What one attempt may take where no end of the work's own is nearer; s.
ATTEMPT_S: Final = 10.0
_FIRST_PAUSE_S: Final = 0.05
_LONGEST_PAUSE_S: Final = 2.0
_LONGEST_PAUSE_WITHOUT_END_S: Final = 30.0

log = structlog.get_logger()

#: Waits for so many seconds, or until somebody wants the work of that id to be tried again at once.
Pause = Callable[[str, float], Awaitable[None]]


class Runner:
    """
    Carries out work. ``pause`` is how it waits between attempts.
    """

    def __init__(
        self,
        *,
        pause: Pause,
        attention_after_s: float,
        now: Now = utc_now,
        watch: Watch = NOBODY,
    ) -> None:
        self._pause = pause
        self._watch = watch
        self._attention_after = timedelta(seconds=attention_after_s)
        self._now = now

    async def carry_out(self, saga: Saga, work: Work, *, is_again: bool = False) -> Ending:
        """
        Do the steps of ``saga``, or undo them; returns after ``saga.ended`` has been told.

        ``is_again`` says that it may have been begun before, and have come further than it does now.
        """
        journal = saga.journal(work)
        watched = self._watch.work(saga.name, work.id, is_again=is_again)
        with deadline.at(None), watched as tell_end:
            entries, is_found = await self._trial(saga, work, journal)
            # Found, and not done just now: somebody else has begun it, and may be further.
            is_again = is_again or is_found
            onward = replace(_after(work, entries), until=None)
            if _is_done(entries):
                entries += await self._onward(saga, onward, journal, is_again=is_again)
            if not _is_done(entries):
                tried = max(len(entries), len(saga.before_pivot()) if is_again else 0)
                await self._undo(saga, saga.steps[:tried], onward)
            ending = _ending(entries)
            await self._tell(saga, work, ending)
            tell_end(ending)
        return ending

    async def _trial(self, saga: Saga, work: Work, journal: Journal) -> tuple[list[Entry], bool]:
        """
        What the steps before the pivot came to. From then on the way is known: it is recorded.
        """
        if not saga.before_pivot():
            return [], False
        return await self._once(saga, saga.before_pivot(), work, journal, name=saga.name)

    async def _onward(
        self, saga: Saga, work: Work, journal: Journal, *, is_again: bool
    ) -> list[Entry]:
        """
        What the pivot and the steps after it came to: recorded before the way back begins.

        Work that is begun again looks for that record first: it may have been on its way back.
        """
        name = f"{saga.name} onward"
        if is_again:
            return (await self._once(saga, saga.from_pivot(), work, journal, name=name))[0]
        entries = await self._do(saga, saga.from_pivot(), work)
        if _is_done(entries):
            return entries
        return _read(await journal.once(name, partial(_kept, entries)))

    async def _once(
        self, saga: Saga, steps: Sequence[Step], work: Work, journal: Journal, *, name: str
    ) -> tuple[list[Entry], bool]:
        """
        What the steps came to, and whether somebody else has found that out, who may have come further.
        """
        own: dict[str, JsonValue] = {}

        async def attempt() -> dict[str, JsonValue]:
            own.update(await _kept(await self._do(saga, steps, work)))
            return own

        recorded = await journal.once(name, attempt)
        entries, is_own = _read(recorded), recorded == own
        if not is_own:
            for entry in entries:
                show(saga, work, entry)
        return entries, not is_own

    async def _do(self, saga: Saga, steps: Sequence[Step], work: Work) -> list[Entry]:
        """
        The steps one after the other, up to the first that is not done.
        """
        entries: list[Entry] = []
        for step in steps:
            so_far = _after(work, entries)
            entries.append(await self._persist(Effort(saga, step.name, step.do, so_far)))
            if entries[-1].what != "done":
                break
        return entries

    async def _undo(self, saga: Saga, steps: Sequence[Step], work: Work) -> None:
        for step in reversed(steps):
            if step.undo is not nothing:
                await self._persist(Effort(saga, step.name, step.undo, work, is_undo=True))

    async def _persist(self, effort: Effort) -> Entry:
        """
        Make attempts until the outcome is known, or the work's time is over.
        """
        began = self._now()
        is_flagged = False
        attempts = 0
        while True:
            attempts += 1
            with self._watch.attempt(effort.attempt(attempts)) as came_to:
                outcome = await self._attempt(effort)
                came_to(outcome)
            now = self._now()
            if entry := effort.entry(outcome, now, attempts):
                show(effort.saga, effort.work, entry)
                return entry
            if attempts == 1:
                effort.tell_repeating(outcome)
            if not is_flagged and now - began >= self._attention_after:
                is_flagged = await effort.is_flagged(outcome)
            await self._pause(effort.work.id, _pause_s(attempts, now, effort.work.until))

    async def _attempt(self, effort: Effort) -> Outcome:
        work = effort.work
        left_s = ATTEMPT_S if work.until is None else (work.until - self._now()).total_seconds()
        if left_s <= 0:
            return Unknown("DEADLINE_EXCEEDED")
        with (
            unharmed("saga.attempt_failed", work=work.id, step=effort.step),
            deadline.within(min(left_s, ATTEMPT_S)),
        ):
            return await effort.deed(work)
        return Unknown("INTERNAL")

    async def _tell(self, saga: Saga, work: Work, ending: Ending) -> None:
        for attempts in count(1):
            with unharmed("saga.end_not_told", saga=saga.name, work=work.id):
                try:
                    await saga.ended(work, ending)
                except ServiceUnavailable as error:
                    log.warning("saga.end_not_told", saga=saga.name, work=work.id, code=error.code)
                else:
                    return
            await self._pause(work.id, _pause_s(attempts, self._now(), None))


def _read(record: JsonObject) -> list[Entry]:
    return _ENTRIES.validate_python(record["entries"])


async def _kept(entries: Sequence[Entry]) -> dict[str, JsonValue]:
    return {"entries": _ENTRIES.dump_python([*entries], mode="json")}


def _pause_s(attempts: int, now: datetime, until: datetime | None) -> float:
    longest_s = _LONGEST_PAUSE_WITHOUT_END_S if until is None else _LONGEST_PAUSE_S
    # 2 ** 20 is beyond any bound already; a float has an end.
    most_s = min(longest_s, _FIRST_PAUSE_S * 2 ** min(attempts, 20))
    pause_s = random.uniform(most_s / 2, most_s)  # noqa: S311  # to spread attempts
    return pause_s if until is None else min(pause_s, max(0.0, (until - now).total_seconds()))


def _is_done(entries: Sequence[Entry]) -> bool:
    return all(entry.what == "done" for entry in entries)


def _after(work: Work, entries: Sequence[Entry]) -> Work:
    """
    The work, knowing what the steps so far came to.
    """
    done = {entry.step: entry.facts for entry in entries if entry.what == "done"}
    return replace(work, done={**work.done, **done})


def _ending(entries: Sequence[Entry]) -> Ending:
    done = {entry.step: entry.facts for entry in entries if entry.what == "done"}
    if _is_done(entries):
        return Ending("done", done)
    last = entries[-1]
    return Ending(
        "refused" if last.what == "refused" else "failed", done, last.step, last.code, last.facts
    )


#: Entries as a journal keeps them: plain JSON, which is checked when it is read.
_ENTRIES: Final = TypeAdapter(list[Entry])
