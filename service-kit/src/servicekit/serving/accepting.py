"""
Accepts connections many at a time.

Uvloop accepts one connection in each turn of its loop, and serves all that the turn brought before
the next: under load whoever is new, a probe as well, waited for seconds, and a drain lost whoever
was not accepted yet. Here each turn takes all that wait, up to a bound.
"""

import asyncio
import socket
from collections.abc import Callable
from typing import Final

import structlog

log = structlog.get_logger()

#: More than these wait for the next turn, so that those who are connected are served too.
_AT_ONCE: Final = 100
#: How long nobody is accepted where that has failed, mostly for want of file descriptors.
PAUSE_S: Final = 1.0


class Acceptor:
    """
    Accepts on one socket that listens, in place of the loop's own server.
    """

    pause_s = PAUSE_S

    def __init__(self, listener: socket.socket, protocol: Callable[[], asyncio.Protocol]) -> None:
        self._listener = listener
        self._protocol = protocol
        self._loop = asyncio.get_running_loop()
        self._beginning: set[asyncio.Task[None]] = set()
        self._pause: asyncio.TimerHandle | None = None
        self._is_closed = False
        listener.settimeout(0)
        # Whoever is accepted has it from the listener.
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._go_on()

    def close(self) -> None:
        """
        Accept all who wait, and nobody after them: whoever comes now is refused.
        """
        if self._is_closed:
            return
        self._is_closed = True
        self._loop.remove_reader(self._listener)
        self._accept(socket.SOMAXCONN)
        # In the same breath: whom the system lets in from now on would be thrown out again, with a
        # request that may have been sent, where a balancer can send it elsewhere if it is refused.
        self._listener.close()
        if self._pause is not None:
            self._pause.cancel()

    async def wait_closed(self) -> None:
        """
        Wait until all who were accepted are connected.
        """
        if self._beginning:
            await asyncio.wait(self._beginning)

    def _go_on(self) -> None:
        self._pause = None
        self._loop.add_reader(self._listener, self._accept)

    def _accept(self, at_most: int = _AT_ONCE) -> None:
        for _ in range(at_most):
            try:
                connection, _address = self._listener.accept()
            except BlockingIOError:
                return
            except ConnectionAbortedError:
                continue
            except OSError as error:
                self._stop_for_a_moment(error)
                return
            task = self._loop.create_task(self._begin(connection))
            self._beginning.add(task)
            task.add_done_callback(self._beginning.discard)

    def _stop_for_a_moment(self, error: OSError) -> None:
        log.error("connections.not_accepted", error=error.strerror, pause_s=self.pause_s)
        # What could not be accepted goes on waiting, and would call here again at once.
        self._loop.remove_reader(self._listener)
        if self._is_closed:
            return
        self._pause = self._loop.call_later(self.pause_s, self._go_on)

    async def _begin(self, connection: socket.socket) -> None:
        try:
            connection.settimeout(0)
            await self._loop.connect_accepted_socket(self._protocol, connection)
        except OSError:
            # It was gone again.
            connection.close()
