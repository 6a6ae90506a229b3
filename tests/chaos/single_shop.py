"""
A shop for one scenario: its crowd, its shelves before the first order, its books at the end.
"""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass

from servicekit.testing import eventually
from tests.chaos.books import discrepancies
from tests.chaos.construction import Plan
from tests.chaos.load import Crowd, crowd_at, stock_up
from tests.chaos.rounds import SETTLED_WITHIN_S
from tests.chaos.runs import evidence
from tests.chaos.shopping import Told
from tests.chaos.statement import Statement, is_settled, read_statement
from tests.chaos.tally import Tally, say
from tests.chaos.world import World, running_world


@dataclass(frozen=True, slots=True)
class Shop:
    """
    A world with people in it.
    """

    world: World
    crowd: Crowd
    start: Statement
    tally: Tally

    async def settled_books(self, told: Sequence[Told]) -> Statement:
        """
        Wait until all has ended, and note in the tally what does not add up.
        """
        databases = self.world.databases
        with suppress(AssertionError):
            await eventually(lambda: is_settled(databases), within_s=SETTLED_WITHIN_S, every_s=0.1)
        await self.world.network_is_quiet()
        now = await read_statement(databases)
        self.tally.heard(told)
        self.tally.read(now, told)
        self.tally.found += discrepancies(self.start.shelves, now, told)
        self.tally.found += await self.world.audit()
        return now


@asynccontextmanager
async def shop(plan: Plan, tally: Tally, *, answer_within_s: float = 30.0) -> AsyncIterator[Shop]:
    """
    A shop that runs and is stocked up.
    """
    say(f"{plan.gateways} gateway(s) on {plan.database}, seed {plan.seed}")
    async with evidence(tally) as folder, running_world(plan, folder) as world:
        await stock_up(world)
        start = await read_statement(world.databases)
        async with crowd_at(world, seed=plan.seed, answer_within_s=answer_within_s) as crowd:
            yield Shop(world, crowd, start, tally)
