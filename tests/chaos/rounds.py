"""
Kill, start again, settle, go through the books; again and again in one world.

A round sends a crowd to the shop over a bad network, kills a service at the round's point, and
starts again whatever is down after a while. In a quarter of the rounds something is killed a second
time while the first recovers. In some, few shoppers or none come back after a failure: what was
accepted has to end all the same.
"""

import asyncio
import random
import re
import time
from collections.abc import AsyncIterator, Collection
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Final

import httpx

from servicekit.errors import ServiceUnavailable
from servicekit.testing import eventually
from tests.chaos.books import Discrepancy, discrepancies
from tests.chaos.construction import GATEWAY, POSTGRESQL
from tests.chaos.fault_proxy import Moment, Passage, nobody
from tests.chaos.kill_points import ACCEPT, VICTIMS, KillPoint, KillPoints, Kind, Trap
from tests.chaos.load import Crowd, crowd_at, stock_up
from tests.chaos.shopping import Told
from tests.chaos.statement import Statement, is_settled, read_statement
from tests.chaos.tally import Tally
from tests.chaos.weather import Weather
from tests.chaos.world import World

SETTLED_WITHIN_S: Final = 30.0
_AUDIT_EVERY: Final = 25
_DOWN_AT_MOST_S: Final = 0.8
_SECOND_KILL: Final = 0.25
_COME_BACK: Final = (1.0, 1.0, 0.5, 0.0)
_LOOK_AGAIN_AFTER_S: Final = 0.02
_RECOVERIES: Final = re.compile(r"^saga_recoveries_total\{.*\} (\d+)", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Size:
    """
    How many orders a round has, and how many shoppers are in the shop at once.
    """

    orders: int = 24
    at_once: int = 8


class Rounds:
    """
    The rounds of one world.
    """

    def __init__(
        self,
        world: World,
        crowd: Crowd,
        start: Statement,
        tally: Tally,
        *,
        kinds: Collection[Kind],
        size: Size,
    ) -> None:
        self._world = world
        self._crowd = crowd
        self._start = start.shelves
        self._tally = tally
        self._size = size
        victims = VICTIMS if world.databases.server is None else (*VICTIMS, POSTGRESQL)
        self._points = KillPoints(kinds, seed=f"{world.plan.seed}:points", at_random=victims)
        self._random = random.Random(f"{world.plan.seed}:rounds")
        self._weather = Weather(world)
        self.told: list[Told] = []
        self._traps: list[Trap] = []
        self._killed: list[KillPoint] = []
        self._rounds = 0
        self._recovered_before: dict[str, tuple[int, int]] = {}

    async def round(self, point: KillPoint | None = None) -> str:
        """
        One round, which kills at ``point`` or at the next in turn; tells it in a line.
        """
        began = time.monotonic()
        self._rounds += 1
        told = await self._storm(point or self._points.next())
        self.told += told
        found = await self._found()
        self._tally.heard(told)
        self._tally.rounds += 1
        self._tally.found += found
        killed = ", ".join(map(str, self._killed))
        verdict = f"{len(found)} DISCREPANCIES" if found else "ok"
        seconds = time.monotonic() - began
        return f"{self._world.plan.database:10} {seconds:5.1f} s  {verdict}  killed {killed}"

    async def _storm(self, point: KillPoint) -> list[Told]:
        """
        What the shoppers were told. At the end all services run again, and all is quiet.
        """
        self._killed.clear()
        self._traps = [Trap(point, self._kill)]
        self._world.tell(self._passed)
        wishes = self._crowd.wishes(self._size.orders, come_back=self._random.choice(_COME_BACK))
        async with self._weather.of_a_round(), self._reviving():
            at_random = asyncio.create_task(self._traps[0].began())
            told = await self._crowd.shop(wishes, at_once=self._size.at_once, on_told=self._heard)
            await at_random
            if not self._traps[0].has_sprung:
                # Its boundary did not come up.
                self._traps[0].disarm()
                self._kill(KillPoint(point.victim))
            await self._settle()
        return told

    async def _settle(self) -> None:
        with suppress(AssertionError):
            await eventually(self._is_settled, within_s=SETTLED_WITHIN_S, every_s=0.1)
        for trap in self._traps:
            trap.disarm()
        self._world.tell(nobody)

    async def _found(self) -> list[Discrepancy]:
        await self._count_recovered()
        statement = await read_statement(self._world.databases)
        found = discrepancies(self._start, statement, self.told)
        return found + (await self._world.audit() if self._rounds % _AUDIT_EVERY == 0 else [])

    async def _is_settled(self) -> bool:
        if self._world.has_losses:
            return False
        try:
            if not await is_settled(self._world.databases):
                return False
            # What is late may still change something.
            await self._world.network_is_quiet()
            return await is_settled(self._world.databases)
        except ServiceUnavailable:
            # PostgreSQL was killed meanwhile.
            return False

    async def _passed(self, passage: Passage) -> None:
        for trap in self._traps:
            await trap.passed(passage)

    async def _heard(self, told: Told) -> None:
        if any(answer.status == 202 for answer in told.placed):
            await self._passed(Passage(ACCEPT, Moment.DELIVERED, ""))

    def _kill(self, point: KillPoint) -> None:
        victim = point.victim
        if victim == GATEWAY:
            victim = self._random.choice(self._world.gateways).name
        if self._world.kill(victim, is_gentle=point.is_gentle):
            self._tally.kills[str(point)] += 1
            self._killed.append(point)

    @asynccontextmanager
    async def _reviving(self) -> AsyncIterator[None]:
        """
        Meanwhile, and until all is up at the end, whatever is down is started again.
        """
        over = asyncio.Event()
        task = asyncio.create_task(self._revive(over))
        try:
            yield
        finally:
            over.set()
            await task

    async def _revive(self, over: asyncio.Event) -> None:
        while not over.is_set() or self._world.has_losses:
            if self._world.has_losses:
                await asyncio.sleep(self._random.uniform(0, _DOWN_AT_MOST_S))
                await self._world.start_what_is_down()
                if len(self._traps) == 1 and self._random.random() < _SECOND_KILL:
                    self._traps.append(Trap(self._points.boundary(), self._kill))
            await asyncio.sleep(_LOOK_AGAIN_AFTER_S)

    async def _count_recovered(self) -> None:
        """
        How many works the gateways have gone on with; each counts anew with each of its lives.
        """
        async with httpx.AsyncClient(timeout=30) as client:
            for gateway in self._world.gateways:
                metrics = (await client.get(f"{gateway.url}/metrics")).text
                count = sum(int(number) for number in _RECOVERIES.findall(metrics))
                lives, before = self._recovered_before.get(gateway.name, (0, 0))
                self._tally.recovered += count - (before if lives == gateway.kills else 0)
                self._recovered_before[gateway.name] = (gateway.kills, count)


@asynccontextmanager
async def rounds_in(
    world: World, tally: Tally, *, kinds: Collection[Kind], size: Size
) -> AsyncIterator[Rounds]:
    """
    Rounds in a world that is stocked up for them; at the end, the tally gets what it has come to.
    """
    await stock_up(world)
    start = await read_statement(world.databases)
    async with crowd_at(world, seed=world.plan.seed) as crowd:
        rounds = Rounds(world, crowd, start, tally, kinds=kinds, size=size)
        yield rounds
        tally.found += await world.audit()
    tally.read(await read_statement(world.databases), rounds.told)
    for happened in (world.happened, *(proxy.happened for proxy in world.proxies.values())):
        tally.faults.update(happened)
