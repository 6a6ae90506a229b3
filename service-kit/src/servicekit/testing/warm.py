"""
Starts Python programs whose imports are done already: see ``warm_parent``.
"""

import atexit
import functools
import json
import os
import select
import socket
import subprocess
import sys
import threading
import weakref
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from servicekit.testing.guardian import Orders
from servicekit.testing.warm_parent import Job

_WITHIN_S: Final = 60.0


def can_be_warm(argv: Sequence[str], env: Mapping[str, str]) -> bool:
    """
    Whether it is a module or a script of this Python, and is to find Python set up as we have.
    """
    return (
        sys.platform == "linux"
        and len(argv) > 1
        and argv[0] == sys.executable
        and (argv[1] == "-m" or argv[1].endswith(".py"))
        and _of_python(env) == _of_python(os.environ)
    )


def _of_python(env: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in env.items() if name.startswith("PYTHON")}


class WarmProcess:
    """
    A program that runs, as far as tests ask for one: a small ``subprocess.Popen``.
    """

    def __init__(
        self,
        argv: Sequence[str],
        *,
        env: Mapping[str, str],
        folder: Path | None = None,
        orders: Orders | None = None,
        stdin: int = subprocess.DEVNULL,
        stdout: int = subprocess.DEVNULL,
        stderr: int | None = None,
    ) -> None:
        job = Job(argv=list(argv), env=dict(env), folder=str(folder or Path.cwd()), orders=orders)
        with open(os.devnull, "r+b") as nothing:  # noqa: PTH123 - a number is wanted
            given = [
                nothing.fileno() if stream == subprocess.DEVNULL else stream
                for stream in (stdin, stdout, 2 if stderr is None else stderr)
            ]
            self._notes = _parent().fork(job, given)
        weakref.finalize(self, self._notes.close)
        self._notes.settimeout(_WITHIN_S)
        self.pid = int(self._notes.recv(32))

    def poll(self) -> int | None:
        """
        Its return code; None while it runs.
        """
        return self._told_within(0)

    def wait(self, timeout: float | None = None) -> int:
        """
        Its return code, once it has ended; raises ``subprocess.TimeoutExpired``.
        """
        code = self._told_within(timeout)
        if code is None:
            raise subprocess.TimeoutExpired([str(self.pid)], timeout or 0)
        return code

    def _told_within(self, seconds: float | None) -> int | None:
        if not select.select([self._notes], [], [], seconds)[0]:
            return None
        # Left where it is: several threads may ask, and as often as they like.
        return int(self._notes.recv(32, socket.MSG_PEEK))


class _Parent:
    """
    The process that forks. It ends with this one, whose end of the socket the system closes.
    """

    def __init__(self) -> None:
        self._asking, served = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._sending = threading.Lock()
        with served:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "servicekit.testing.warm_parent"],
                stdin=served.fileno(),
                stdout=subprocess.DEVNULL,
                start_new_session=True,
            )
        atexit.register(self._end)

    def fork(self, job: Job, streams: Sequence[int]) -> socket.socket:
        """
        Let a program run; what is returned tells its process id, and then its return code.
        """
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs, self._sending:
            message = json.dumps(job).encode()
            socket.send_fds(self._asking, [message], [*streams, theirs.fileno()])
        return ours

    def _end(self) -> None:
        self._asking.close()
        self._process.wait()


@functools.cache
def _parent() -> _Parent:
    return _Parent()
