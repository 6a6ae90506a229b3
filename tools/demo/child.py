"""
A program that the demo has started: its output, its end, its process group.
"""

import asyncio
import contextlib
import os
import signal
from asyncio.subprocess import DEVNULL, PIPE, STDOUT, Process
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Self

_TETHER = Path(__file__).with_name("tether.py")
_LAST_LINES = 15
_LONGEST_LINE_BYTES = 1_000_000
_OUTPUT_AFTER_END_S = 1.0

OnLine = Callable[[bytes], None]


class Child:
    """
    Runs in a process group of its own, so that Ctrl-C at the terminal reaches the supervisor only.
    """

    def __init__(self, name: str, process: Process, on_line: OnLine) -> None:
        self.name = name
        self.last_lines: deque[str] = deque(maxlen=_LAST_LINES)
        self._process = process
        self._on_line = on_line
        self._output = asyncio.create_task(self._read_output())

    @classmethod
    async def start(
        cls,
        name: str,
        command: Sequence[str],
        *,
        environment: Mapping[str, str],
        folder: Path,
        on_line: OnLine,
    ) -> Self:
        """
        Starts the command. Call it on the main thread: the child dies with the thread that starts it.
        """
        tethered = [command[0], "-I", "-S", str(_TETHER), str(os.getpid()), *command]
        process = await asyncio.create_subprocess_exec(
            *tethered,
            env=environment,
            cwd=folder,
            stdin=DEVNULL,
            stdout=PIPE,
            stderr=STDOUT,
            process_group=0,
        )
        return cls(name, process, on_line)

    @property
    def has_ended(self) -> bool:
        """
        Whether its exit code is known.
        """
        return self._process.returncode is not None

    async def ended(self) -> int:
        """
        Its exit code, after the last of its output was read.
        """
        code = await self._process.wait()
        # A grandchild may hold the pipe open for ever.
        await asyncio.wait([self._output], timeout=_OUTPUT_AFTER_END_S)
        return code

    def send(self, signal_number: signal.Signals) -> None:
        """
        Signals the whole group, if the child still runs.
        """
        if not self.has_ended:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal_number)

    async def _read_output(self) -> None:
        stream = self._process.stdout
        assert stream is not None, "start() asks for a pipe"  # noqa: S101 - for the type checker
        unfinished = b""
        while chunk := await stream.read(65_536):
            *lines, unfinished = (unfinished + chunk).split(b"\n")
            if len(unfinished) > _LONGEST_LINE_BYTES:
                lines.append(unfinished)
                unfinished = b""
            for line in lines:
                self._take(line)
        if unfinished:
            self._take(unfinished)

    def _take(self, line: bytes) -> None:
        self.last_lines.append(line.decode(errors="replace").rstrip())
        self._on_line(line)


def describe_end(code: int) -> str:
    """
    An exit code in words.
    """
    if code >= 0:
        return f"exit code {code}"
    with contextlib.suppress(ValueError):
        return f"killed by {signal.Signals(-code).name}"
    return f"killed by signal {-code}"
