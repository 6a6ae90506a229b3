"""
Each service's lines, kept in a file of their own; the run before the present one is kept too.
"""

from pathlib import Path
from typing import BinaryIO


class LogFiles:
    """
    ``<service>.log`` of this run and ``<service>.log.1`` of the last.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._open: dict[str, BinaryIO] = {}

    def write(self, name: str, line: bytes) -> None:
        """
        Adds a line, at once readable by whoever follows the file.
        """
        if name not in self._open:
            self._open[name] = self._start(name)
        self._open[name].write(line + b"\n")

    def close(self) -> None:
        """
        Closes every file.
        """
        for file in self._open.values():
            file.close()

    def _start(self, name: str) -> BinaryIO:
        file = self._folder / f"{name}.log"
        if file.exists():
            file.replace(file.with_suffix(".log.1"))
        return file.open("wb", buffering=0)
