"""
Whether the two networks of the shop whose addresses are known beforehand are free on this engine:
``python -m tools.compose.subnets``, before ``docker compose up``.

Docker's own words for it are "Pool overlaps with other one on this address space", and name neither the other
nor the way out. ``docker-compose.yml`` makes both networks of SUBNET_PREFIX.
"""

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network, ip_network
from typing import Final

PREFIX: Final = "10.213.86"
PROJECT: Final = "storefront"
#: ``balanced`` and ``accounts``, below the prefix.
WANTED: Final = (".0/28", ".16/28")
#: The third numbers that are proposed, beginning with the shop's own.
_THIRDS: Final = range(86, 256)


@dataclass(frozen=True, slots=True)
class Network:
    """
    A network of the engine; ``project`` made it, or nobody of Compose's.
    """

    name: str
    project: str | None
    subnets: tuple[IPv4Network | IPv6Network, ...]


def read(inspected: str) -> list[Network]:
    """
    What ``docker network inspect`` prints.
    """
    return [
        Network(
            name=one["Name"],
            project=(one.get("Labels") or {}).get("com.docker.compose.project"),
            subnets=tuple(
                ip_network(each["Subnet"], strict=False)
                for each in (one.get("IPAM") or {}).get("Config") or ()
                if each.get("Subnet")
            ),
        )
        for one in json.loads(inspected)
    ]


def refusal(networks: Sequence[Network], *, project: str, prefix: str) -> str | None:
    """
    Why a shop of that name cannot have its networks below that prefix, and what would do; None where it can.
    """
    others = [network for network in networks if network.project != project]
    taken = sorted(set(_names_at(prefix, others)))
    if not taken:
        return None
    free = next((one for one in _prefixes() if not any(_names_at(one, others))), None)
    line = f"Addresses of {prefix}.0/27, which this shop's networks are to have, are those of {', '.join(taken)} on this engine."
    if free is None:
        return line
    return (
        f"{line}\nChoose others, for every command of this shop: export SUBNET_PREFIX={free}\n"
        "A second shop has a name and a port of its own, too: COMPOSE_PROJECT_NAME, GATEWAY_PORT."
    )


def _names_at(prefix: str, networks: Sequence[Network]) -> Iterator[str]:
    wanted = [ip_network(prefix + end) for end in WANTED]
    for network in networks:
        if any(each.overlaps(one) for each in network.subnets for one in wanted):
            yield network.name


def _prefixes() -> Iterator[str]:
    start = PREFIX.rpartition(".")[0]
    return (f"{start}.{third}" for third in _THIRDS)


def main(environment: Mapping[str, str], docker: str = "docker") -> int:
    """
    Exit code 0 where they are free or the shop's already, or where the engine does not say; 2 otherwise.
    """
    inspected = _ask(docker)
    if inspected is None:
        # `docker compose` is asked next, and says what is wrong.
        return 0
    prefix = environment.get("SUBNET_PREFIX") or PREFIX
    project = environment.get("COMPOSE_PROJECT_NAME") or PROJECT
    try:
        why = refusal(read(inspected), project=project, prefix=prefix)
    except ValueError:
        why = f"SUBNET_PREFIX: {prefix} is not three numbers, such as {PREFIX}."
    if why is not None:
        sys.stderr.write(f"{why}\n")
    return 2 if why else 0


def _ask(docker: str) -> str | None:
    try:
        ids = subprocess.run(
            [docker, "network", "ls", "--quiet"],
            capture_output=True, text=True, timeout=30, check=True,
        ).stdout.split()  # fmt: skip
        return subprocess.run(
            [docker, "network", "inspect", *ids],
            capture_output=True, text=True, timeout=30, check=True,
        ).stdout  # fmt: skip
    except (OSError, subprocess.SubprocessError):
        return None


if __name__ == "__main__":
    sys.exit(main(os.environ))
