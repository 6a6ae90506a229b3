"""
The gateways as containers of ``docker-compose.yml``: restarted, and made anew from another image.
"""

import asyncio
import os
from collections.abc import Mapping
from contextlib import suppress
from typing import Final

#: Both stand behind the balancer of the profile ``scale``.
GATEWAYS: Final = ("api-gateway", "api-gateway-2")
IMAGE: Final = "storefront/api-gateway"
_COMPOSE: Final = ("docker", "compose", "--profile", "scale")
#: How long the balancer goes by what it was told of who the gateways are, and some: before the next one goes.
_KNOWN_AFTER_S: Final = 2.5


class NotDone(Exception):
    """
    Docker could not do what was asked; the message is its own.
    """


async def shop_is_up(version: str) -> None:
    """
    Start what does not run, of images that are there, and return when all of it is healthy.
    """
    await _run(*_COMPOSE, "up", "--wait", "--no-build", "--quiet-pull", version=version)


async def restart(gateway: str, *, version: str) -> None:
    """
    Stop one in the ordinary way, start it, and return when the balancer knows it again.
    """
    await _run(*_COMPOSE, "stop", gateway, version=version)
    await _bring_back(gateway, version=version)


async def make_anew(gateway: str, *, version: str) -> None:
    """
    Put a container of that version's image in its place; the one before is stopped and removed.
    """
    await _bring_back(gateway, version=version)


async def name_also(version: str, other: str) -> None:
    """
    Let the gateway's image of ``version`` also be the one of ``other``, as if that had been released.
    """
    await _run("docker", "tag", f"{IMAGE}:{version}", f"{IMAGE}:{other}", version=version)


async def forget_name(other: str) -> None:
    """
    Take that name away again.
    """
    await _run("docker", "rmi", "--no-prune", f"{IMAGE}:{other}", version=other)


async def _bring_back(gateway: str, *, version: str) -> None:
    arguments = ("up", "--wait", "--no-deps", "--no-build", gateway)
    await _run(*_COMPOSE, *arguments, version=version)
    await asyncio.sleep(_KNOWN_AFTER_S)


async def _run(*command: str, version: str) -> None:
    environment: Mapping[str, str] = {**os.environ, "STOREFRONT_VERSION": version}
    try:
        process = await asyncio.create_subprocess_exec(
            *command,
            env=environment,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.PIPE,
        )
    except FileNotFoundError:
        raise NotDone(f"{command[0]} is not installed, or not on the PATH") from None
    try:
        _, said = await process.communicate()
    except asyncio.CancelledError:
        # A terminal tells both of a Ctrl-C; whoever signals this process alone means it, too.
        with suppress(ProcessLookupError):
            process.terminate()
        await process.communicate()
        raise
    if process.returncode:
        raise NotDone(f"{' '.join(command)}: {said.decode(errors='replace').strip()}")
