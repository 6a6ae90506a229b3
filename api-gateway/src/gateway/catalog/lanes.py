"""
Shared calls for what cannot be asked for in batches: a page, the list of categories.

Each key has a lane of its own with one call at a time. Who comes while a call is on the wire
waits for the next, together with all who come meanwhile, so what they get was read after they
asked; other keys do not wait for it.
"""

from collections.abc import Awaitable, Callable, Hashable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from servicekit.batching import Batcher
from servicekit.batching.lookups import Entry, Wait

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

    async def asked(self, wait: Wait, key: K) -> Entry[K, V]:
        """
        Ask for ``key`` and wait; the entry has the answer or the error, read after this was called.
        """
        self.lookups += 1
        lane = self._lanes.get(key)
        if lane is None:
            lane = self._lanes[key] = await self._new_lane()
        lane.n_inside += 1
        try:
            entry = lane.batcher.begin(wait, key)
            await wait.until_over()
        finally:
            lane.n_inside -= 1
            if not lane.n_inside:
                del self._lanes[key]
        return entry

    async def aclose(self) -> None:
        """
        Cancel what is on the wire; who waits, and who comes, is told ``BatcherClosed``.
        """
        self._is_closed = True
        for lane in list(self._lanes.values()):
            await lane.batcher.aclose()

    def __len__(self) -> int:
        """
        How many keys somebody waits for.
        """
        return len(self._lanes)

    async def _new_lane(self) -> _Lane[K, V]:
        batcher = Batcher(self._fetch_one, max_size=1, max_in_flight=1, name=self._name)
        if self._is_closed:
            await batcher.aclose()
        return _Lane(batcher)

    async def _fetch_one(self, keys: Sequence[K]) -> dict[K, V]:
        self.calls += 1
        return {key: await self._fetch(key) for key in keys}
