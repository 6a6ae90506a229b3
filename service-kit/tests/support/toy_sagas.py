"""
A saga of three steps for tests of the engine, in the test's own process or in one that can be killed.

``python toy_sagas.py DATABASE_URL FOLDER NAME`` carries out what its standard input asks for, a line
each: ``start ID``. It notes in ``FOLDER/ledger`` what it does, ``FOLDER/held`` holds its second step, and
``FOLDER/killer`` has the line of the ledger after which it kills itself.
"""

import asyncio
import json
import os
import signal
import sys
import uuid
from collections import defaultdict
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from contextvars import ContextVar
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Self, TextIO

from pydantic import JsonValue

from servicekit import correlation, deadline, logs
from servicekit.clock import Now, utc_now
from servicekit.durable import DurableSettings, Engine, migrate, upgrade
from servicekit.outside import REAL_WORLD, Outside
from servicekit.sagas import Deed, Done, Ending, Entry, Outcome, Saga, Step, Work
from servicekit.telemetry import Telemetry
from servicekit.testing import eventually

if TYPE_CHECKING:
    from servicekit.testing.fixtures import DatabaseCopy

SAGA = "toy"
#: Stands for whatever a request's context holds.
WHO_ASKS: ContextVar[str] = ContextVar("who_asks", default="nobody")


class Findings:
    """
    What was found out, in this process. Kept as text, as in every store: what is no JSON is refused.
    """

    def __init__(self) -> None:
        self._kept: dict[str, str] = {}

    def found(self, name: str) -> str | None:
        """
        What was kept under that name.
        """
        return self._kept.get(name)

    def is_first(self, name: str, finding: str) -> bool:
        """
        Keep a finding, unless there is one.
        """
        return self._kept.setdefault(name, finding) is finding


class FindingFiles:
    """
    The same for several processes, each finding being a file.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def found(self, name: str) -> str | None:
        """
        What was kept under that name.
        """
        file = self._folder / f"{name}.found"
        return file.read_text() if file.exists() else None

    def is_first(self, name: str, finding: str) -> bool:
        """
        Keep a finding, unless there is one.
        """
        whole = self._folder / f"{uuid.uuid4()}.whole"
        whole.write_text(finding)
        try:
            (self._folder / f"{name}.found").hardlink_to(whole)
        except FileExistsError:
            return False
        return True


async def with_journal(database_copy: "DatabaseCopy") -> str:
    """
    The address of a service's database, whose journal is migrated.
    """
    url = database_copy("durable", migrate)
    await upgrade(url)
    return url


@dataclass
class Toy:
    """
    What the saga does, and what became of it. ``held`` says whether the second step must wait.
    """

    note: Callable[[str], object]
    held: Callable[[], bool] = lambda: False
    ledger: list[str] = field(default_factory=list)
    outcomes: dict[str, list[Outcome]] = field(default_factory=lambda: defaultdict(list))
    told: list[tuple[str, str]] = field(default_factory=list)
    attention: list[str] = field(default_factory=list)
    findings: Findings | FindingFiles = field(default_factory=Findings)
    contexts: list[tuple[str | None, float | None, str]] = field(default_factory=list)

    @classmethod
    def with_ledger(cls) -> Self:
        """
        One that notes what it does in its own ledger.
        """
        ledger: list[str] = []
        return cls(ledger.append, ledger=ledger)

    @property
    def saga(self) -> Saga:
        """
        The table.
        """
        steps = (
            Step("first", self._first, self._undo("first")),
            Step("second", self._second, self._undo("second")),
            Step("third", self._third, is_pivot=True),
        )
        return Saga(SAGA, steps, self._ended, self, self._journal)

    def _journal(self, work: Work) -> "Journal":
        return Journal(work.id, self.findings)

    async def _first(self, work: Work) -> Outcome:
        self.contexts.append((correlation.correlation_id(), deadline.remaining_s(), WHO_ASKS.get()))
        return self._did("first", work)

    async def _second(self, work: Work) -> Outcome:
        self.note(f"{work.id} second begun")
        await eventually(lambda: not self.held(), within_s=60)
        return self._did("second", work)

    async def _third(self, work: Work) -> Outcome:
        return self._did("third", work)

    def _undo(self, step: str) -> Deed:
        async def undo(work: Work) -> Outcome:
            return self._did(f"undo {step}", work)

        return undo

    def _did(self, what: str, work: Work) -> Outcome:
        self.note(f"{work.id} {what}")
        scripted = self.outcomes[what]
        return scripted.pop(0) if scripted else Done({"subject": work.subject.get("x")})

    def saw(self, work: Work, entry: Entry) -> None:
        """
        Nothing: the ledger has it.
        """

    def repeating(self, work: Work, step: str, why: str) -> None:
        """
        Noted.
        """
        self.note(f"{work.id} {step} repeating {why}")

    async def needs_attention(self, work: Work, step: str, why: str) -> None:
        """
        Kept.
        """
        self.attention.append(f"{work.id} {step} {why}")

    async def _ended(self, work: Work, ending: Ending) -> None:
        self.note(f"{work.id} ended {ending.how}")
        self.told.append((work.id, ending.how))


@dataclass
class Journal:
    """
    A journal that all share who carry out a work.
    """

    work_id: str
    findings: Findings | FindingFiles

    async def once(
        self, name: str, do: Callable[[], Awaitable[dict[str, JsonValue]]]
    ) -> dict[str, JsonValue]:
        """
        The first that was found.
        """
        name = f"{self.work_id} {name}"
        if self.findings.found(name) is None:
            self.findings.is_first(name, json.dumps(await do()))
        found: dict[str, JsonValue] = json.loads(self.findings.found(name) or "")
        return found


def toy_engine(
    database_url: str,
    toy: Toy,
    *,
    telemetry: Telemetry | None = None,
    outside: Outside = REAL_WORLD,
    drain_s: float = 20.0,
    now: Now = utc_now,
) -> Engine:
    """
    An engine with that saga.
    """
    settings = DurableSettings(
        service_name="toy-service", database_url=database_url, drain_timeout_seconds=drain_s
    )
    return Engine(
        settings, [toy.saga], telemetry=telemetry or Telemetry(), outside=outside, now=now
    )


def file_toy(folder: Path, name: str) -> Toy:
    """
    A toy whose ledger and whose hold are files.
    """
    killer = folder / "killer"

    def note(line: str) -> None:
        with (folder / "ledger").open("a") as ledger:
            ledger.write(f"{name} {line}\n")
        if killer.exists() and killer.read_text() == line:
            killer.unlink()
            os.kill(os.getpid(), signal.SIGKILL)

    return Toy(note, (folder / "held").exists, findings=FindingFiles(folder))


async def serve(database_url: str, folder: Path, name: str, asked: TextIO) -> None:
    """
    Do what is asked until there is no more, or the end comes.
    """
    engine = toy_engine(database_url, file_toy(folder, name))
    loop, thread = asyncio.get_running_loop(), ThreadPoolExecutor(1)
    async with engine.running():
        (folder / f"{name} ready").touch()
        while line := await loop.run_in_executor(thread, asked.readline):
            command, work_id = line.split()
            assert command == "start"
            await engine.start(SAGA, work_id, {"x": 7})
            (folder / f"{name} started {work_id}").touch()


if __name__ == "__main__":
    logs.configure(log_format="json", log_level="INFO", service="toy")
    asyncio.run(serve(sys.argv[1], Path(sys.argv[2]), sys.argv[3], sys.stdin))
    os._exit(0)
