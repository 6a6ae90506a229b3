"""
The words of sagas: steps and their outcomes, work and its ending, and who is told of them.
"""

import enum
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from itertools import takewhile
from typing import Literal, Protocol

from pydantic import JsonValue

JsonObject = Mapping[str, JsonValue]


@dataclass(frozen=True, slots=True)
class Done:
    """
    It has happened; ``facts`` are for the steps that follow and for the end.
    """

    facts: JsonObject = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Refused:
    """
    It has not happened, and repeating it will not help.
    """

    code: str
    facts: JsonObject = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Unknown:
    """
    It may or may not have happened.
    """

    why: str


Outcome = Done | Refused | Unknown


@dataclass(frozen=True, slots=True)
class Work:
    """
    What is to be done, and what came of it so far.

    ``until`` ends the repeating of what is done before the pivot, and is None after that; ``done`` holds
    the facts of steps by name.
    """

    id: str
    subject: JsonObject
    until: datetime | None = None
    done: Mapping[str, JsonObject] = field(default_factory=dict)


Deed = Callable[[Work], Awaitable[Outcome]]


async def nothing(_work: Work) -> Outcome:
    """
    The undo of a step that leaves nothing behind.
    """
    return Done()


@dataclass(frozen=True, slots=True)
class Step:
    """
    One step. Its name is recorded: it must stay the same while work that has passed it is unfinished.
    """

    name: str
    do: Deed
    undo: Deed = nothing
    is_pivot: bool = False


What = Literal["done", "refused", "unknown", "undone"]


@dataclass(frozen=True, slots=True)
class Entry:
    """
    What a step, or the undoing of one, came to, after how many attempts.
    """

    step: str
    what: What
    at: datetime
    attempts: int
    facts: JsonObject
    code: str | None = None


How = Literal["done", "refused", "failed"]


@dataclass(frozen=True, slots=True)
class Ending:
    """
    How the work ended: *done*; *refused* by a step; or *failed*, out of time. Unless done, all is undone.
    """

    how: How
    done: Mapping[str, JsonObject]
    step: str | None = None
    code: str | None = None
    facts: JsonObject = field(default_factory=dict)


class Standing(enum.StrEnum):
    """
    Who goes on with a work that was started.

    *going*: somebody does, or will. *stopped*: nobody, since it is over for whoever carries it out, by its
    saga or by whatever else: a hand, a fault. *foreign*: only a release of another version may.
    """

    GOING = "going"
    STOPPED = "stopped"
    FOREIGN = "foreign"


class Witness(Protocol):
    """
    Is told what happens while it happens. What it is told twice, after a crash, it tells apart itself.
    """

    def saw(self, work: Work, entry: Entry) -> None:
        """
        A step or an undo has come to its end.
        """

    def repeating(self, work: Work, step: str, why: str) -> None:
        """
        The first attempt had no known outcome: there will be others.
        """

    async def needs_attention(self, work: Work, step: str, why: str) -> None:
        """
        There is still none after a long time.
        """


@dataclass(frozen=True, slots=True)
class Saga:
    """
    A table of steps by a name, with whoever watches its work and is told its end.

    ``ended`` is repeated until it returns, and is told an end again after a crash.
    A work's ``journal`` is one that all share who carry it out, several at once even: it keeps the first
    record of each name (there are two) and gives everybody that one.
    """

    name: str
    steps: tuple[Step, ...]
    ended: Callable[[Work, Ending], Awaitable[None]]
    witness: Witness
    journal: "Callable[[Work], Journal]"

    def before_pivot(self) -> tuple[Step, ...]:
        """
        The steps that time may still end; all where there is no pivot.
        """
        return tuple(takewhile(lambda step: not step.is_pivot, self.steps))

    def from_pivot(self) -> tuple[Step, ...]:
        """
        The others.
        """
        return self.steps[len(self.before_pivot()) :]


class Journal(Protocol):
    """
    Remembers what was found out, so that it is found the same after a crash.
    """

    async def once(
        self, name: str, do: Callable[[], Awaitable[dict[str, JsonValue]]]
    ) -> dict[str, JsonValue]:
        """
        What ``do`` came to when that was recorded; it is done now if it was not.
        """
