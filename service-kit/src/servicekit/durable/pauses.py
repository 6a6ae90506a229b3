"""
Pauses between attempts, which end early for who is told to hurry.
"""

import asyncio
from collections.abc import Awaitable, Callable


class Pauses:
    """
    Waits on behalf of works, by their ids.
    """

    def __init__(self, sleep: Callable[[float], Awaitable[None]]) -> None:
        self._sleep = sleep
        self._waiting: dict[str, set[asyncio.Future[None]]] = {}

    async def pause(self, work_id: str, seconds: float) -> None:
        """
        Wait for so long, or until ``end`` is called for ``work_id``.
        """
        nudged: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        waiting = self._waiting.setdefault(work_id, set())
        waiting.add(nudged)
        sleeper = asyncio.ensure_future(self._sleep(seconds))
        try:
            await asyncio.wait({nudged, sleeper}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            sleeper.cancel()
            waiting.discard(nudged)
            if not waiting and self._waiting.get(work_id) is waiting:
                del self._waiting[work_id]

    def end(self, work_id: str) -> None:
        """
        Whoever pauses for ``work_id`` goes on at once.
        """
        for nudged in self._waiting.get(work_id, ()):
            if not nudged.done():
                nudged.set_result(None)
