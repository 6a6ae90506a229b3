"""
Shared calls for what cannot be asked for in batches: a page, the list of categories.

Each key has a lane of its own with one call at a time. Who comes while a call is on the wire
waits for the next, together with all who come meanwhile, so what they get was read after they
asked; other keys do not wait for it.
"""

from collections.abc import Awaitable, Callable, Hashable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from servicekit.batching import Batcher, BatcherClosed

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


@dataclass(slots=True)
class _Lane(Generic[K, V]):
    batcher: Batcher[K, V]
    n_inside: int = 0


class Lanes(Generic[K, V]):
    """
    Asks ``fetch`` for one key at a time. **Only for what does not depend on who asks.**
    """

    def __init__(self, fetch: Callable[[K], Awaitable[V]], *, name: str) -> None:
        self._fetch = fetch
        self._name = name
        #: Only of keys that somebody waits for.
        self._lanes: dict[K, _Lane[K, V]] = {}
        self._is_closed = False
        self.lookups = 0
        self.calls = 0

    async def load(self, key: K) -> V:
        """
        The value of ``key``, read after this was called; raises what ``fetch`` raises.
        """
        if self._is_closed:
            raise BatcherClosed("closed")
        self.lookups += 1
        lane = self._lanes.get(key)
        if lane is None:
            lane = self._lanes[key] = _Lane(self._new_batcher())
        lane.n_inside += 1
        try:
            return await lane.batcher.load(key)
        finally:
            lane.n_inside -= 1
            if not lane.n_inside:
                del self._lanes[key]

    async def aclose(self) -> None:
        """
        Cancel what is on the wire; whoever waits gets ``BatcherClosed``.
        """
        self._is_closed = True
        for lane in list(self._lanes.values()):
            await lane.batcher.aclose()

    def __len__(self) -> int:
        """
        How many keys somebody waits for.
        """
        return len(self._lanes)

    def _new_batcher(self) -> Batcher[K, V]:
        return Batcher(self._fetch_one, max_size=1, max_in_flight=1, name=self._name)

    async def _fetch_one(self, keys: Sequence[K]) -> dict[K, V]:
        self.calls += 1
        return {key: await self._fetch(key) for key in keys}
