"""
The network is open exactly where the communication table says: on both sides of each way, and nowhere else.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from tools.k8s_check.labels import chooses
from tools.k8s_check.manifests import Manifest, Node
from tools.k8s_check.services import CALLS, COLLECTOR, NAMES_PORT, SCRAPER, STORES, Way
from tools.k8s_check.shop import Finding, Shop
from tools.k8s_check.workloads import NAME, Workload


@dataclass(frozen=True, slots=True)
class Opening:
    """
    What one side lets through: ``peer`` is a workload, or what a policy says of one outside; port 0 is any.
    """

    peer: str
    port: int
    is_outside: bool = False

    def __str__(self) -> str:
        return f"{self.peer} on {self.port or 'every port'}"


def check(shop: Shop) -> Iterator[Finding]:
    """
    Ways that are closed and must be open, and those that are open and must not be.
    """
    yield from _closed_by_default(shop)
    stores = {each.service for each in shop.workloads} & {way.callee for way in STORES}
    for workload in shop.workloads:
        leaving, coming = _openings(shop, workload, "egress"), _openings(shop, workload, "ingress")
        yield from _compare(workload, "egress", leaving, _leaves(shop, workload, stores))
        yield from _compare(workload, "ingress", coming, _comes(shop, workload))
        yield from _outside(workload, leaving, coming, stores)


def _closed_by_default(shop: Shop) -> Iterator[Finding]:
    for workload in shop.workloads:
        for side in ("Ingress", "Egress"):
            if not any(side in _sides(each) for each in _policies(shop, workload)):
                yield Finding(str(workload), f"no NetworkPolicy closes its {side.lower()}")


def _policies(shop: Shop, workload: Workload) -> Iterator[Manifest]:
    for policy in shop.manifests.of("NetworkPolicy"):
        if chooses(policy.spec["podSelector"], workload.labels):
            yield policy


def _sides(policy: Manifest) -> set[str]:
    return {each.text for each in policy.spec["policyTypes"]}


def _openings(shop: Shop, workload: Workload, side: str) -> frozenset[Opening]:
    found: set[Opening] = set()
    for policy in _policies(shop, workload):
        if side.capitalize() in _sides(policy):
            for rule in policy.spec[side]:
                ports = tuple(_ports(workload, rule, side))
                for peer, is_outside in _peers(shop, rule["to" if side == "egress" else "from"]):
                    found |= {Opening(peer, port, is_outside) for port in ports}
    return frozenset(found)


def _ports(workload: Workload, rule: Node, side: str) -> Iterator[int]:
    if not any(rule["ports"]):
        yield 0
    for port in rule["ports"]:
        number = port["port"].number
        if number is None and side == "ingress":
            number = workload.ports.get(port["port"].text)
        yield 0 if number is None else number


def _peers(shop: Shop, peers: Node) -> Iterator[tuple[str, bool]]:
    """
    Names, and whether they are outside of the overlay.
    """
    if not any(peers):
        yield "everybody", True
    for peer in peers:
        namespace = peer.at("namespaceSelector", "matchLabels", "kubernetes.io/metadata.name").text
        if peer["ipBlock"]:
            yield f"addresses {peer.at('ipBlock', 'cidr').text}", True
        elif peer["namespaceSelector"]:
            name = peer.at("podSelector", "matchLabels", NAME).text
            yield f"{name or 'pods'} of {namespace or 'every namespace'}", True
        else:
            chosen = [
                str(one) for one in shop.workloads if chooses(peer["podSelector"], one.labels)
            ]
            yield from ((name, False) for name in chosen or [f"nobody: {peer.value}"])


def _leaves(shop: Shop, workload: Workload, stores: set[str]) -> set[Opening]:
    """
    Where a workload has to get to among the others.
    """
    ways = {way for way in STORES if way.callee in stores}
    ways |= CALLS if workload.is_server else set()
    return {
        Opening(str(other), way.port)
        for way in ways
        if way.caller == workload.service
        for other in shop.workloads
        if _answers(other, way)
    }


def _comes(shop: Shop, workload: Workload) -> set[Opening]:
    """
    Who of the others has to get to it.
    """
    return {
        Opening(str(other), way.port)
        for way in CALLS | STORES
        if _answers(workload, way)
        for other in shop.workloads
        if other.service == way.caller and (other.is_server or way in STORES)
    }


def _answers(workload: Workload, way: Way) -> bool:
    is_serving = workload.is_server if way in CALLS else not workload.is_job
    return workload.service == way.callee and is_serving


def _compare(
    workload: Workload, side: str, opened: frozenset[Opening], wanted: set[Opening]
) -> Iterator[Finding]:
    inside = {each for each in opened if not each.is_outside}
    for each in sorted(wanted - inside, key=str):
        yield Finding(str(workload), f"its {side} is closed for {each}, which the table opens")
    for each in sorted(inside - wanted, key=str):
        yield Finding(str(workload), f"its {side} is open for {each}, which no table says")


def _outside(
    workload: Workload, leaving: frozenset[Opening], coming: frozenset[Opening], stores: set[str]
) -> Iterator[Finding]:
    """
    What lies outside of the overlay: names, traces, stores that are elsewhere, the world, and who measures.
    """
    elsewhere = {
        way.port for way in STORES if way.caller == workload.service and way.callee not in stores
    }
    doors = {way.port for way in CALLS if way.caller == "*" and _answers(workload, way)}
    to_stores = {each for each in leaving if _is_address(each) and each.port in elsewhere}
    from_world = {
        each for each in coming if each.is_outside and each.port in doors and not _is_scraper(each)
    }
    known_leaving = {*to_stores, *(each for each in leaving if _is_beside(workload, each))}
    known_coming = {
        *from_world,
        *(each for each in coming if workload.is_server and _is_scraper(each)),
    }
    yield from _strangers(workload, "egress", leaving - known_leaving)
    yield from _strangers(workload, "ingress", coming - known_coming)
    yield from _missing(workload, "egress", elsewhere - {each.port for each in to_stores})
    yield from _missing(workload, "ingress", doors - {each.port for each in from_world})
    if not any(_is_names(each) for each in leaving):
        yield Finding(str(workload), "cannot look up names")


def _strangers(workload: Workload, side: str, opened: frozenset[Opening]) -> Iterator[Finding]:
    for each in sorted(opened, key=str):
        if each.is_outside:
            yield Finding(str(workload), f"its {side} is open for {each}, which no table says")


def _missing(workload: Workload, side: str, ports: set[int]) -> Iterator[Finding]:
    for port in sorted(ports):
        what = f"its {side} is closed for everybody outside on {port}, which the table opens"
        yield Finding(str(workload), what)


def _is_address(opening: Opening) -> bool:
    return opening.peer.startswith("addresses ")


def _is_names(opening: Opening) -> bool:
    return opening.peer == "pods of kube-system" and opening.port == NAMES_PORT


def _is_beside(workload: Workload, opening: Opening) -> bool:
    name, port = COLLECTOR
    is_collector = opening.peer.startswith(f"{name} of ") and opening.port == port
    return _is_names(opening) or (workload.is_server and is_collector)


def _is_scraper(opening: Opening) -> bool:
    return opening.peer.startswith(f"{SCRAPER} of ") and opening.port != 0
