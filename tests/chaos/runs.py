"""
Runs of many rounds, over several worlds.
"""

import shutil
import tempfile
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from tests.chaos.construction import Plan
from tests.chaos.databases import KINDS as DATABASES
from tests.chaos.databases import Kind as Database
from tests.chaos.kill_points import KINDS, Kind
from tests.chaos.rounds import Size, rounds_in
from tests.chaos.tally import Tally, say
from tests.chaos.world import running_world

#: A world's books grow with its rounds, and are gone through in each.
ROUNDS_OF_A_WORLD: Final = 50


@dataclass(frozen=True, slots=True)
class Wanted:
    """
    What to run. ``sources``: as in ``Plan``. ``ends_at_first``: do not go on after a discrepancy.
    ``folder``: where worlds are made.
    """

    rounds: int
    seed: str
    databases: Sequence[Database] = DATABASES
    kinds: Sequence[Kind] = KINDS
    minutes: float = 60.0
    size: Size = field(default_factory=Size)
    sources: Path | None = None
    ends_at_first: bool = False
    folder: Path | None = None
    gateways: int = 1


async def run(wanted: Wanted) -> Tally:
    """
    So many rounds, one database after the other, until the time is over.
    """
    say(f"seed {wanted.seed}, {wanted.rounds} rounds")
    tally = Tally()
    give_up_at = time.monotonic() + 60 * wanted.minutes
    worlds = _worlds(wanted)
    for number, (database, rounds) in enumerate(worlds, start=1):
        plan = Plan(
            database,
            seed=f"{wanted.seed}:{number}",
            # Only PostgreSQL is shared.
            gateways=wanted.gateways if database == "postgresql" else 1,
            sources=wanted.sources,
        )
        await _run_world(plan, rounds, wanted, tally, give_up_at)
        if tally.found and wanted.ends_at_first:
            break
    return tally


def _worlds(wanted: Wanted) -> list[tuple[Database, int]]:
    """
    The worlds in turn: a database, and how many rounds in it.
    """
    share, rest = divmod(wanted.rounds, len(wanted.databases))
    left = {name: share + (place < rest) for place, name in enumerate(wanted.databases)}
    worlds: list[tuple[Database, int]] = []
    while any(left.values()):
        for name in wanted.databases:
            rounds = min(left[name], ROUNDS_OF_A_WORLD)
            left[name] -= rounds
            if rounds:
                worlds.append((name, rounds))
    return worlds


async def _run_world(
    plan: Plan, rounds: int, wanted: Wanted, tally: Tally, give_up_at: float
) -> None:
    before = len(tally.found)
    async with (
        evidence(tally, wanted.folder) as folder,
        running_world(plan, folder) as world,
        rounds_in(world, tally, kinds=wanted.kinds, size=wanted.size) as storm,
    ):
        # What is wrong once is wrong in each later round of the world.
        while rounds and len(tally.found) == before and time.monotonic() < give_up_at:
            say(f"{tally.rounds + 1:4} {await storm.round()}")
            rounds -= 1
        for one in tally.found[before:]:
            say(f"       {one}")


@asynccontextmanager
async def evidence(tally: Tally, parent: Path | None = None) -> AsyncIterator[Path]:
    """
    A folder for a world, in ``parent``. It is kept where something was found, or where the harness itself failed.
    """
    folder = Path(tempfile.mkdtemp(prefix="chaos-", dir=parent))
    before = len(tally.found)
    is_over = False
    try:
        yield folder
        is_over = True
    finally:
        if is_over and len(tally.found) == before:
            shutil.rmtree(folder, ignore_errors=True)
        else:
            say(f"kept: {folder}")
