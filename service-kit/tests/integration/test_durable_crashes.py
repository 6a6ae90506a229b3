"""
Work whose process is killed or frozen, or whose database goes away.
"""

import asyncio
import os
import signal
import sys
import uuid
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
import structlog
import toy_sagas
from toy_sagas import SAGA, FindingFiles, Toy, toy_engine

from servicekit.durable import DurableError, migrate, upgrade
from servicekit.testing import eventually
from servicekit.testing.fixtures import PostgresTemplate
from servicekit.testing.postgres import PostgresProcess, PostgresServer
from servicekit.testing.warm import WarmProcess

#: What takes seconds on a free machine.
_SOON_S = 40.0


class Replica:
    """
    A process that carries out the toy saga: ``toy_sagas.py``.
    """

    def __init__(self, url: str, folder: Path, name: str) -> None:
        self.folder = folder
        self.name = name
        self.log = folder / f"{name}.log"
        reading, writing = os.pipe()
        with self.log.open("wb") as log, os.fdopen(reading) as asked:
            self._process = WarmProcess(
                [sys.executable, toy_sagas.__file__, url, str(folder), name],
                env=os.environ,
                stdin=asked.fileno(),
                stdout=log.fileno(),
                stderr=log.fileno(),
            )
        self._asking = os.fdopen(writing, "w", buffering=1)

    async def is_ready(self) -> None:
        """
        Wait until it carries out work.
        """
        await self._shows("ready")

    def ask(self, work_id: str) -> None:
        """
        Have it start a work.
        """
        self._asking.write(f"start {work_id}\n")

    async def start(self, work_id: str) -> None:
        """
        Have it start a work, and wait until that is recorded.
        """
        self.ask(work_id)
        await self._shows(f"started {work_id}")

    async def has_noted(self, line: str) -> None:
        """
        Wait until its ledger has a line.
        """
        ledger = self.folder / "ledger"
        await eventually(
            lambda: ledger.exists() and f"{self.name} {line}\n" in ledger.read_text(),
            within_s=_SOON_S,
        )

    def send(self, signal_: signal.Signals) -> None:
        """
        Send it a signal, if it is there.
        """
        if self._process.poll() is None:
            os.kill(self._process.pid, signal_)

    async def has_died(self) -> None:
        """
        Wait until it has ended.
        """
        await eventually(lambda: self._process.poll() is not None, within_s=_SOON_S)

    def end(self) -> None:
        """
        End it whatever it does.
        """
        self.send(signal.SIGKILL)
        self._process.wait(10)
        self._asking.close()

    async def _shows(self, what: str) -> None:
        sign = self.folder / f"{self.name} {what}"
        await eventually(sign.exists, within_s=_SOON_S)


Starting = Callable[[str, str], Replica]


@pytest.fixture
def journal(postgres_server: PostgresServer, postgres_template: PostgresTemplate) -> Iterator[str]:
    """
    The address of a PostgreSQL database with a migrated journal.
    """
    name = f"crashes_{uuid.uuid4().hex}"
    postgres_server.create(name, template=postgres_template("crashes", migrate))
    yield postgres_server.url(name)
    postgres_server.drop(name)


@pytest.fixture
def replica(tmp_path: Path) -> Iterator[Starting]:
    """
    Starts replicas, and ends them after the test.
    """
    with ExitStack() as stack:

        def start(url: str, name: str) -> Replica:
            made = Replica(url, tmp_path, name)
            stack.callback(made.end)
            return made

        yield start


async def test_work_goes_on_wherever_its_process_was_killed(
    sqlite_url: str, tmp_path: Path, replica: Starting
) -> None:
    """
    Killed after any step, the process finds its work at the next start, and ends it once.
    """
    await upgrade(sqlite_url)
    points = ["w0 first", "w1 second", "w2 third", "w3 ended done"]
    for number, point in enumerate(points):
        (tmp_path / "killer").write_text(point)
        victim = replica(sqlite_url, f"life{number}")
        await victim.is_ready()
        victim.ask(f"w{number}")
        await victim.has_died()

    toy = Toy(lambda _line: None, findings=FindingFiles(tmp_path))
    async with toy_engine(sqlite_url, toy).running():
        await eventually(lambda: ("w3", "done") in toy.told, within_s=_SOON_S)

    ledger = (tmp_path / "ledger").read_text().splitlines()
    for number in range(3):
        ends = [line for line in ledger if line.endswith(f" w{number} ended done")]
        assert len(ends) + toy.told.count((f"w{number}", "done")) == 1


async def test_second_process_on_one_file_is_refused(sqlite_url: str, replica: Starting) -> None:
    """
    SQLite's journal has one process: another one says so in one line, until the first is gone.
    """
    await upgrade(sqlite_url)
    first = replica(sqlite_url, "first")
    await first.is_ready()
    engine = toy_engine(sqlite_url, Toy(print))

    with pytest.raises(DurableError, match="another process") as caught:
        async with engine.running():
            pass
    first.end()
    async with engine.running():
        pass

    assert "\n" not in str(caught.value)


@pytest.mark.postgres
async def test_survivors_go_on_with_the_work_of_a_killed_replica(
    journal: str, tmp_path: Path, replica: Starting
) -> None:
    """
    The work of a replica that dies is ended by another within seconds.
    """
    (tmp_path / "held").touch()
    toy = Toy(lambda _line: None, findings=FindingFiles(tmp_path))
    async with toy_engine(journal, toy).running():
        victim = replica(journal, "victim")
        await victim.is_ready()
        for work_id in ("w1", "w2", "w3"):
            await victim.start(work_id)
            await victim.has_noted(f"{work_id} second begun")

        victim.send(signal.SIGKILL)

        await eventually(
            lambda: sorted(toy.told) == [("w1", "done"), ("w2", "done"), ("w3", "done")],
            within_s=_SOON_S,
        )
    assert "ended" not in (tmp_path / "ledger").read_text()


@pytest.mark.postgres
async def test_work_of_a_frozen_replica_is_taken_from_it(
    journal: str, tmp_path: Path, replica: Starting
) -> None:
    """
    A replica that does not answer loses its work. When it wakes it finds that ended, and carries out more.
    """
    (tmp_path / "held").touch()
    toy = Toy(lambda _line: None, findings=FindingFiles(tmp_path))
    async with toy_engine(journal, toy).running():
        sleeper = replica(journal, "sleeper")
        await sleeper.is_ready()
        await sleeper.start("w1")
        await sleeper.has_noted("w1 second begun")

        sleeper.send(signal.SIGSTOP)
        await eventually(lambda: toy.told == [("w1", "done")], within_s=_SOON_S)
        (tmp_path / "held").unlink()
        sleeper.send(signal.SIGCONT)
        await sleeper.has_noted("w1 second")
        await sleeper.start("w2")
        await sleeper.has_noted("w2 ended done")

    assert toy.told == [("w1", "done")]
    assert "w1 first" not in (tmp_path / "ledger").read_text().partition("w1 second\n")[2]
    assert "saga.broken_off" not in sleeper.log.read_text()


@pytest.mark.postgres
async def test_database_that_comes_back_finds_its_work_again(
    own_postgres: PostgresProcess,
) -> None:
    """
    While the database is away work waits; afterwards it ends here, and nobody is thought lost.
    """
    url = own_postgres.server.url()
    await upgrade(url)
    is_held = True
    toy = Toy(lambda _line: None, lambda: is_held)
    engine = toy_engine(url, toy)
    with structlog.testing.capture_logs() as lines:
        async with engine.running():
            await engine.start(SAGA, "w1", {})
            await asyncio.to_thread(own_postgres.kill)
            is_held = False
            second = asyncio.ensure_future(engine.start(SAGA, "w2", {}))
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(asyncio.shield(second), 0.3)
            await asyncio.to_thread(own_postgres.start)

            await second
            await eventually(
                lambda: sorted(toy.told) == [("w1", "done"), ("w2", "done")], within_s=_SOON_S
            )

    assert "sagas.taken_over" not in {line["event"] for line in lines}


@pytest.mark.postgres
async def test_stop_does_not_wait_for_a_database_that_is_away(
    own_postgres: PostgresProcess,
) -> None:
    """
    Whoever stops while the database is away stops, and leaves its work for later.
    """
    url = own_postgres.server.url()
    await upgrade(url)
    toy = Toy(lambda _line: None, lambda: True)
    engine = toy_engine(url, toy, drain_s=0.1)
    with structlog.testing.capture_logs() as lines:
        async with asyncio.timeout(_SOON_S), engine.running():
            await engine.start(SAGA, "w1", {})
            await asyncio.to_thread(own_postgres.kill)

    assert toy.told == []
    assert [line for line in lines if line["log_level"] in ("error", "critical")] == []
