"""
The network is open exactly where the communication table says: on both sides of each way, and nowhere else.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from tools.k8s_check.amounts import is_wide
from tools.k8s_check.environment import variables
from tools.k8s_check.labels import chooses
from tools.k8s_check.manifests import Manifest, Node
from tools.k8s_check.services import CALLS, COLLECTOR, NAMES, SCRAPER, STORES, Way
from tools.k8s_check.shop import Finding, Shop
from tools.k8s_check.workloads import NAME, Workload

_NAMESPACE: Final = "kubernetes.io/metadata.name"
_EVERYWHERE: Final = "every namespace"
_ADDRESSES: Final = "addresses "
#: How many bits a network of stores or nodes has to fix, at least, and a single address.
_NARROW: Final = 16
_ONE: Final = 32


@dataclass(frozen=True, slots=True)
class Opening:
    """
    What one side lets through: ``peer`` is a workload, or what a policy says of one outside. Ports are told as they
    stand, so that nothing but the table's own is like it.
    """

    peer: str
    port: str
    is_outside: bool = False

    def __str__(self) -> str:
        return f"{self.peer} on {self.port}"


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
        if workload.is_server:
            yield from _watched(shop, workload, leaving, coming)


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
    told = {each.text for each in policy.spec["policyTypes"]}
    return told or {"Ingress", *(["Egress"] if policy.spec["egress"] else [])}


def _openings(shop: Shop, workload: Workload, side: str) -> frozenset[Opening]:
    found: set[Opening] = set()
    for policy in _policies(shop, workload):
        if side.capitalize() in _sides(policy):
            for rule in policy.spec[side]:
                ports = tuple(_ports(workload, rule, side))
                for peer, is_outside in _peers(shop, rule["to" if side == "egress" else "from"]):
                    found |= {Opening(peer, port, is_outside) for port in ports}
    return frozenset(found)


def _ports(workload: Workload, rule: Node, side: str) -> Iterator[str]:
    if not any(rule["ports"]):
        yield "every port"
    for port in rule["ports"]:
        named = workload.ports.get(port["port"].text) if side == "ingress" else None
        told = str(named or port["port"].text or "every port")
        if port["endPort"]:
            told += f" to {port['endPort'].text}"
        protocol = port["protocol"].text or "TCP"
        yield told if protocol == "TCP" else f"{told} by {protocol}"


def _peers(shop: Shop, peers: Node) -> Iterator[tuple[str, bool]]:
    """
    Names, and whether they are outside of the overlay.
    """
    if not any(peers):
        yield "everybody", True
    for peer in peers:
        if peer["ipBlock"]:
            yield f"{_ADDRESSES}{peer.at('ipBlock', 'cidr').text}", True
        elif peer["namespaceSelector"]:
            pods = _named(peer["podSelector"], (NAME, "k8s-app"), "pods")
            namespaces = _named(peer["namespaceSelector"], (_NAMESPACE,), _EVERYWHERE)
            yield f"{pods} of {namespaces}", True
        else:
            chosen = [
                str(one) for one in shop.workloads if chooses(peer["podSelector"], one.labels)
            ]
            yield from ((name, False) for name in chosen or [f"nobody: {peer.value}"])


def _named(selector: Node, labels: tuple[str, ...], everyone: str) -> str:
    """
    The one name that it selects by; whatever selects otherwise is told whole.
    """
    if not any(selector[each].value for each in selector.keys()):  # noqa: SIM118  # a Node
        return everyone
    (label, name), *others = selector["matchLabels"].texts.items() or {"": ""}.items()
    is_plain = label in labels and not others and selector.keys() == ("matchLabels",)
    return name if is_plain else f"those with {selector.value}"


def _leaves(shop: Shop, workload: Workload, stores: set[str]) -> set[Opening]:
    """
    Where a workload has to get to among the others.
    """
    ways = {way for way in STORES if way.callee in stores}
    ways |= CALLS if workload.is_server else set()
    return {
        Opening(str(other), str(way.port))
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
        Opening(str(other), str(way.port))
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
        str(way.port)
        for way in STORES
        if way.caller == workload.service and way.callee not in stores
    }
    doors = {str(way.port) for way in CALLS if way.caller == "*" and _answers(workload, way)}
    to_stores = {each for each in leaving if each.port in elsewhere and _is_narrow(each)}
    # A shop with stores of its own is for trying: there the controller may be anywhere.
    from_world = {
        each for each in coming if each.port in doors and (stores or _is_one_namespace(each))
    }
    measured = {each for each in coming if workload.is_server and _is_scraper(workload, each)}
    known_leaving = {*to_stores, *(each for each in leaving if _is_beside(workload, each))}
    yield from _strangers(workload, "egress", leaving - known_leaving)
    yield from _strangers(workload, "ingress", coming - from_world - measured)
    yield from _missing(workload, "egress", elsewhere - {each.port for each in to_stores})
    yield from _missing(workload, "ingress", doors - {each.port for each in from_world - measured})
    peer, ports = NAMES
    if not {Opening(peer, port, is_outside=True) for port in ports} <= leaving:
        yield Finding(str(workload), "cannot look up names")


def _watched(
    shop: Shop, server: Workload, leaving: frozenset[Opening], coming: frozenset[Opening]
) -> Iterator[Finding]:
    """
    Who is to measure gets in, and traces that are to be sent get out.
    """
    is_measured = any(shop.manifests.of("ServiceMonitor"))
    if is_measured and not any(_is_scraper(server, each) for each in coming):
        yield Finding(str(server), f"its ingress is closed for {SCRAPER}, which a monitor needs")
    address = variables(shop, server.main).get("OTEL_EXPORTER_OTLP_ENDPOINT")
    if address and Opening(*COLLECTOR, is_outside=True) not in leaving:
        yield Finding(str(server), f"its egress is closed for {address}, where its traces go")


def _strangers(workload: Workload, side: str, opened: frozenset[Opening]) -> Iterator[Finding]:
    for each in sorted(opened, key=str):
        if each.is_outside:
            yield Finding(str(workload), f"its {side} is open for {each}, which no table says")


def _missing(workload: Workload, side: str, ports: set[str]) -> Iterator[Finding]:
    for port in sorted(ports):
        what = f"its {side} is closed for everybody outside on {port}, which the table opens"
        yield Finding(str(workload), what)


def _is_narrow(opening: Opening, bits: int = _NARROW) -> bool:
    is_address = opening.is_outside and opening.peer.startswith(_ADDRESSES)
    return is_address and not is_wide(opening.peer.removeprefix(_ADDRESSES), bits)


def _is_one_namespace(opening: Opening) -> bool:
    """
    The ingress controller's, or the nodes that it runs on.
    """
    _, of, namespace = opening.peer.rpartition(" of ")
    is_named = opening.is_outside and bool(of) and "{" not in namespace
    return _is_narrow(opening) or (is_named and namespace != _EVERYWHERE)


def _is_beside(workload: Workload, opening: Opening) -> bool:
    peer, ports = NAMES
    # A cache of names on the node has an address.
    is_names = opening.port in ports and (opening.peer == peer or _is_narrow(opening, _ONE))
    return is_names or (workload.is_server and (opening.peer, opening.port) == COLLECTOR)


def _is_scraper(workload: Workload, opening: Opening) -> bool:
    ports = {str(each) for each in workload.ports.values()}
    return opening.peer == SCRAPER and opening.port in ports
