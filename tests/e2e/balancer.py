"""
A balancer as Kubernetes has it: connections go to replicas that were ready when they were last asked.

Connections are passed on byte by byte and belong to one replica to their end. Whoever is turned away
from keeps those it has; nothing is tried again elsewhere.
"""

import asyncio
import itertools
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Final

from tools.demo.readiness import is_ready

_LOOKS_EVERY_S: Final = 0.3
_PIECE: Final = 65_536


class Balancer:
    """
    ``ready`` are the ports that new connections go to, by turns.
    """

    def __init__(self, ports: Sequence[int]) -> None:
        self._ports = ports
        self._turns = itertools.count()
        self._connections: set[asyncio.Task[None]] = set()
        self.ready: list[int] = []

    @asynccontextmanager
    async def running(self) -> AsyncIterator[str]:
        """
        Pass on while inside; yields the address.
        """
        watching = [asyncio.create_task(self._watch(port)) for port in self._ports]
        server = await asyncio.start_server(self._accepted, "127.0.0.1", 0)
        try:
            yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        finally:
            server.close()
            tasks = [*watching, *self._connections]
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _watch(self, port: int) -> None:
        while True:
            is_well = await is_ready("127.0.0.1", port)
            if is_well and port not in self.ready:
                self.ready.append(port)
            elif not is_well and port in self.ready:
                self.ready.remove(port)
            await asyncio.sleep(_LOOKS_EVERY_S)

    async def _accepted(self, client: asyncio.StreamReader, answers: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._connections.add(task)
        task.add_done_callback(self._connections.discard)
        port = self.ready[next(self._turns) % len(self.ready)]
        try:
            replies, replica = await asyncio.open_connection("127.0.0.1", port)
            await asyncio.gather(_passed_on(client, replica), _passed_on(replies, answers))
        except (OSError, asyncio.CancelledError):
            # Whoever meets a replica that is gone is cut off, and nothing is made up for it.
            answers.close()


async def _passed_on(source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
    try:
        while piece := await source.read(_PIECE):
            target.write(piece)
            await target.drain()
    finally:
        # Whoever ends a connection ends it on the other side, too.
        target.close()
