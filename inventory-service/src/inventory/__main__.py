"""
``python -m inventory COMMAND``: serve, migrate, revision, settings, seed, audit.
"""

import asyncio
import sys
from collections.abc import Awaitable, Callable

from inventory.main import create_app
from inventory.seed import seed
from inventory.settings import Settings
from inventory.wiring import Services, build_services
from servicekit.commands import Command, Service, main

#: Returns the exit code.
Work = Callable[[Services], Awaitable[int]]


def _command(description: str, work: Work) -> Command[Settings]:
    async def run(settings: Settings) -> int:
        services = build_services(settings)
        async with services.opened():
            return await work(services)

    return Command(help=description, run=lambda settings: asyncio.run(run(settings)))


async def _seed(services: Services) -> int:
    await seed(services.products)
    return 0


async def _audit(services: Services) -> int:
    differing = await services.ledger.audit()
    sys.stdout.writelines(f"{product}: {difference}\n" for product, difference in differing.items())
    sys.stdout.write(f"products that differ from their ledger: {len(differing)}\n")
    return 1 if differing else 0


SERVICE = Service(
    package="inventory",
    settings_class=Settings,
    create_app=create_app,
    commands={
        "seed": _command("make the demo's products; what is there stays as it is", _seed),
        "audit": _command("add up the ledger; exit code 1 names what differs", _audit),
    },
)

if __name__ == "__main__":
    sys.exit(main(SERVICE))
