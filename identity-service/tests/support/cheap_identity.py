"""
The identity service as a process whose password hashes cost next to nothing.

``python cheap_identity.py serve`` is ``python -m identity serve`` but for that; ``migrate`` and
``seed`` are there as well. What a hash costs in production is looked at by tests of its own.
"""

import asyncio
import sys

from running_identity import CHEAP

from identity.main import create_app
from identity.seed import seed
from identity.settings import Settings
from identity.wiring import build_services
from servicekit.commands import Command, Service, main


async def _seed(settings: Settings) -> None:
    services = build_services(settings, hash_cost=CHEAP)
    async with services.opened():
        await seed(services, settings)


def _seed_to_the_end(settings: Settings) -> int:
    asyncio.run(_seed(settings))
    return 0


SERVICE = Service(
    package="identity",
    settings_class=Settings,
    create_app=lambda settings: create_app(settings, hash_cost=CHEAP),
    commands={"seed": Command(help="as the service's own", run=_seed_to_the_end)},
)

if __name__ == "__main__":
    sys.exit(main(SERVICE))
