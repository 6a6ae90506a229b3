"""
A server is asked where it answers, and given the time that an answer, a start and a busy minute take.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from tools.k8s_check.manifests import Node
from tools.k8s_check.shop import Finding, Shop
from tools.k8s_check.workloads import Container


@dataclass(frozen=True, slots=True)
class Bounds:
    """
    What a probe asks; how long it may be answered by silence, and how long one answer may take.
    """

    path: str
    least_s: int
    most_s: int
    answer_s: int


_PROBES: Final = {
    "startupProbe": Bounds("/health/live", least_s=30, most_s=600, answer_s=1),
    # Below that a busy moment restarts pods, and the others get their load.
    "livenessProbe": Bounds("/health/live", least_s=30, most_s=300, answer_s=2),
    # Above that a pod that is not ready is sent requests for too long.
    "readinessProbe": Bounds("/health/ready", least_s=5, most_s=30, answer_s=2),
}


def check(shop: Shop) -> Iterator[Finding]:
    """
    Probes that are missing, ask elsewhere, or lose patience too soon or too late.
    """
    for server in shop.servers:
        for container in server.containers:
            if not container.is_first:
                for name, bounds in _PROBES.items():
                    where = f"the {name} of {container.name}"
                    for what in _probe(container, container.node[name], bounds):
                        yield Finding(str(server), f"{where} {what}")


def _probe(container: Container, probe: Node, bounds: Bounds) -> Iterator[str]:
    asked = probe["httpGet"]
    if asked["path"].text != bounds.path:
        yield f"must ask {bounds.path}"
    if not asked:
        return
    port = asked["port"].text
    if port not in container.ports and port not in {str(each) for each in container.ports.values()}:
        yield f"asks port {port}"
    if asked["scheme"].text not in {"", "HTTP"} or asked["host"]:
        yield "must ask the pod itself, by http"
    silence_s = (probe["periodSeconds"].number or 10) * (probe["failureThreshold"].number or 3)
    if not bounds.least_s <= silence_s <= bounds.most_s:
        yield f"gives up after {silence_s} s: {bounds.least_s} to {bounds.most_s} are right"
    answer_s = probe["timeoutSeconds"].number or 1
    if answer_s < bounds.answer_s:
        yield f"waits {answer_s} s for an answer: {bounds.answer_s} or more are right"
