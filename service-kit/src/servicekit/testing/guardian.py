"""
Runs one server for tests, and ends it when nobody is left who wants it.

Everyone who uses the server holds a shared lock on a file; the system gives such locks back when
their holder ends, be it by ``kill -9``. The guardian waits for the exclusive lock: once it has
it, nobody is left, and it ends the server. It stands in a session of its own, so that Ctrl-C in
a terminal does not reach it, and the server dies with it (on Linux).

A script on the standard library alone: it starts in some 30 ms. Its one argument is ``Orders``.
"""

import ctypes
import fcntl
import json
import os
import shutil
import signal
import subprocess
import sys
import threading
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, TypedDict

if TYPE_CHECKING:
    from collections.abc import Callable

# https://man7.org/linux/man-pages/man2/prctl.2.html
_PR_SET_PDEATHSIG = 1
_PR_SET_CHILD_SUBREAPER = 36


class Orders(TypedDict):
    """
    What to run, and what to do about it.

    ``detached``: not as a child of who starts the guardian, because it may outlive them.
    ``remove``: files and folders to remove once nobody is left.
    """

    argv: list[str]
    lock: str
    log: str
    user: int | None
    group: int | None
    stop_signal: int
    grace_s: float
    detached: bool
    remove: list[str]


class Child(Protocol):
    """
    What was started: ``subprocess.Popen``, or as much of it.
    """

    @property
    def pid(self) -> int: ...

    def wait(self, timeout: float | None = None) -> int: ...

    def send_signal(self, signal_: int, /) -> None: ...


def run(orders: Orders, start: "Callable[[Orders], Child] | None" = None) -> int:
    """
    Run the server until it ends or nobody is left; its exit code, above 128 after a signal.

    ``start`` starts it in another way than by its ``argv``.
    """
    if orders["detached"] and os.fork():
        return 0
    _prctl(_PR_SET_CHILD_SUBREAPER, 1)
    child = (start or _start)(orders)
    # Whoever started the guardian reads the server's process id from here.
    os.write(sys.stdout.fileno(), f"{child.pid}\n".encode())
    is_left = threading.Event()
    threading.Thread(target=_end_when_left, args=(orders, child, is_left), daemon=True).start()
    code = child.wait()
    _see_off_the_orphans(orders["grace_s"])
    if is_left.is_set():
        _remove(orders["remove"])
    return code if code >= 0 else 128 - code


def _start(orders: Orders) -> "subprocess.Popen[bytes]":
    with Path(orders["log"]).open("ab") as log:
        return subprocess.Popen(  # noqa: S603  # what tests ask for
            orders["argv"],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            user=orders["user"],
            group=orders["group"],
            extra_groups=None if orders["user"] is None else [],
            start_new_session=True,
            # Safe: this process has no other thread yet.
            preexec_fn=die_with_parent,  # noqa: PLW1509  # one thread, see above
        )


def die_with_parent() -> None:
    """
    End by ``kill -9`` as soon as the parent is gone (on Linux).
    """
    _prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def _prctl(option: int, value: int) -> None:
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(option, value)


def _see_off_the_orphans(grace_s: float) -> None:
    """
    A killed server's own processes come to us; they end by themselves, within a bound.
    """
    signal.alarm(max(1, round(grace_s)))
    with suppress(ChildProcessError):
        while True:
            os.wait()
    signal.alarm(0)


def _end_when_left(orders: Orders, child: Child, is_left: threading.Event) -> None:
    # The lock stays held until this process ends: who comes meanwhile waits, and starts anew.
    lock = os.open(orders["lock"], os.O_RDONLY)
    fcntl.flock(lock, fcntl.LOCK_EX)
    is_left.set()
    child.send_signal(signal.SIGCONT)
    child.send_signal(orders["stop_signal"])
    try:
        child.wait(orders["grace_s"])
    except subprocess.TimeoutExpired:
        with suppress(ProcessLookupError):
            os.killpg(child.pid, signal.SIGKILL)


def _remove(paths: list[str]) -> None:
    for path in map(Path, paths):
        if path.is_dir():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)


if __name__ == "__main__":
    sys.exit(run(json.loads(sys.argv[1])))
