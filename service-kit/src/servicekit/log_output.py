"""
Where log lines go, and what happens when they cannot.
"""

from collections import deque
from contextlib import suppress
from typing import BinaryIO, cast

import structlog


class Output:
    """
    Where lines go, in the order in which they came: at once, or when it is flushed.

    Standard output is unbuffered in many containers, and a write for each request costs as much
    as the way through the service. No trouble with it reaches whoever logs: when its reader is gone,
    its disk full or a pipe that must not block is, lines are left out, and counted in the next
    one that can be written.
    """

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        # A deque, because other threads log, too: each of its steps is whole.
        self._lines: deque[bytes] = deque()
        self._n_left_out = 0

    def write(self, line: bytes) -> None:
        """
        Keep a line until the next flush.
        """
        self._lines.append(line)

    def flush(self) -> None:
        """
        Write out what is kept.
        """
        lines = self._taken()
        if not lines:
            return
        told = b""
        if self._n_left_out:
            told = b'{"event":"log.lines_left_out","lines":%d}\n' % self._n_left_out
        try:
            is_out = self._put(told + b"".join(lines))
        except (OSError, ValueError):  # a closed stream is a ValueError
            is_out = False
        self._n_left_out = 0 if is_out else self._n_left_out + len(lines)

    def _taken(self) -> list[bytes]:
        lines = []
        with suppress(IndexError):  # the end; another thread may be taking, too
            while True:
                lines.append(self._lines.popleft())
        return lines

    def _put(self, text: bytes) -> bool:
        """
        Whether all of it went out.
        """
        left = memoryview(text)
        while left:
            # An unbuffered stream may take less than it is given, and None says that it takes nothing.
            taken: int | None = self._stream.write(left)
            if not taken:
                return False
            left = left[taken:]
        self._stream.flush()
        return True


class Loggers(structlog.BytesLoggerFactory):
    """
    Makes loggers that write to ``output``, and lets the request's line write to it as well.
    """

    __slots__ = ("output",)

    def __init__(self, output: Output) -> None:
        super().__init__(cast("BinaryIO", output))
        self.output = output
