"""
Replicas that watch each other, at a quicker pace than in production.
"""

import asyncio
import time
import uuid
from collections import Counter
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace

import psycopg
import pytest
from structlog.testing import capture_logs

from servicekit.durable import migrate, upgrade
from servicekit.durable.addresses import journal_url, libpq_options
from servicekit.durable.errors import JournalPending
from servicekit.durable.takeover import Pace, Replicas, Resuming
from servicekit.errors import ServiceUnavailable
from servicekit.testing import eventually
from servicekit.testing.fixtures import PostgresTemplate
from servicekit.testing.postgres import PostgresProcess, PostgresServer

_PACE = Pace(
    every_s=0.1, gone_after_s=0.6, frozen_after_s=1.2, judging_after_s=1.0, reconnect_after_s=0.05
)
_SOON_S = 20.0
_INSERT = """
INSERT INTO dbos.workflow_status
    (workflow_uuid, status, name, executor_id, application_name, application_version, priority)
VALUES ('{work}', 'PENDING', 'toy', '{executor}', 'toy', '1', 0)
"""


class Journal:
    """
    A journal with works that executors have, and what is done with them when they are lost.
    """

    def __init__(self, server: PostgresServer, database: str) -> None:
        self._server = server
        self._database = database
        self.url = journal_url(server.url(database))
        self.resumed: Counter[str] = Counter()
        self.told: list[tuple[str, int]] = []
        #: Of which each spoils an attempt to resume.
        self.faults: list[Exception] = []

    def sql(self, statement: str) -> str:
        """
        Execute a statement, as an operator would.
        """
        return self._server.sql(statement, database=self._database)

    def has(self, executor: str, *works: str) -> None:
        """
        Works that an executor carries out.
        """
        for work in works:
            self.sql(_INSERT.format(work=work, executor=executor))

    def spoke(self, executor: str) -> None:
        """
        The last that was heard of an executor, which is dead now.
        """
        self.sql(f"INSERT INTO dbos.saga_replicas VALUES ('{executor}', now())")

    async def resume(self, works: Sequence[str]) -> None:
        """
        As DBOS does it: they are nobody's.
        """
        if self.faults:
            raise self.faults.pop()
        self.resumed.update(works)
        names = ", ".join(f"'{work}'" for work in works)
        self.sql(
            f"UPDATE dbos.workflow_status SET status = 'ENQUEUED' WHERE workflow_uuid IN ({names})"
        )

    def made(self, executor: str, pace: Pace = _PACE) -> Replicas:
        """
        A replica that does nothing yet.
        """
        resuming = Resuming(self.resume, lambda why, works: self.told.append((why, works)))
        return Replicas(self.url, name="toy", executor_id=executor, resuming=resuming, pace=pace)

    @asynccontextmanager
    async def replica(self, executor: str, pace: Pace = _PACE) -> AsyncIterator[Replicas]:
        """
        A replica that lives and judges, while inside.
        """
        replica = self.made(executor, pace)
        async with replica.membership(), replica.watching():
            replica.is_judging = True
            yield replica

    def seen(self, executor: str) -> str:
        """
        When an executor was heard of last.
        """
        return self.sql(f"SELECT seen_at FROM dbos.saga_replicas WHERE executor_id = '{executor}'")

    async def goes_on(self, executor: str) -> None:
        """
        Wait until a replica has had the time to judge the others, several times.
        """
        for _ in range(15):
            before = self.seen(executor)
            await eventually(lambda: self.seen(executor) > before, within_s=_SOON_S)  # noqa: B023


@pytest.fixture
def journal(
    postgres_server: PostgresServer, postgres_template: PostgresTemplate
) -> Iterator[Journal]:
    """
    A migrated journal on the run's server.
    """
    name = f"takeover_{uuid.uuid4().hex}"
    postgres_server.create(name, template=postgres_template("takeover", migrate))
    yield Journal(postgres_server, name)
    postgres_server.drop(name)


async def test_several_survivors_resume_each_work_once(journal: Journal) -> None:
    """
    However many notice at once that a replica is gone, one of them does what follows.
    """
    journal.spoke("dead")
    journal.has("dead", *(f"w{number}" for number in range(5)))
    async with AsyncExitStack() as stack:
        for name in ("a", "b", "c"):
            await stack.enter_async_context(journal.replica(name))

        await eventually(lambda: len(journal.resumed) == 5, within_s=_SOON_S)

    assert set(journal.resumed.values()) == {1}
    assert journal.told == [("gone", 5)]


async def test_work_of_one_who_left_is_taken_up_at_once(journal: Journal) -> None:
    """
    Who stops in order says so: nobody waits until its silence is noticed.
    """
    async with journal.replica("a"):
        async with journal.replica("leaver"):
            journal.has("leaver", "w1")

        await eventually(lambda: journal.told == [("left", 1)], within_s=_SOON_S)


async def test_a_fault_of_ours_ends_no_watch(journal: Journal) -> None:
    """
    It is told, and the works are taken up the next time.
    """
    journal.spoke("dead")
    journal.has("dead", "w1")
    journal.faults.append(ZeroDivisionError("of ours"))

    with capture_logs() as logs:
        async with journal.replica("a"):
            await eventually(lambda: journal.told == [("gone", 1)], within_s=_SOON_S)

    assert [line["event"] for line in logs] == ["sagas.watch_failed", "sagas.taken_over"]


async def test_who_cannot_join_holds_no_connection(journal: Journal) -> None:
    """
    Its lock would be held by nobody, and nobody could take its works over.
    """
    journal.sql("DROP TABLE dbos.saga_replicas")

    # The error keeps alive whatever it went through.
    with pytest.raises(JournalPending) as _kept:
        await journal.made("a").membership().__aenter__()

    connections = (
        "SELECT count(*) FROM pg_stat_activity"
        " WHERE datname = current_database() AND application_name = 'toy replica'"
    )
    await eventually(lambda: int(journal.sql(connections)) == 0, within_s=_SOON_S)


@pytest.mark.real_time
async def test_replica_whose_connection_breaks_keeps_its_work(journal: Journal) -> None:
    """
    It connects again and takes its lock again before anybody thinks it gone.
    """
    async with journal.replica("watcher"), journal.replica("cut"):
        journal.has("cut", "w1")
        cut = (
            "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity"
            " WHERE datname = current_database() AND application_name = 'toy replica'"
        )

        for _ in range(3):
            before = journal.seen("cut")
            assert int(journal.sql(cut)) >= 1
            await eventually(lambda: journal.seen("cut") > before, within_s=_SOON_S)  # noqa: B023
        await journal.goes_on("watcher")

    assert journal.told == []


async def test_replica_that_is_frozen_is_known_by_its_silence(journal: Journal) -> None:
    """
    A lock that is held protects only who speaks.
    """
    frozen = journal.made("frozen")
    # Its lock is taken, and then it says nothing.
    async with journal.replica("watcher"), frozen.membership():
        journal.has("frozen", "w1")

        await eventually(lambda: journal.told == [("frozen", 1)], within_s=_SOON_S)
        with pytest.raises(ServiceUnavailable):
            frozen.ping()


async def test_who_stood_still_lets_others_speak_first(journal: Journal) -> None:
    """
    When a whole machine goes on after a pause, the silence of the others was that of the machine.
    """
    other = journal.made("other")
    async with journal.replica("watcher") as watcher, other.membership():
        journal.has("other", "w1")
        time.sleep(2 * _PACE.frozen_after_s)  # noqa: ASYNC251 - nobody speaks meanwhile
        for _ in range(2):
            before = watcher._heard_at
            await eventually(lambda: watcher._heard_at > before, within_s=_SOON_S)  # noqa: B023
        told_at_once = list(journal.told)

        await eventually(lambda: journal.told == [("frozen", 1)], within_s=_SOON_S)

    assert told_at_once == []


@pytest.mark.real_time
async def test_nobody_is_thought_lost_after_an_outage(own_postgres: PostgresProcess) -> None:
    """
    When the database comes back all have been silent for long; each may speak before it is judged.
    """
    await upgrade(own_postgres.server.url())
    journal = Journal(own_postgres.server, "postgres")
    async with AsyncExitStack() as stack:
        late = replace(_PACE, reconnect_after_s=0.5)
        for name, pace in {"a": _PACE, "b": _PACE, "c": late}.items():
            await stack.enter_async_context(journal.replica(name, pace))
            journal.has(name, f"work of {name}")
        own_postgres.kill()
        own_postgres.start()
        journal.sql("UPDATE dbos.saga_replicas SET seen_at = seen_at - interval '1 hour'")

        await journal.goes_on("a")
        # Now: whoever leaves first below is noticed by the others, where they take long to leave.
        told = [*journal.told]

    assert told == []


async def test_journal_is_migrated_by_one_at_a_time(postgres_url: str) -> None:
    """
    A replica waits until another one has migrated, however long that takes, and then finds it done.
    """
    other = await psycopg.AsyncConnection.connect(
        **libpq_options(journal_url(postgres_url)), autocommit=True
    )
    async with other:
        await other.execute("SELECT pg_advisory_lock(%s)", (int.from_bytes(b"sagas"),))
        migrating = asyncio.ensure_future(upgrade(postgres_url))

        async def asks() -> bool:
            found = await other.execute(
                "SELECT 1 FROM pg_stat_activity WHERE datname = current_database()"
                " AND application_name = 'sagas migrate' AND query LIKE '%pg_try_advisory%'"
            )
            return bool(await found.fetchall())

        await eventually(asks, within_s=_SOON_S)
        made = await other.execute("SELECT 1 FROM pg_namespace WHERE nspname = 'dbos'")
        assert not await made.fetchall()

    await migrating
