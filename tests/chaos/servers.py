"""
A service as a process that is killed, frozen and started again, with its log in one file.
"""

import asyncio
import signal
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from servicekit.testing.guarded import GuardedProcess
from servicekit.testing.programs import run_program
from tools.demo.readiness import is_ready

_READY_WITHIN_S: Final = 60.0
_ENDS_WITHIN_S: Final = 30.0
_ASK_AGAIN_AFTER_S: Final = 0.03
_LAST_LINES: Final = 20


class ServerFailed(Exception):
    """
    A process did not start; the message ends with the last lines of its log.
    """


class Server:
    """
    One service. It keeps its port and its environment over all its starts.
    """

    def __init__(
        self,
        name: str,
        command: Sequence[str],
        environment: Mapping[str, str],
        *,
        port: int,
        folder: Path,
        lock: Path,
        is_warm: bool = True,
    ) -> None:
        self.name = name
        self.port = port
        self.url = f"http://127.0.0.1:{port}"
        self.environment = environment
        self.command = command
        self.kills = 0
        self._folder = folder
        self._lock = lock
        self._is_warm = is_warm
        self._process: GuardedProcess | None = None
        self._is_killed = False

    @property
    def log_file(self) -> Path:
        """
        What all its lives have written.
        """
        return self._folder / f"{self.name}.log"

    @property
    def is_running(self) -> bool:
        """
        Whether its process lives, frozen or not. Who is to end does not, from that moment on.
        """
        return not self._is_killed and self._process is not None and self._process.is_running

    async def start(self) -> None:
        """
        Start it, once its last life is over, and return when it is ready.
        """
        await self.gone()
        self._process = await asyncio.to_thread(self._started)
        self._is_killed = False
        try:
            async with asyncio.timeout(_READY_WITHIN_S):
                while not await is_ready("127.0.0.1", self.port):
                    self._check_alive(self._process)
                    await asyncio.sleep(_ASK_AGAIN_AFTER_S)
        except TimeoutError:
            raise self._failed("was not ready in time") from None

    def kill(self, number: signal.Signals = signal.SIGKILL) -> bool:
        """
        ``kill -9``, at once, or another signal to end by; whether there was something to kill.
        """
        if not self.is_running:
            return False
        self.send(number)
        self._is_killed = True
        self.kills += 1
        return True

    def send(self, number: signal.Signals) -> None:
        """
        A signal, if it runs: SIGSTOP freezes it, SIGCONT thaws it, SIGTERM drains it.
        """
        if self._process is not None:
            self._process.signal(number)

    async def gone(self) -> int | None:
        """
        Returns when its process has ended: the exit code, None where it was never started.
        """
        if self._process is None:
            return None
        return await asyncio.to_thread(self._process.wait, _ENDS_WITHIN_S)

    async def run(self, *words: str) -> tuple[int, str]:
        """
        Another command of the service's, to its end: its exit code and what it has printed.
        """
        argv = [*self.command[:-1], *words]
        done = await asyncio.to_thread(run_program, argv, self.environment, self._folder)
        return done.returncode, done.stdout + done.stderr

    def _started(self) -> GuardedProcess:
        return GuardedProcess(
            self.command,
            lock=self._lock,
            log=self.log_file,
            env=self.environment,
            is_warm=self._is_warm,
        )

    def _check_alive(self, process: GuardedProcess) -> None:
        if not process.is_running:
            raise self._failed(f"ended while starting ({process.returncode})")

    def _failed(self, what: str) -> ServerFailed:
        lines = self.log_file.read_text(errors="replace").splitlines()[-_LAST_LINES:]
        return ServerFailed("\n    ".join([f"{self.name} {what}; its log ends with:", *lines]))
