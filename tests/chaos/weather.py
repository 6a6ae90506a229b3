"""
What else is wrong while services are killed: a network that is always bad, and gusts on top of it.

A gust hits one service for a short while, beginning somewhere in the first half second of a round:
everything for it is late, lost, cut, reset or slow, or the service itself stands still.
"""

import asyncio
import random
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Final

from tests.chaos.construction import GATEWAY
from tests.chaos.fault_proxy import NO_FAULTS, Faults
from tests.chaos.world import World

#: One answer in twenty is lost; one request in fifty arrives after its caller has given it up.
BAD_NETWORK: Final = Faults(lost_answers=0.05, late_requests=0.02, late_s=1.0, silent=0.2)
_WITHIN_S: Final = 0.5
_HELD_EVERY: Final = 8


@dataclass(frozen=True, slots=True)
class Gust:
    """
    What hits a service, for how long. Without ``faults`` its process is frozen.
    """

    name: str
    for_s: float
    faults: Faults | None = None


#: So long that orders run out of time and are undone; what was asked for them arrives after that.
HELD: Final = Gust("held back", 3.5, Faults(late_requests=1.0, late_s=5.0, silent=0.2))
GUSTS: Final = (
    Gust("blackhole", 1.5, Faults(is_blackhole=True)),
    Gust("resets", 1.0, Faults(resets=True)),
    Gust("cut answers", 1.0, Faults(cut_after_bytes=150)),
    Gust("latency", 2.0, Faults(latency_s=0.2, lost_answers=0.05)),
    Gust("frozen backend", 1.5),
)
#: So long that its replicas take it for lost, and are at its orders when it thaws.
FROZEN_GATEWAY: Final = Gust("frozen gateway", 6.0)
_CALM: Final = 0.5


class Weather:
    """
    The weather over a world, drawn from its seed.
    """

    def __init__(self, world: World) -> None:
        self._world = world
        self._random = random.Random(f"{world.plan.seed}:weather")
        self._rounds = 0

    @asynccontextmanager
    async def of_a_round(self) -> AsyncIterator[None]:
        """
        Bad weather inside, and none behind it.
        """
        self._rounds += 1
        self._world.set_faults(BAD_NETWORK)
        blowing = asyncio.create_task(self._blow())
        try:
            yield
        finally:
            await blowing
            self._world.set_faults(NO_FAULTS)

    async def _blow(self) -> None:
        gust, name = self._drawn()
        if gust is None:
            return
        if gust is not HELD:
            await asyncio.sleep(self._random.uniform(0, _WITHIN_S))
        self._world.happened[gust.name] += 1
        if gust.faults is None:
            await self._freeze(name, gust.for_s)
        else:
            proxy = self._world.proxies[name]
            proxy.faults = gust.faults
            await asyncio.sleep(gust.for_s)
            proxy.faults = BAD_NETWORK

    def _drawn(self) -> tuple[Gust | None, str]:
        backends = [*self._world.proxies]
        if self._rounds % _HELD_EVERY == 0:
            # Inventory and pricing in turn.
            return HELD, backends[(self._rounds // _HELD_EVERY - 1) % len(backends)]
        if self._rounds % _HELD_EVERY == _HELD_EVERY // 2 and len(self._world.gateways) > 1:
            return FROZEN_GATEWAY, self._random.choice(self._world.gateways).name
        if self._random.random() < _CALM:
            return None, GATEWAY
        return self._random.choice(GUSTS), self._random.choice(backends)

    async def _freeze(self, name: str, for_s: float) -> None:
        server = self._world.servers[name]
        server.send(signal.SIGSTOP)
        await asyncio.sleep(for_s)
        server.send(signal.SIGCONT)
