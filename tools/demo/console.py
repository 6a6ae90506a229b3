"""
What the demo prints: its own words and the services' lines, each with its service's name.

A thread writes, so that a terminal or pipe that takes nothing never holds up a service;
lines are then left out and counted. When the output is closed the demo runs on silently.
"""

import os
import queue
import sys
import threading
from collections.abc import Mapping, Sequence
from typing import Self, TextIO

_COLOURS = (36, 33, 32, 35, 34)
_ROOM_LINES = 10_000
_FAREWELL_S = 1.0


class Console:
    """
    Prints to a file descriptor, or nowhere when there is none.
    """

    def __init__(
        self,
        descriptor: int | None,
        names: Sequence[str],
        *,
        colours: bool,
        room_lines: int = _ROOM_LINES,
    ) -> None:
        self._descriptor = descriptor
        self._prefixes = _prefixes(names, colours=colours)
        self._waiting: queue.Queue[bytes | None] = queue.Queue(room_lines)
        self._left_out = 0
        self._counting = threading.Lock()
        self._writer = threading.Thread(target=self._write_all, daemon=True)
        self._writer.start()

    @classmethod
    def standard(cls, names: Sequence[str], variables: Mapping[str, str]) -> Self:
        """
        The console on standard output, coloured where a person sees it and has not said no.
        """
        # Python has no sys.stdout when the descriptor was closed; 1 may then be any file.
        stdout: TextIO | None = sys.stdout
        if stdout is None:
            return cls(None, names, colours=False)
        is_seen = stdout.isatty() and variables.get("TERM") != "dumb"
        return cls(stdout.fileno(), names, colours=is_seen and not variables.get("NO_COLOR"))

    def say(self, text: str) -> None:
        """
        Prints the demo's own words.
        """
        self._put(text.encode(errors="backslashreplace") + b"\n")

    def line(self, name: str, line: bytes) -> None:
        """
        Prints a service's line.
        """
        self._put(self._prefixes[name] + line + b"\n")

    def close(self) -> None:
        """
        Prints what is waiting, within a second.
        """
        try:
            self._waiting.put(None, timeout=_FAREWELL_S)
        except queue.Full:
            return
        self._writer.join(_FAREWELL_S)

    def _put(self, printed: bytes) -> None:
        try:
            self._waiting.put_nowait(printed)
        except queue.Full:
            with self._counting:
                self._left_out += 1

    def _write_all(self) -> None:
        while (printed := self._waiting.get()) is not None:
            self._write(printed)
            if self._waiting.empty():
                self._write(self._notice())
        self._write(self._notice())

    def _notice(self) -> bytes:
        with self._counting:
            left_out, self._left_out = self._left_out, 0
        if not left_out:
            return b""
        return f"({left_out} lines are left out here; the log files have them)\n".encode()

    def _write(self, printed: bytes) -> None:
        if self._descriptor is None:
            return
        try:
            while printed:
                printed = printed[os.write(self._descriptor, printed) :]
        except OSError:
            self._descriptor = None


def _prefixes(names: Sequence[str], *, colours: bool) -> dict[str, bytes]:
    width = max(map(len, names), default=0)
    plain = {name: f"{name:<{width}} | " for name in names}
    if not colours:
        return {name: prefix.encode() for name, prefix in plain.items()}
    return {
        name: f"\x1b[{_COLOURS[place % len(_COLOURS)]}m{prefix}\x1b[0m".encode()
        for place, (name, prefix) in enumerate(plain.items())
    }
