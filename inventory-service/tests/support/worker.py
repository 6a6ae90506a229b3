"""
The inventory service as a process of a test's own, with a clock that goes ahead of the time of day
by CLOCK_AHEAD_S.

``python worker.py serve`` is ``python -m inventory serve`` on that clock.
``python worker.py sweep`` writes ``ready``; for every line that it then reads, it expires whatever
is due, and writes how many reservations it has expired.
"""

import asyncio
import os
import sys
from datetime import datetime, timedelta

from inventory.main import create_app
from inventory.settings import Settings
from inventory.wiring import build_services
from servicekit.clock import utc_now
from servicekit.commands import Command, Service, main

_AHEAD = timedelta(seconds=float(os.environ.pop("CLOCK_AHEAD_S", "0")))


def _now() -> datetime:
    return utc_now() + _AHEAD


def _sweep(settings: Settings) -> int:
    return asyncio.run(_sweep_when_told(settings))


async def _sweep_when_told(settings: Settings) -> int:
    services = build_services(settings, now=_now)
    async with services.opened():
        _say("ready")
        while await asyncio.to_thread(sys.stdin.readline):
            _say(str(await services.stock.sweep()))
    return 0


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


SERVICE = Service(
    package="inventory",
    settings_class=Settings,
    create_app=lambda settings: create_app(settings, now=_now),
    commands={"sweep": Command(help="expire what is due, once told to", run=_sweep)},
)

if __name__ == "__main__":
    sys.exit(main(SERVICE))
