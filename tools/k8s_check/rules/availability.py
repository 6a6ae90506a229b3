"""
The shop stays open while pods are moved, replaced and stopped.
"""

import shlex
from collections.abc import Iterator
from typing import Final

from tools.k8s_check.environment import setting
from tools.k8s_check.labels import chooses
from tools.k8s_check.manifests import Manifest
from tools.k8s_check.services import ENDING_S, SERVICES
from tools.k8s_check.shop import Finding, Shop
from tools.k8s_check.workloads import Container, Workload

#: Until every node and balancer has heard that a pod is going: what still comes has to be served.
NEWS_S: Final = 5.0
_PROBES: Final = {
    "startupProbe": "/health/live",
    "livenessProbe": "/health/live",
    "readinessProbe": "/health/ready",
}


def check(shop: Shop) -> Iterator[Finding]:
    """
    What would close the shop.
    """
    for server in shop.servers:
        yield from _number(shop, server)
        yield from _budget(shop, server)
        yield from _replacement(server)
        yield from _grace(shop, server)
        for container in server.containers:
            if not container.is_first:
                yield from _probes(server, container)
    for scaler in shop.manifests.of("HorizontalPodAutoscaler"):
        yield from _scaler(shop, scaler)


def _number(shop: Shop, server: Workload) -> Iterator[Finding]:
    has_number = bool(server.manifest.spec["replicas"])
    is_scaled = shop.scaler_of(server) is not None
    if is_scaled and has_number:
        yield Finding(str(server), "an autoscaler rules its replicas: they must not stand here")
    if not is_scaled and not has_number:
        yield Finding(str(server), "has neither replicas nor an autoscaler")


def _least(shop: Shop, server: Workload) -> int:
    scaler = shop.scaler_of(server)
    if scaler is None:
        return server.manifest.spec["replicas"].number or 1
    return scaler.spec["minReplicas"].number or 1


def _budget(shop: Shop, server: Workload) -> Iterator[Finding]:
    budgets = [
        each
        for each in shop.manifests.of("PodDisruptionBudget")
        if chooses(each.spec["selector"], server.labels)
    ]
    if not budgets:
        yield Finding(str(server), "no PodDisruptionBudget guards it")
    for budget in budgets:
        kept, gone = budget.spec["minAvailable"], budget.spec["maxUnavailable"]
        if gone and gone.text in {"0", "0%"}:
            yield Finding(str(budget), "lets no pod go: no node could be emptied")
        if kept and (kept.number is None or kept.number >= _least(shop, server)):
            least = _least(shop, server)
            yield Finding(str(budget), f"minAvailable {kept.text} leaves no room with {least} pods")


def _replacement(server: Workload) -> Iterator[Finding]:
    rolling = server.manifest.spec.at("strategy", "rollingUpdate")
    if rolling["maxUnavailable"].text not in {"0", "0%"}:
        yield Finding(
            str(server), "a rolling update must take no pod before its successor is ready"
        )
    if not any(server.pod["topologySpreadConstraints"]):
        yield Finding(str(server), "its pods are not spread over nodes")


def _grace(shop: Shop, server: Workload) -> Iterator[Finding]:
    if server.service not in SERVICES:
        return
    main = next(each for each in server.containers if not each.is_first)
    before_s = _before_the_signal_s(main)
    delay_s = float(setting(shop, server, main, "drain_delay_seconds"))
    timeout_s = float(setting(shop, server, main, "drain_timeout_seconds"))
    grace_s = server.pod["terminationGracePeriodSeconds"].number or 30
    if before_s + delay_s < NEWS_S:
        what = f"it must serve for {NEWS_S:g} s after it was told to stop, and does for {before_s + delay_s:g}"
        yield Finding(str(server), what)
    if grace_s <= before_s + delay_s + timeout_s + ENDING_S:
        what = (
            f"terminationGracePeriodSeconds {grace_s} must be more than preStop {before_s:g}"
            f" + drain {delay_s:g} + {timeout_s:g} + {ENDING_S:g} for the end"
        )
        yield Finding(str(server), what)


def _before_the_signal_s(container: Container) -> float:
    hook = container.node.at("lifecycle", "preStop")
    seconds = hook.at("sleep", "seconds").number
    if seconds is not None:
        return float(seconds)
    words = [word for part in hook.at("exec", "command") for word in shlex.split(part.text)]
    if "sleep" in words[:-1]:
        return float(words[words.index("sleep") + 1])
    return 0.0


def _probes(server: Workload, container: Container) -> Iterator[Finding]:
    for probe, path in _PROBES.items():
        asked = container.node.at(probe, "httpGet")
        if asked["path"].text != path:
            yield Finding(str(server), f"the {probe} of {container.name} must ask {path}")
        port = asked["port"].text
        numbers = {str(number) for number in container.ports.values()}
        if asked and port not in container.ports and port not in numbers:
            yield Finding(str(server), f"the {probe} of {container.name} asks port {port}")


def _scaler(shop: Shop, scaler: Manifest) -> Iterator[Finding]:
    target = scaler.spec["scaleTargetRef"]
    workload = next((one for one in shop.workloads if shop.scaler_of(one) is scaler), None)
    if workload is None:
        what = f"there is no {target['kind'].text} {target['name'].text} to scale"
        yield Finding(str(scaler), what)
        return
    least, most = scaler.spec["minReplicas"].number or 1, scaler.spec["maxReplicas"].number or 0
    if least > most:
        yield Finding(str(scaler), f"minReplicas {least} is more than maxReplicas {most}")
    for metric in scaler.spec["metrics"]:
        resource = metric.at("resource", "name").text
        for container in workload.containers:
            if not container.is_first and not container.node.at("resources", "requests", resource):
                what = f"{container.name} of {workload} requests no {resource} to be measured by"
                yield Finding(str(scaler), what)
