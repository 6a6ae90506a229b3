"""
``python -m tools.rolling``: exit code 0 when no request failed and no order was lost, 1 when one was, 2
when it could not be tried, 130 when it was broken off.
"""

import argparse
import asyncio
import sys
import time
from collections.abc import Sequence

import httpx

from tools.rolling import containers
from tools.rolling.load import Crowd, crowd_at, discrepancies
from tools.rolling.report import is_good, lines

#: Another release, as far as Docker can see.
_NEXT = "rolling-next"


def main(arguments: Sequence[str]) -> int:
    """
    The exit code.
    """
    chosen = _parser().parse_args(arguments)
    try:
        return asyncio.run(_roll(chosen.url, chosen.version, chosen.rounds))
    except (containers.NotDone, httpx.HTTPError, OSError) as problem:
        print(problem, file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print(
            "Broken off; what was bought is given back, as far as the shop answers.",
            file=sys.stderr,
        )
        return 130


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tools.rolling", description=__doc__)
    add = parser.add_argument
    add("--url", default="http://127.0.0.1:8080", help="where the balancer listens")
    add("--version", required=True, help="the tag of the images that run")
    add("--rounds", type=int, default=1, help="how often all of it is done (1)")
    return parser


async def _roll(url: str, version: str, rounds: int) -> int:
    _say("starting the shop with two gateways behind a balancer")
    await containers.shop_is_up(version)
    await containers.name_also(version, _NEXT)
    began = time.monotonic()
    try:
        async with crowd_at(url, seed=str(time.time_ns())) as crowd, crowd.borrowing():
            before = await crowd.shelves()
            began = time.monotonic()
            async with crowd.busy():
                for _ in range(rounds):
                    await _round(crowd, version)
            seconds = time.monotonic() - began
            await crowd.settle()
            wrong = discrepancies(crowd.tally, before, await crowd.shelves())
            print("\n".join(lines(crowd.tally, wrong, seconds=seconds)))
            verdict = is_good(crowd.tally, wrong)
    finally:
        await containers.forget_name(_NEXT)
    return 0 if verdict else 1


async def _round(crowd: Crowd, version: str) -> None:
    for gateway in containers.GATEWAYS:
        await containers.restart(gateway, version=version)
        _said_of(crowd, f"{gateway} was restarted")
    for release in (_NEXT, version):
        for gateway in containers.GATEWAYS:
            await containers.make_anew(gateway, version=release)
            _said_of(crowd, f"{gateway} was made anew from {containers.IMAGE}:{release}")


def _said_of(crowd: Crowd, what: str) -> None:
    tally = crowd.tally
    _say(f"{what}: {tally.requests.total()} requests so far, {len(tally.failures)} failed")


def _say(what: str) -> None:
    print(what, flush=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
