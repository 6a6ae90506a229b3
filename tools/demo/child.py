"""
A program that the demo has started: its output, its end, its process group.
"""

import asyncio
import contextlib
import os
import signal
import sys
from asyncio.subprocess import DEVNULL, STDOUT, Process
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import BinaryIO, Self

_TETHER = Path(__file__).with_name("tether.py")
_LAST_LINES = 15
_LONGEST_LINE_BYTES = 1_000_000
_OUTPUT_AFTER_END_S = 1.0

OnLine = Callable[[bytes], None]


class Child:
    """
    Runs in a process group of its own, so that Ctrl-C at the terminal reaches the supervisor only.
    """

    def __init__(self, name: str, process: Process, output: BinaryIO, on_line: OnLine) -> None:
        self.name = name
        self.last_lines: deque[str] = deque(maxlen=_LAST_LINES)
        self._process = process
        self._on_line = on_line
        self._reading = asyncio.create_task(self._read(output))

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
        tethered = [sys.executable, "-I", "-S", str(_TETHER), str(os.getpid()), *command]
        # A pipe of asyncio's own would make it wait for whoever else holds the other end.
        reading, writing = os.pipe()
        with contextlib.ExitStack() as on_failure, os.fdopen(writing, "wb") as given:
            output = on_failure.enter_context(os.fdopen(reading, "rb", buffering=0))
            process = await asyncio.create_subprocess_exec(
                *tethered,
                env=environment,
                cwd=folder,
                stdin=DEVNULL,
                stdout=given,
                stderr=STDOUT,
                process_group=0,
            )
            on_failure.pop_all()
        return cls(name, process, output, on_line)

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
        _, unread = await asyncio.wait([self._reading], timeout=_OUTPUT_AFTER_END_S)
        for reading in unread:
            reading.cancel()
        return code

    def send(self, signal_number: signal.Signals) -> None:
        """
        Signals the whole group, if the child still runs.
        """
        if not self.has_ended:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal_number)

    async def _read(self, output: BinaryIO) -> None:
        stream = asyncio.StreamReader()
        transport, _ = await asyncio.get_running_loop().connect_read_pipe(
            lambda: asyncio.StreamReaderProtocol(stream), output
        )
        try:
            await self._take_lines(stream)
        finally:
            transport.close()

    async def _take_lines(self, stream: asyncio.StreamReader) -> None:
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
