"""
A saga over a world that keeps books: what was done and undone there, however often it was asked.

Three steps: *van* and *help* can be undone, *lease* is the pivot. What has been undone stays so: a deed
that comes late is refused. Each attempt may be scripted to fail, before its effect or after it.
"""

import json
from collections import Counter, defaultdict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Literal

from pydantic import JsonValue

from servicekit.sagas import (
    Done,
    Ending,
    Entry,
    Outcome,
    Refused,
    Runner,
    Saga,
    Step,
    Unknown,
    Work,
)
from servicekit.testing import FakeClock

Fault = Literal["refused", "lost before", "lost after", "raises", "slow", "crash after"]
STEPS = ("van", "help", "lease")


class Crash(BaseException):
    """
    The process ends here.
    """


@dataclass
class Crashes:
    """
    Ends the process at boundaries that are counted through all its lives.
    """

    at: frozenset[int] = frozenset()
    passed: int = 0

    def boundary(self) -> None:
        """
        A place where a process may end.
        """
        self.passed += 1
        if self.passed - 1 in self.at:
            raise Crash


@dataclass
class MemoryJournal:
    """
    A journal as it stands on a disk: plain JSON, which outlives the process.
    """

    crashes: Crashes = field(default_factory=Crashes)
    records: dict[str, str] = field(default_factory=dict)

    async def once(
        self, name: str, do: Callable[[], Awaitable[dict[str, JsonValue]]]
    ) -> dict[str, JsonValue]:
        """
        As the protocol says.
        """
        self.crashes.boundary()
        if name not in self.records:
            record = json.dumps(await do())
            self.crashes.boundary()
            self.records[name] = record
            self.crashes.boundary()
        found: dict[str, JsonValue] = json.loads(self.records[name])
        return found


@dataclass
class Shop:
    """
    The world, the witness of the saga and its runner, on a clock that leaps over pauses.
    """

    crashes: Crashes = field(default_factory=Crashes)
    faults: dict[str, list[Fault]] = field(default_factory=lambda: defaultdict(list))
    clock: FakeClock = field(default_factory=FakeClock)
    attention_after_s: float = 60.0
    asked: list[str] = field(default_factory=list)
    effects: Counter[str] = field(default_factory=Counter)
    undone: set[str] = field(default_factory=set)
    pauses: list[float] = field(default_factory=list)
    told: list[Ending] = field(default_factory=list)
    seen: list[Entry] = field(default_factory=list)
    repeated: list[tuple[str, str]] = field(default_factory=list)
    attention: list[tuple[str, str]] = field(default_factory=list)
    mistakes: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.journal = MemoryJournal(self.crashes)
        steps = (
            Step("van", self._deed("van"), self._undo("van")),
            Step("help", self._deed("help"), self._undo("help")),
            Step("lease", self._deed("lease"), is_pivot=True),
        )
        self.saga = Saga("move", steps, self._ended, self, lambda _work: self.journal)

    async def carry_out(self, *, until: datetime | None = None) -> Ending:
        """
        Carry out the work "w", in one life of a process after another until it has ended.
        """
        is_again = False
        while True:
            try:
                return await self.one_life(until=until, is_again=is_again)
            except Crash:
                is_again = True

    async def one_life(self, *, until: datetime | None = None, is_again: bool = False) -> Ending:
        """
        Carry it out until it has ended or the process has.
        """
        runner = Runner(
            pause=self._pause, attention_after_s=self.attention_after_s, now=self.clock.now
        )
        work = Work("w", {"house": 7}, until)
        return await runner.carry_out(self.saga, work, is_again=is_again)

    def soon(self, seconds: float) -> datetime:
        """
        A moment of the shop's clock.
        """
        return self.clock.now() + timedelta(seconds=seconds)

    @property
    def standing(self) -> set[str]:
        """
        What has been done and not been undone.
        """
        return set(self.effects) - self.undone

    def saw(self, work: Work, entry: Entry) -> None:
        """
        As the protocol says.
        """
        assert work.id == "w"
        self.seen.append(entry)
        self._may_fail("saw")

    def repeating(self, work: Work, step: str, why: str) -> None:
        """
        As the protocol says.
        """
        assert work.id == "w"
        self.repeated.append((step, why))
        self._may_fail("repeating")

    async def needs_attention(self, work: Work, step: str, why: str) -> None:
        """
        As the protocol says.
        """
        assert work.id == "w"
        self._may_fail("needs_attention")
        self.attention.append((step, why))

    async def _ended(self, work: Work, ending: Ending) -> None:
        assert work.id == "w"
        self.crashes.boundary()
        self._may_fail("ended")
        self.told.append(ending)
        self.crashes.boundary()

    def _deed(self, step: str) -> Callable[[Work], Awaitable[Outcome]]:
        async def do(_work: Work) -> Outcome:
            return self._attempt(step, lambda: self._done(step))

        return do

    def _undo(self, step: str) -> Callable[[Work], Awaitable[Outcome]]:
        async def undo(_work: Work) -> Outcome:
            return self._attempt(f"undo {step}", lambda: self._put_back(step))

        return undo

    def _attempt(self, what: str, effect: Callable[[], Outcome]) -> Outcome:
        self.asked.append(what)
        self.crashes.boundary()
        fault = self.faults[what].pop(0) if self.faults[what] else None
        if fault == "lost before":
            return Unknown("LOST")
        # What has happened is refused no more.
        if fault == "refused" and what not in self.effects:
            return Refused("NO", {"left": 0})
        outcome = effect()
        self.crashes.boundary()
        if fault == "crash after":
            raise Crash
        if fault == "raises":
            raise RuntimeError(what)
        if fault == "slow":
            self.clock.advance(20)
        return Unknown("LOST") if fault == "lost after" else outcome

    def _done(self, step: str) -> Outcome:
        if step in self.undone:
            return Refused("GONE")
        self.effects[step] = 1
        return Done({"id": f"{step}-1"})

    def _put_back(self, step: str) -> Outcome:
        self.undone.add(step)
        return Done()

    async def _pause(self, work_id: str, seconds: float) -> None:
        assert work_id == "w"
        self.crashes.boundary()
        self.pauses.append(seconds)
        self.clock.advance(seconds)

    def _may_fail(self, what: str) -> None:
        if what in self.mistakes:
            self.mistakes.remove(what)
            raise RuntimeError(what)
