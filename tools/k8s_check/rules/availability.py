"""
The shop stays open while pods are moved, replaced and stopped.
"""

from collections.abc import Iterator

from tools.k8s_check.labels import chooses
from tools.k8s_check.manifests import Manifest
from tools.k8s_check.shop import Finding, Shop
from tools.k8s_check.workloads import Workload


def check(shop: Shop) -> Iterator[Finding]:
    """
    What would close the shop.
    """
    for server in shop.servers:
        yield from _number(shop, server)
        yield from _budget(shop, server)
        yield from _replacement(server)
    for scaler in shop.manifests.of("HorizontalPodAutoscaler"):
        yield from _scaler(shop, scaler)


def _number(shop: Shop, server: Workload) -> Iterator[Finding]:
    has_number = bool(server.manifest.spec["replicas"])
    is_scaled = shop.scaler_of(server) is not None
    if is_scaled and has_number:
        yield Finding(str(server), "an autoscaler rules its replicas: they must not stand here")
    if not is_scaled and not has_number:
        yield Finding(str(server), "has neither replicas nor an autoscaler")
    if server.manifest.spec["replicas"].number == 0:
        yield Finding(str(server), "has no pods")
    if len(list(shop.scalers_of(server))) > 1:
        yield Finding(str(server), "two autoscalers pull at it")


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
    if len(budgets) > 1:
        yield Finding(str(server), "two PodDisruptionBudgets guard it: its pods cannot be evicted")
    for budget in budgets:
        yield from _room(budget, _least(shop, server))


def _room(budget: Manifest, least: int) -> Iterator[Finding]:
    kept, gone = budget.spec["minAvailable"], budget.spec["maxUnavailable"]
    if not kept and not gone:
        yield Finding(str(budget), "says neither how many stay nor how many may go")
    if gone and gone.text in {"0", "0%"}:
        yield Finding(str(budget), "lets no pod go: no node could be emptied")
    elif gone and (gone.number is None or gone.number >= max(least, 2)):
        # A single pod has to go in its turn; of more than one never all.
        yield Finding(str(budget), f"maxUnavailable {gone.text} may let all of {least} pods go")
    if kept and (kept.number is None or kept.number >= least):
        yield Finding(str(budget), f"minAvailable {kept.text} leaves no room with {least} pods")


def _replacement(server: Workload) -> Iterator[Finding]:
    rolling = server.manifest.spec.at("strategy", "rollingUpdate")
    if rolling["maxUnavailable"].text not in {"0", "0%"}:
        yield Finding(
            str(server), "a rolling update must take no pod before its successor is ready"
        )
    if rolling["maxSurge"].text in {"0", "0%"}:
        yield Finding(str(server), "maxSurge 0 leaves an update no pod to begin with")
    if not any(server.pod["topologySpreadConstraints"]):
        yield Finding(str(server), "its pods are not spread over nodes")


def _scaler(shop: Shop, scaler: Manifest) -> Iterator[Finding]:
    scaled = scaler.spec["scaleTargetRef"]
    workload = next((one for one in shop.workloads if scaler in shop.scalers_of(one)), None)
    if workload is None:
        what = f"there is no {scaled['kind'].text} {scaled['name'].text} to scale"
        yield Finding(str(scaler), what)
        return
    least, most = scaler.spec["minReplicas"].number or 1, scaler.spec["maxReplicas"].number or 0
    if least > most:
        yield Finding(str(scaler), f"minReplicas {least} is more than maxReplicas {most}")
    for metric in scaler.spec["metrics"]:
        resource = metric.at("resource", "name").text
        target = metric.at("resource", "target")
        if not (target["averageUtilization"].number or target["averageValue"]):
            yield Finding(str(scaler), f"does not say how much {resource or 'of what'} is right")
        for container in workload.containers:
            if not container.is_first and not container.node.at("resources", "requests", resource):
                what = f"{container.name} of {workload} requests no {resource} to be measured by"
                yield Finding(str(scaler), what)
