"""
``python -m tests.chaos``: exit code 0 when every book adds up, 1 with what to look at otherwise.

With ``--break`` the books of a shop without that safeguard must *not* add up: 0 when it was found out.
"""

import argparse
import asyncio
import secrets
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from tests.chaos.databases import KINDS as DATABASES
from tests.chaos.databases import Kind as Database
from tests.chaos.kill_points import KINDS
from tests.chaos.mutants import MUTANTS, mutated_sources
from tests.chaos.one_key import one_key
from tests.chaos.replicas import replicas
from tests.chaos.runs import Wanted, run
from tests.chaos.rush import rush
from tests.chaos.tally import Tally, say

SCENARIOS = ("rounds", "replicas", "one-key", "rush")


def main(arguments: Sequence[str]) -> int:
    """
    The exit code.
    """
    chosen = _parser().parse_args(arguments)
    seed = chosen.seed or secrets.token_hex(4)
    databases = DATABASES if chosen.database == "both" else (chosen.database,)
    wanted = Wanted(
        rounds=chosen.rounds,
        seed=seed,
        databases=databases,
        kinds=tuple(chosen.kinds.split(",")),
        minutes=chosen.minutes,
        sources=chosen.sources,
        gateways=chosen.gateways,
    )
    if chosen.broken:
        return _broken(chosen.broken, wanted)
    if chosen.scenario == "rounds":
        tally = asyncio.run(run(wanted))
    else:
        tally = asyncio.run(_scenario(chosen.scenario, databases, seed, chosen.orders))
    say("\n".join(tally.lines()))
    return 1 if tally.found else 0


async def _scenario(name: str, databases: Sequence[Database], seed: str, orders: int) -> Tally:
    tally = Tally()
    if name == "replicas":
        await replicas(seed, tally)
        return tally
    for database in databases:
        if name == "one-key":
            await one_key(database, seed, tally)
        else:
            await rush(database, seed, tally, orders=orders, units=orders // 10)
    return tally


def _broken(name: str, wanted: Wanted) -> int:
    mutant = MUTANTS[name]
    say(f"A shop in which {mutant.what}.")
    with tempfile.TemporaryDirectory(prefix="chaos-mutant-") as folder:
        sources = mutated_sources(mutant, Path(folder))
        mutated = replace(wanted, sources=sources, ends_at_first=True, folder=Path(folder))
        tally = asyncio.run(run(mutated))
    say("\n".join(tally.lines()))
    say(f"Found out after {tally.rounds} rounds." if tally.found else "NOT FOUND OUT.")
    return 0 if tally.found else 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.chaos", description=__doc__)
    parser.add_argument("scenario", nargs="?", choices=SCENARIOS, default="rounds")
    parser.add_argument("--rounds", type=int, default=300, help="in all, on all databases together")
    parser.add_argument(
        "--seed", help="repeats a run's choices; otherwise a new one, which is told"
    )
    parser.add_argument("--database", choices=(*DATABASES, "both"), default="both")
    parser.add_argument("--kinds", default=",".join(KINDS), help="which moments to kill at")
    parser.add_argument("--minutes", type=float, default=60.0, help="end after so long")
    parser.add_argument(
        "--orders", type=int, default=10_000, help="of a rush, for a tenth of units"
    )
    parser.add_argument("--gateways", type=int, default=1, help="on PostgreSQL, in rounds")
    parser.add_argument("--sources", type=Path, help="run the sources of another checkout")
    parser.add_argument("--break", dest="broken", choices=MUTANTS, help="without this safeguard")
    return parser


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
