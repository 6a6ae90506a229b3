"""
``python -m tools.smoke``: exit code 0 when a shopper finds everything as it should be, 1 with what was
wrong first, 2 when it could not be tried.
"""

import argparse
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from pathlib import Path
from threading import Event
from typing import Final

from tools.smoke.journey import ORDERING, READING, STATIONS, Trip, browse
from tools.smoke.outages import Loop, table
from tools.smoke.shop import Asked, NoShop, Shop, Wrong

#: Longer than an order that is given up and undone takes until it is shown as needing attention.
_SETTLES_WITHIN_S: Final = 90.0


def main(arguments: Sequence[str]) -> int:
    """
    The exit code.
    """
    chosen = _parser().parse_args(arguments)
    try:
        shop = Shop(chosen.url, answer_within_s=chosen.answer_within)
        print(f"Shopping at {shop.url}")
        if chosen.user is not None:
            _sign_in(shop, chosen.user, chosen.password_file)
        if chosen.loop is None:
            return _once(shop)
        return _again_and_again(shop, chosen.loop, chosen.pause)
    except Wrong as wrong:
        print(f"WRONG  before the first round: {wrong}")
        return 1
    except NoShop as problem:
        print(problem, file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tools.smoke", description=__doc__)
    add = parser.add_argument
    add("--url", default="http://127.0.0.1:8000", help="the gateway, or what stands before it")
    add("--user", help="sign in as this one; without, as a guest who may order")
    add("--password-file", type=Path, help="where the password stands, alone")
    add("--answer-within", type=float, default=20.0, metavar="S", help="for each answer (20 s)")
    add("--loop", type=float, metavar="S", help="go again and again for so long, then sum up")
    add("--pause", type=float, default=0.5, metavar="S", help="between two journeys (0.5 s)")
    return parser


def _sign_in(shop: Shop, user: str, password_file: Path | None) -> None:
    if password_file is None:
        raise NoShop("--user needs --password-file")
    try:
        shop.sign_in(user, password_file.read_text(encoding="utf-8").strip())
    except OSError as problem:
        raise NoShop(f"{password_file}: {problem.strerror}") from None
    except Wrong as wrong:
        raise NoShop(f"Signing in as {user}: {wrong}") from None


def _once(shop: Shop) -> int:
    trip, width = Trip(), max(len(station.name) for station in STATIONS)
    for station in STATIONS:
        shop.asked.clear()
        try:
            told, verdict = station.visit(shop, trip), "ok"
        except Wrong as wrong:
            told, verdict = str(wrong), "WRONG"
        print(f"{verdict:<5}  {station.name:<{width}}  {_requests(shop.asked)}  {told}")
        if verdict != "ok":
            return 1
    print("All is as it should be.")
    return 0


def _requests(asked: Sequence[Asked]) -> str:
    return ", ".join(
        f"{one.method} {one.path} {one.status or 'no answer'} ({one.took_s * 1000:.0f} ms)"
        for one in asked
    )


def _again_and_again(shop: Shop, seconds: float, pause_s: float) -> int:
    """
    Two shoppers at once: one reads, one orders, since an order that waits must not hide what readers see.
    """
    product, stop = Trip(), Event()
    browse(shop, product)
    reader, buyer = (
        Loop(
            replace(shop, asked=[]), pause_s=pause_s, wait=stop.wait, stations=its, product=product
        )
        for its in (READING, ORDERING)
    )
    with ThreadPoolExecutor(max_workers=2) as both:
        try:
            list(both.map(partial(_say_all, seconds), (reader, buyer)))
        finally:
            stop.set()
    stop.clear()
    unended = buyer.settle(_SETTLES_WITHIN_S)
    records = {**reader.records, **buyer.records}
    print("", *table(records), sep="\n")
    print(f"\norders without an end: {len(unended)}", *unended)
    return 1 if unended or any(record.wrong for record in records.values()) else 0


def _say_all(seconds: float, loop: Loop) -> None:
    for line in loop.run(seconds):
        print(line, flush=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
