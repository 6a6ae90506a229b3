"""
``python -m tests.chaos``: exit code 0 when every book adds up, 1 with what to look at otherwise.
"""

import argparse
import asyncio
import secrets
import sys
from collections.abc import Sequence

from tests.chaos.databases import KINDS as DATABASES
from tests.chaos.kill_points import KINDS
from tests.chaos.runs import Wanted, run
from tests.chaos.tally import say


def main(arguments: Sequence[str]) -> int:
    """
    The exit code.
    """
    chosen = _parser().parse_args(arguments)
    wanted = Wanted(
        rounds=chosen.rounds,
        seed=chosen.seed or secrets.token_hex(4),
        databases=DATABASES if chosen.database == "both" else (chosen.database,),
        kinds=tuple(chosen.kinds.split(",")),
        minutes=chosen.minutes,
    )
    tally = asyncio.run(run(wanted))
    say("\n".join(tally.lines()))
    return 1 if tally.found else 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.chaos", description=__doc__)
    parser.add_argument("--rounds", type=int, default=300, help="in all, on all databases together")
    parser.add_argument(
        "--seed", help="repeats a run's choices; otherwise a new one, which is told"
    )
    parser.add_argument("--database", choices=(*DATABASES, "both"), default="both")
    parser.add_argument("--kinds", default=",".join(KINDS), help="which moments to kill at")
    parser.add_argument("--minutes", type=float, default=60.0, help="end after so long")
    return parser


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
