"""
From outside only the API is reached, and only under TLS.
"""

from collections.abc import Iterator
from typing import Final

from tools.k8s_check.manifests import Manifest, Node
from tools.k8s_check.shop import Finding, Shop

#: For operators and machines of the house; /docs because it describes them, too.
_INSIDE: Final = ("/metrics", "/health", "/health/live", "/health/ready", "/docs", "/openapi.json")


def check(shop: Shop) -> Iterator[Finding]:
    """
    Doors that lead nowhere, or too far.
    """
    for ingress in shop.manifests.of("Ingress"):
        yield from _tls(shop, ingress)
        for rule in ingress.spec["rules"]:
            for path in rule.at("http", "paths"):
                yield from _path(shop, ingress, path)


def _tls(shop: Shop, ingress: Manifest) -> Iterator[Finding]:
    if not ingress.spec["ingressClassName"]:
        yield Finding(str(ingress), "no controller is named to carry it out")
    covered = {host.text for each in ingress.spec["tls"] for host in each["hosts"]}
    for rule in ingress.spec["rules"]:
        host = rule["host"].text
        if not host or host not in covered:
            yield Finding(
                str(ingress), f"{host or 'a rule without a host'} is not served under TLS"
            )
    for each in ingress.spec["tls"]:
        name = each["secretName"].text
        keys = shop.secret_keys(name)
        if keys is None:
            yield Finding(str(ingress), f"there is no Secret {name}, and none is expected")
        elif not {"tls.crt", "tls.key"} <= keys:
            yield Finding(str(ingress), f"Secret {name} holds no certificate with its key")


def _path(shop: Shop, ingress: Manifest, path: Node) -> Iterator[Finding]:
    backend = path.at("backend", "service")
    service = shop.manifests.find("Service", backend["name"].text)
    if service is None:
        yield Finding(str(ingress), f"there is no Service {backend['name'].text}")
        return
    ports = {
        text for each in service.spec["ports"] for text in (each["name"].text, each["port"].text)
    }
    port = backend.at("port", "name").text or backend.at("port", "number").text
    if port not in ports:
        yield Finding(str(ingress), f"{service} has no port {port}")
    for hidden in _INSIDE:
        if _leads_to(path, hidden):
            yield Finding(str(ingress), f"{path['path'].text} lets the world in to {hidden}")


def _leads_to(path: Node, wanted: str) -> bool:
    prefix = path["path"].text.rstrip("/")
    if path["pathType"].text == "Exact":
        return path["path"].text == wanted
    return wanted == prefix or wanted.startswith(f"{prefix}/")
