"""
DBOS Transact as the engine wants it: its life, its workflows and its log.

DBOS is one to a process and keeps its instance and its registry in globals of its own; both are made
when the engine starts and removed when it stops. It takes the event loop that runs at its launch as
the one for recovered work, and puts its few threads in place of that loop's own: afterwards the loop
gets new ones.
"""

import asyncio
import logging
import threading
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack, contextmanager
from datetime import datetime
from typing import Any, Final

from dbos import DBOS, DBOSConfig, DBOSPortableJSONSerializer, SetWorkflowID, error
from pydantic import JsonValue
from sqlalchemy import URL
from sqlalchemy.exc import SQLAlchemyError

from servicekit.durable.addresses import SCHEMA
from servicekit.durable.errors import JournalPending, OneInAProcess
from servicekit.durable.standing import OVER, standing_of
from servicekit.durable.storage import THREADS, Storage
from servicekit.errors import ServiceUnavailable
from servicekit.sagas import Standing

#: Pinned: DBOS's own is a hash of code, and work of another version is not taken up by anybody.
#: What a workflow is given must still be read, and so must the names under which sagas record.
VERSION: Final = "1"

#: DBOS's own listener sleeps this long between looks at lists that are empty here; no stop is quicker.
_LISTENER_S: Final = 0.1

#: What a workflow is given and gives back: plain JSON.
Given = dict[str, JsonValue]
Carry = Callable[[Given], Awaitable[str]]

_ONE: Final = threading.Lock()
_LOG: Final = logging.getLogger("dbos")


@contextmanager
def only_one() -> Iterator[None]:
    """
    Raise ``OneInAProcess`` where somebody else is inside.
    """
    if not _ONE.acquire(blocking=False):
        raise OneInAProcess
    try:
        yield
    finally:
        _ONE.release()


class Transact:
    """
    DBOS between ``launch`` and ``destroy``.
    """

    def __init__(self, url: URL, *, name: str, executor_id: str) -> None:
        self._storage = Storage(url, application_name=f"{name} sagas")
        self._config: DBOSConfig = {
            "name": name,
            "system_database_engine": self._storage.engine,
            "dbos_system_schema": SCHEMA,
            "application_version": VERSION,
            "executor_id": executor_id,
            "serializer": DBOSPortableJSONSerializer(),
            "max_executor_threads": THREADS,
            "use_listen_notify": False,
            "notification_listener_polling_interval_sec": _LISTENER_S,
            "run_migrations": False,
            "log_level": "CRITICAL",
        }
        self._workflows: dict[str, Callable[[Given], Any]] = {}

    async def launch(self, workflows: Mapping[str, Carry]) -> None:
        """
        Begin, on the event loop that runs: work that was left is carried out by ``workflows``.

        Raises ``JournalPending`` where migrations are missing, and ``ServiceUnavailable`` where the
        database is away. The loop is blocked for a few statements: DBOS takes to the loop of its thread.
        """
        await asyncio.to_thread(self._storage.check)
        async with AsyncExitStack() as unless_launched:
            # What is launched has threads that go on.
            unless_launched.push_async_callback(self.destroy)
            self._launch(workflows)
            unless_launched.pop_all()

    def _launch(self, workflows: Mapping[str, Carry]) -> None:
        with _quiet_log():
            self._workflows = {name: _workflow(name, carry) for name, carry in workflows.items()}
            DBOS(config=self._config)
            try:
                DBOS.launch()
            except error.DBOSInitializationError as refusal:
                raise JournalPending from refusal

    async def destroy(self) -> None:
        """
        End DBOS, whatever it is doing, and give the loop threads that work.
        """
        loop = asyncio.get_running_loop()
        self._storage.close()
        with _quiet_log(), ThreadPoolExecutor(1) as thread:
            await loop.run_in_executor(thread, _destroy)
            await loop.run_in_executor(thread, self._storage.dispose)
        loop.set_default_executor(ThreadPoolExecutor(thread_name_prefix="asyncio"))

    async def start(self, name: str, workflow_id: str, given: Given) -> bool:
        """
        Begin a workflow; returns False where one of that id is there already.
        """
        try:
            with SetWorkflowID(workflow_id, workflow_id_reuse_policy="reject"):
                await DBOS.start_workflow_async(self._workflows[name], given)
        except error.DBOSWorkflowIDInUseError:
            return False
        except (error.DBOSException, SQLAlchemyError) as failure:
            raise ServiceUnavailable("the journal of sagas") from failure
        return True

    async def resume(self, workflow_ids: Sequence[str]) -> None:
        """
        Take workflows from whoever has them: some replica goes on with each. Ended ones stay ended.
        """
        await DBOS.resume_workflows_async(list(workflow_ids))

    async def begin_again(self, workflow_id: str) -> bool:
        """
        Have some replica carry out a workflow from its beginning that has ended, however it did; returns
        False where it has not, or is not there.
        """
        try:
            await DBOS.rewind_workflow_async(workflow_id)
        except error.DBOSException:
            return False
        except SQLAlchemyError as failure:
            raise ServiceUnavailable("the journal of sagas") from failure
        return True

    async def standings(self, workflow_ids: Sequence[str]) -> dict[str, Standing]:
        """
        How those of ``workflow_ids`` stand that have been begun.
        """
        found = await DBOS.list_workflows_async(
            workflow_ids=list(workflow_ids), load_input=False, load_output=False
        )
        return {
            one.workflow_id: standing_of(one.status, is_ours=one.app_version == VERSION)
            for one in found
        }

    async def forget(self, ended_before: datetime, *, at_most: int) -> int:
        """
        Delete up to ``at_most`` workflows that ended before a moment; returns how many.
        """
        found = await DBOS.list_workflows_async(
            completed_before=ended_before.isoformat(),
            status=[*OVER],
            limit=at_most,
            load_input=False,
            load_output=False,
        )
        if found:
            await DBOS.delete_workflows_async([one.workflow_id for one in found])
        return len(found)


def migrate_journal(url: URL) -> None:
    """
    Bring DBOS's tables to their newest form.
    """
    with _quiet_log(logging.WARNING):
        DBOS.migrate(url.render_as_string(hide_password=False), schema=SCHEMA)


def _workflow(name: str, carry: Carry) -> Callable[[Given], Any]:
    # Attempts at recovery are not counted: work is given up by its saga, never by the engine.
    @DBOS.workflow(name=name, max_recovery_attempts=None)
    async def workflow(given: Given) -> str:
        return await carry(given)

    return workflow


def _destroy() -> None:
    DBOS.destroy(destroy_registry=True)


@contextmanager
def _quiet_log(level: int = logging.CRITICAL) -> Iterator[None]:
    """
    DBOS writes where everybody does, tells warnings only, and inside, nothing below ``level``.

    What it tells of starting and stopping is told by our errors, or of no use to anybody.
    """
    if not _LOG.handlers:  # it would bring its own
        _LOG.addHandler(logging.NullHandler())
    _LOG.propagate = True
    if not any(one is _is_of_use for one in _LOG.filters):
        _LOG.addFilter(_is_of_use)
    _LOG.setLevel(level)
    try:
        yield
    finally:
        _LOG.setLevel(logging.WARNING)


def _is_of_use(record: logging.LogRecord) -> bool:
    # Tasks are cancelled where work is handed over, which we tell ourselves.
    return not record.getMessage().startswith("Asyncio task cancelled")
