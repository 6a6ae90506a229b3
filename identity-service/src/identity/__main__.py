"""
``python -m identity COMMAND``: serve, migrate, revision, settings, seed, rotate-keys, create-admin.
"""

import asyncio
import getpass
import sys
from collections.abc import Awaitable, Callable

from identity.errors import SharedSecret
from identity.main import create_app
from identity.seed import seed
from identity.settings import Settings
from identity.users.models import Role
from identity.users.service import NewUser
from identity.wiring import Services, build_services
from servicekit.commands import Command, Service, main

Work = Callable[[Services, Settings], Awaitable[None]]


def _command(description: str, work: Work) -> Command[Settings]:
    async def run(settings: Settings) -> None:
        services = build_services(settings)
        async with services.opened():
            await work(services, settings)

    def run_to_the_end(settings: Settings) -> int:
        asyncio.run(run(settings))
        return 0

    return Command(help=description, run=run_to_the_end)


async def _rotate_keys(services: Services, _settings: Settings) -> None:
    if services.keys is None:
        raise SharedSecret
    await services.keys.rotate(reason="asked")


async def _create_admin(services: Services, _settings: Settings) -> None:
    user_name = await asyncio.to_thread(_line, "User name: ")
    password = await asyncio.to_thread(_secret, "Password: ")
    new = NewUser(user_name=user_name, password=password, roles=[Role.ADMIN])
    user = await services.users.create(new, by="create-admin")
    sys.stdout.write(f"{user.id}\n")


def _line(prompt: str) -> str:
    if sys.stdin.isatty():
        sys.stderr.write(prompt)
    return sys.stdin.readline().rstrip("\n")


def _secret(prompt: str) -> str:
    return getpass.getpass(prompt) if sys.stdin.isatty() else _line(prompt)


SERVICE = Service(
    package="identity",
    settings_class=Settings,
    create_app=create_app,
    commands={
        "seed": _command("make the users and clients that SEED_* name", seed),
        "rotate-keys": _command("let the next signing key take over", _rotate_keys),
        "create-admin": _command("make an admin; asks for name and password", _create_admin),
    },
)

if __name__ == "__main__":
    sys.exit(main(SERVICE))
