"""
Whatever selects by labels selects what it is for, and nothing else.
"""

from collections.abc import Iterator

from tools.k8s_check.labels import chooses, chooses_by_pairs
from tools.k8s_check.manifests import Manifest
from tools.k8s_check.shop import Finding, Shop
from tools.k8s_check.workloads import Workload


def check(shop: Shop) -> Iterator[Finding]:
    """
    Selectors that select nobody, or somebody else.
    """
    for workload in shop.workloads:
        yield from _own_pods(shop, workload)
    for service in shop.manifests.of("Service"):
        yield from _service(shop, service)
    for policy in shop.manifests.of("NetworkPolicy"):
        if not any(chooses(policy.spec["podSelector"], one.labels) for one in shop.workloads):
            yield Finding(str(policy), "selects no pod")
    for budget in shop.manifests.of("PodDisruptionBudget"):
        yield from _one_workload(shop, budget)
    for monitor in shop.manifests.of("ServiceMonitor"):
        yield from _monitor(shop, monitor)


def _own_pods(shop: Shop, workload: Workload) -> Iterator[Finding]:
    for constraint in workload.pod["topologySpreadConstraints"]:
        selector = constraint["labelSelector"]
        # Without a selector a constraint counts no pods, where policies would mean all.
        if not selector.keys() or not chooses(selector, workload.labels):
            yield Finding(str(workload), "a topologySpreadConstraint does not select its pods")
    if workload.is_job:
        return
    selector = workload.manifest.spec["selector"]
    if not selector.keys() or not chooses(selector, workload.labels):
        yield Finding(str(workload), "its selector does not select its own pods")
    for other in shop.workloads:
        if other.manifest is not workload.manifest and chooses(selector, other.labels):
            yield Finding(str(workload), f"its selector selects the pods of {other}")


def _service(shop: Shop, service: Manifest) -> Iterator[Finding]:
    chosen = [
        one for one in shop.workloads if chooses_by_pairs(service.spec["selector"], one.labels)
    ]
    if not chosen:
        yield Finding(str(service), "selects no pod")
    for workload in chosen:
        if workload.is_job:
            yield Finding(str(service), f"selects the pods of {workload}, which do not serve")
            continue
        if workload.service != service.name:
            yield Finding(str(service), f"selects the pods of {workload}, which are another's")
        for port in service.spec["ports"]:
            target = port["targetPort"].text or port["port"].text
            numbers = {str(number) for number in workload.ports.values()}
            if target not in workload.ports and target not in numbers:
                yield Finding(str(service), f"{workload} has no port {target}")


def _one_workload(shop: Shop, budget: Manifest) -> Iterator[Finding]:
    chosen = [one for one in shop.workloads if chooses(budget.spec["selector"], one.labels)]
    if len(chosen) != 1 or chosen[0].is_job:
        names = ", ".join(map(str, chosen)) or "nothing"
        yield Finding(str(budget), f"must select one workload, and selects {names}")


def _monitor(shop: Shop, monitor: Manifest) -> Iterator[Finding]:
    services = [
        one for one in shop.manifests.of("Service") if chooses(monitor.spec["selector"], one.labels)
    ]
    for server in shop.servers:
        if not any(one.name == server.manifest.name for one in services):
            yield Finding(str(monitor), f"does not see {server}")
    for service in services:
        ports = {port["name"].text for port in service.spec["ports"]}
        for endpoint in monitor.spec["endpoints"]:
            if endpoint["port"].text not in ports:
                yield Finding(str(monitor), f"{service} has no port {endpoint['port'].text}")
