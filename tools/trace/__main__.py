"""
``python -m tools.trace`` starts a shop, places one order, ends the shop, and prints the order's trace.

A gateway that runs already cannot be looked at: it sends its spans where its own settings say.
"""

import argparse
import asyncio
import json
import sys
from collections.abc import Sequence

from tools.demo.settings import DemoProblem
from tools.trace.drawing import Style
from tools.trace.receiver import Receiver, receiving
from tools.trace.report import Report
from tools.trace.shop import running
from tools.trace.story import STORIES, Told


def main(arguments: Sequence[str]) -> int:
    """
    The exit code: 0 when the trace is whole, 1 when something of it did not come or the shop did not work.
    """
    chosen = _parser().parse_args(arguments)
    try:
        with receiving() as receiver:
            told = asyncio.run(_happened(chosen.kind, receiver))
            report = Report.of(told, receiver.spans())
    except DemoProblem as problem:
        print(problem, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    if chosen.json:
        json.dump(report.as_json(), sys.stdout, indent=2)
        print()
    else:
        print(report.as_text(Style.of(sys.stdout)))
    return 0 if report.is_whole else 1


async def _happened(kind: str, receiver: Receiver) -> Told:
    """
    What happened in the shop; all its spans have been sent when this returns.
    """
    print("Starting a shop of its own ...", file=sys.stderr)
    async with running(receiver.url) as shop:
        await shop.sign_in()
        return await STORIES[kind](shop)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="make trace",
        description="Place one order in a shop of its own, and show its trace.",
        epilog="Of a shop that runs already, look at traces where its collector shows them.",
    )
    parser.add_argument(
        "--kind",
        choices=[*STORIES],
        default="confirmed",
        help="how the order goes: with a discount (the default); with a code that there is not;"
        " cancelled afterwards; while inventory is frozen for a moment",
    )
    parser.add_argument("--json", action="store_true", help="for programs")
    return parser


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
