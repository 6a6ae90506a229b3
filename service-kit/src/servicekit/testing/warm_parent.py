"""
A process that has loaded what every service loads, and forks the programs that tests ask for.

A service takes a second to start, nearly all of it spent on importing the same libraries. Here they
are imported once for each worker of a test run. What is forked is a process like any other:
with its own arguments, environment, folder and exit code; only its imports are done already.

``servicekit.testing.warm`` starts this and talks to it, over the socket that is its standard input.
It ends when that is closed.
"""

import gc
import importlib
import json
import os
import runpy
import select
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Final, TypedDict

from servicekit.testing import guardian

#: What takes long to import, of what the services and their commands import.
LIBRARIES: Final = (
    *(
        "aiosqlite",
        "alembic.command",
        "argon2",
        "asyncpg",
        "fastapi",
        "httptools",
        "httpx",
        "orjson",
    ),
    *("prometheus_client", "redis.asyncio", "servicekit.app", "servicekit.commands"),
    *(
        "servicekit.database",
        "servicekit.migrations",
        "servicekit.serving.server",
        "sqlalchemy.ext.asyncio",
    ),
    *("sqlalchemy.dialects.postgresql.asyncpg", "sqlalchemy.dialects.sqlite.aiosqlite", "uvloop"),
)
MAX_JOB_BYTES: Final = 2**20

Program = Callable[[], object]


class Job(TypedDict):
    """
    A program: ``python -m package ...`` or ``python script.py ...``. With ``orders`` it is run by a
    guardian, and what is forked first is the guardian.
    """

    argv: list[str]
    env: dict[str, str]
    folder: str
    orders: guardian.Orders | None


class Forked:
    """
    A forked child, as far as a guardian asks for one.
    """

    def __init__(self, pid: int) -> None:
        self.pid = pid
        self._code = 0
        self._has_ended = threading.Event()

    def wait(self, timeout: float | None = None) -> int:
        """
        As ``subprocess.Popen.wait``; without a bound for the main thread, with one for the others.
        """
        if timeout is None:
            _, status = os.waitpid(self.pid, 0)
            self._code = os.waitstatus_to_exitcode(status)
            self._has_ended.set()
        elif not self._has_ended.wait(timeout):
            raise subprocess.TimeoutExpired([], timeout)
        return self._code

    def send_signal(self, signal_: int) -> None:
        """
        Send a signal, unless it has ended.
        """
        if not self._has_ended.is_set():
            with suppress(ProcessLookupError):
                os.kill(self.pid, signal_)


def serve(control: socket.socket) -> Program:
    """
    Fork what is asked for until the asker is gone. Returns once in each fork, with its program.
    """
    told: dict[int, socket.socket] = {}
    wake, waking = socket.socketpair()
    os.set_blocking(waking.fileno(), False)
    signal.signal(signal.SIGCHLD, lambda _signal, _frame: None)
    signal.set_wakeup_fd(waking.fileno())
    while True:
        ready, _, _ = select.select([control, wake], [], [])
        if wake in ready:
            wake.recv(4096)
            _tell_ended(told)
        if control in ready:
            message, descriptors, _, _ = socket.recv_fds(control, MAX_JOB_BYTES, 4)
            if not message:
                return lambda: 0
            job: Job = json.loads(message)
            _learn(job["argv"])
            pid = os.fork()
            if pid == 0:
                for ours in (control, wake, waking, *told.values()):
                    ours.detach()
                return _begin(job, descriptors[:3])
            for descriptor in descriptors[:3]:
                os.close(descriptor)
            told[pid] = socket.socket(fileno=descriptors[3])
            told[pid].send(f"{pid}".encode())


def _tell_ended(told: dict[int, socket.socket]) -> None:
    while told:
        pid, status = os.waitpid(-1, os.WNOHANG)
        if pid == 0:
            return
        with told.pop(pid) as notes, suppress(OSError):
            notes.send(f"{os.waitstatus_to_exitcode(status)}".encode())


def _learn(argv: list[str]) -> None:
    """
    Import a package before it is run for the first time; it does nothing when it is imported.
    """
    if argv[1] == "-m":
        with suppress(ImportError):
            importlib.import_module(f"{argv[2]}.main")
        gc.freeze()


def _begin(job: Job, streams: list[int]) -> Program:
    """
    Become the process that was asked for.
    """
    signal.set_wakeup_fd(-1)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    for number, descriptor in enumerate(streams):
        os.dup2(descriptor, number)
    os.closerange(3, os.sysconf("SC_OPEN_MAX"))
    os.chdir(job["folder"])
    os.environ.clear()
    os.environ.update(job["env"])
    orders = job["orders"]
    if orders is None:
        return lambda: _run(job["argv"])
    os.setsid()
    return lambda: guardian.run(orders, start=_fork)


def _fork(orders: guardian.Orders) -> Forked:
    pid = os.fork()
    if pid:
        return Forked(pid)
    guardian.die_with_parent()
    os.setsid()
    with Path(orders["log"]).open("ab") as log, Path(os.devnull).open("rb") as nothing:
        for descriptor, number in ((nothing, 0), (log, 1), (log, 2)):
            os.dup2(descriptor.fileno(), number)
    _run(orders["argv"])
    sys.exit(0)


def _run(argv: list[str]) -> None:
    """
    As ``python`` does with these arguments.
    """
    if argv[1] == "-m":
        sys.argv = argv[2:]
        sys.path.insert(0, str(Path.cwd()))
        runpy.run_module(argv[2], run_name="__main__", alter_sys=True)
    else:
        sys.argv = argv[1:]
        sys.path.insert(0, str(Path(argv[1]).parent))
        runpy.run_path(argv[1], run_name="__main__")


if __name__ == "__main__":
    for library in LIBRARIES:
        importlib.import_module(library)
    gc.collect()
    gc.freeze()
    with socket.socket(fileno=os.dup(0)) as asker:
        program = serve(asker)
    sys.exit(program())  # type: ignore[arg-type]  # what a program returns is an exit code
