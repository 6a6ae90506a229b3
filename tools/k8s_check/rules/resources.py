"""
What a container asks for and may take: there, in the right unit, and the one not above the other.
"""

from collections.abc import Iterator, Mapping
from typing import Final

from tools.k8s_check.amounts import quantity
from tools.k8s_check.manifests import Node
from tools.k8s_check.services import SERVICES
from tools.k8s_check.shop import Finding, Shop

_BOUNDS: Final[Mapping[str, tuple[str, ...]]] = {
    "requests": ("cpu", "memory"),
    "limits": ("cpu", "memory", "ephemeral-storage"),
}
#: Bytes in these only: 512m is half a byte, and 512M looks like 512Mi.
_BYTES: Final = ("Mi", "Gi", "Ti")
#: Below that no service of ours gets as far as its first line.
_LEAST: Final = 96 * 1024**2


def check(shop: Shop) -> Iterator[Finding]:
    """
    Bounds that are missing or cannot be meant.
    """
    for workload in shop.workloads:
        for container in workload.containers:
            where = f"{workload}, {container.name}"
            resources = container.node["resources"]
            yield from _bounds(where, resources)
            if workload.service in SERVICES:
                yield from _enough(where, resources)


def _bounds(where: str, resources: Node) -> Iterator[Finding]:
    for bound, names in _BOUNDS.items():
        for name in names:
            if not resources.at(bound, name):
                yield Finding(where, f"has no {bound} of {name}")
        for name in sorted(set(resources[bound].keys()) - {"cpu"}):
            told = resources.at(bound, name).text
            if not told.endswith(_BYTES):
                yield Finding(where, f"its {bound} of {name}, {told}, must be in Mi or Gi")
    for name in resources["requests"].keys():  # noqa: SIM118  # a Node is no mapping
        asked, most = (quantity(resources.at(bound, name).text) for bound in ("requests", "limits"))
        if asked is not None and most is not None and asked > most:
            yield Finding(where, f"requests more {name} than its limit")


def _enough(where: str, resources: Node) -> Iterator[Finding]:
    for bound in _BOUNDS:
        told = resources.at(bound, "memory").text
        held = quantity(told)
        if held is not None and held < _LEAST:
            what = f"its {bound} of memory, {told}, are less than a service of ours starts with"
            yield Finding(where, what)
