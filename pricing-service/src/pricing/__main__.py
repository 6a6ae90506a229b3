"""
``python -m pricing COMMAND``: serve, migrate, revision, settings, seed.
"""

import asyncio
import sys

from pricing.main import create_app
from pricing.seed import seed
from pricing.settings import Settings
from pricing.wiring import build_services
from servicekit.commands import Command, Service, main


def _seed(settings: Settings) -> int:
    async def run() -> None:
        services = build_services(settings)
        async with services.opened():
            await seed(services)

    asyncio.run(run())
    return 0


SERVICE = Service(
    package="pricing",
    settings_class=Settings,
    create_app=create_app,
    commands={"seed": Command(help="set the demo's prices and codes where they lack", run=_seed)},
)

if __name__ == "__main__":
    sys.exit(main(SERVICE))
