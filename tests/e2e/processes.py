"""
Starts the demo as a process of its own and waits, within bounds, for what it does.
"""

import json
import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

from tools.demo.ports import is_free

ROOT = Path(__file__).resolve().parents[2]
STANDIN_DEMO = Path(__file__).with_name("standin_demo.py")
PATIENCE_S = 120.0


class Running:
    """
    A process whose output is read as it comes.
    """

    def __init__(
        self,
        command: Sequence[str],
        *,
        port_base: int,
        variables: Mapping[str, str],
        stdout: int = subprocess.PIPE,
    ) -> None:
        self.port_base = port_base
        self.process = subprocess.Popen(
            command,
            cwd=ROOT,
            env={**os.environ, "PYTHONPATH": str(ROOT), **variables},
            stdin=subprocess.DEVNULL,
            stdout=stdout,
            stderr=subprocess.STDOUT,
            text=True,
            process_group=0,
        )
        self.output = ""
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def wait_for(self, text: str) -> str:
        """
        The output, once the text stands in it.
        """
        wait_until(lambda: text in self.output or self.process.poll() is not None)
        assert text in self.output, f"{text!r} was not printed:\n{self.output}"
        return self.output

    def wait_until_ready(self) -> str:
        """
        The output, once the tour was printed.
        """
        return self.wait_for("Stop: Ctrl-C")

    def press_ctrl_c(self) -> None:
        """
        What the terminal sends to the foreground process group.
        """
        os.killpg(self.process.pid, signal.SIGINT)

    def exit_code(self) -> int:
        """
        The exit code, once it has ended and all was read.
        """
        code = self.process.wait(PATIENCE_S)
        self._reader.join(PATIENCE_S)
        return code

    def ask(self, place: int = 0, path: str = "/environment") -> Any:  # noqa: ANN401 - JSON
        """
        What the stand-in at the place answers.
        """
        connection = HTTPConnection("127.0.0.1", self.port_base + place, timeout=PATIENCE_S)
        try:
            connection.request("GET", path)
            return json.loads(connection.getresponse().read())
        finally:
            connection.close()

    def answers(self, place: int = 0) -> bool:
        """
        Whether the stand-in at the place listens.
        """
        try:
            return bool(self.ask(place))
        except OSError:
            return False

    def close(self) -> None:
        """
        Ends it, whatever the test has left.
        """
        if self.process.poll() is None:
            self.process.kill()
        self.exit_code()
        if self.process.stdout is not None:
            self.process.stdout.close()

    def _read(self) -> None:
        for line in self.process.stdout or ():
            self.output += line


def standin_demo(
    folder: Path,
    *words: str,
    port_base: int | None = None,
    variables: Mapping[str, str] | None = None,
    stdout: int | None = subprocess.PIPE,
) -> Running:
    """
    A demo of stand-ins; ``words`` are their behaviours and the bounds to change.
    """
    base = port_base or free_base()
    command = [sys.executable, str(STANDIN_DEMO), str(folder), str(base), *words]
    if stdout is None:
        command = ["sh", "-c", 'exec "$@" >&-', "sh", *command]
    return Running(
        command, port_base=base, variables=variables or {}, stdout=stdout or subprocess.PIPE
    )


def free_base() -> int:
    """
    A port base with ten free ports, below those that the system gives to outgoing connections.
    """
    for _ in range(100):
        base = random.randrange(20_000, 32_000, 10)
        if all(is_free("127.0.0.1", base + offset) for offset in range(10)):
            return base
    raise AssertionError("no free ports")


def wait_until(condition: Callable[[], bool]) -> None:
    """
    Returns when the condition holds; fails when that takes too long.
    """
    give_up_at = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < give_up_at, "it did not happen in time"
        time.sleep(0.02)


def is_running(pid: int) -> bool:
    """
    Whether there is such a process, other than as a zombie that waits to be collected.
    """
    try:
        state = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return False
    return state != "Z"
