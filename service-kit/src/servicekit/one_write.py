"""
A transport that sends what is written in one turn of the event loop in one piece.

Uvicorn writes the head of an answer and its body one after the other, and uvloop hands each to
the system at once. A write to a socket costs as much as a tenth of a whole request.
"""

import asyncio
from contextvars import Context
from typing import Any, Final

#: More than this is not held back.
MAX_HELD_BYTES: Final = 64 * 1024
#: Sending what is held back is done for nobody in particular.
_NOWHERE: Final = Context()


class OneWrite(asyncio.Transport):
    """
    Writes to ``inner``, which it otherwise leaves as it is.
    """

    def __init__(self, inner: asyncio.Transport, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__()
        self._inner = inner
        self._loop = loop
        self._held: list[bytes] = []
        self._held_bytes = 0

    def write(self, data: Any) -> None:  # noqa: ANN401 - whatever holds bytes
        """
        Send ``data`` when this turn of the loop is over, or now if that is much.
        """
        if not self._held:
            self._loop.call_soon(self._send, context=_NOWHERE)
        self._held.append(data)
        self._held_bytes += len(data)
        if self._held_bytes > MAX_HELD_BYTES:
            # The transport must see it to say that it has enough.
            self._send()

    def close(self) -> None:
        """
        Send what is held, and close in order.
        """
        self._send()
        self._inner.close()

    def abort(self) -> None:
        """
        Close at once.
        """
        self._held.clear()
        self._inner.abort()

    def set_protocol(self, protocol: asyncio.BaseProtocol) -> None:
        """
        Another protocol takes over, such as a websocket's.
        """
        self._send()
        self._inner.set_protocol(protocol)

    def get_extra_info(self, name: str, default: Any = None) -> Any:  # noqa: ANN401 - asyncio's own types
        """
        What is known of the connection.
        """
        return self._inner.get_extra_info(name, default)

    def is_closing(self) -> bool:
        """
        Whether it is closed, or about to be.
        """
        return self._inner.is_closing()

    def resume_reading(self) -> None:
        """
        Take more from the other end again.
        """
        self._inner.resume_reading()

    def pause_reading(self) -> None:
        """
        Take no more from the other end for now.
        """
        self._inner.pause_reading()

    def _send(self) -> None:
        if self._held:
            held, self._held, self._held_bytes = self._held, [], 0
            self._inner.write(b"".join(held))
