"""
From outside only the API is reached, and only under TLS.
"""

from collections.abc import Iterator
from typing import Final

from tools.k8s_check.manifests import Manifest, Node
from tools.k8s_check.shop import Finding, Shop

#: For operators and machines of the house; /docs because it describes them, too.
_INSIDE: Final = ("/metrics", "/health", "/health/live", "/health/ready", "/docs", "/openapi.json")

#: The one that answers strangers, and what it answers them: the API, pictures, and where to find both.
_DOOR: Final = "api-gateway"
_PATHS: Final = frozenset({("/api", "Prefix"), ("/pictures", "Prefix"), ("/", "Exact")})
#: What makes controllers ask for another path than came, or do as an annotation says.
_REWRITES: Final = ("rewrite", "snippet", "app-root", "middlewares", "upstream-vhost")


def check(shop: Shop) -> Iterator[Finding]:
    """
    Doors that lead nowhere, or too far.
    """
    for ingress in shop.manifests.of("Ingress"):
        yield from _tls(shop, ingress)
        yield from _doors(shop, ingress)
    for service in shop.manifests.of("Service"):
        yield from _service(service)


def _doors(shop: Shop, ingress: Manifest) -> Iterator[Finding]:
    paths = [path for rule in ingress.spec["rules"] for path in rule.at("http", "paths")]
    for path in paths:
        yield from _path(shop, ingress, path)
    for prefix, how in sorted(_PATHS - {_shown(path) for path in paths}):
        yield Finding(str(ingress), f"{prefix} ({how}) is closed for the world")
    if ingress.spec["defaultBackend"]:
        yield Finding(str(ingress), "must not have a defaultBackend: all else is nobody's")
    for name in ingress.node.at("metadata", "annotations").keys():  # noqa: SIM118  # a Node
        if any(word in name for word in _REWRITES):
            yield Finding(str(ingress), f"{name} leads past the paths that stand here")


def _service(service: Manifest) -> Iterator[Finding]:
    spec = service.spec
    if spec["type"].text not in {"", "ClusterIP"}:
        yield Finding(str(service), f"must be a ClusterIP, and not a {spec['type'].text}")
    if any(spec["externalIPs"]):
        yield Finding(str(service), "must not have externalIPs")


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
    if service.name != _DOOR:
        yield Finding(str(ingress), f"lets the world in to {service}")
    prefix, how = _shown(path)
    if (prefix, how) not in _PATHS:
        yield Finding(str(ingress), f"{prefix} ({how}) is no path that the world may ask")
    for hidden in _INSIDE:
        if _leads_to(path, hidden):
            yield Finding(str(ingress), f"{path['path'].text} lets the world in to {hidden}")


def _shown(path: Node) -> tuple[str, str]:
    return path["path"].text, path["pathType"].text


def _leads_to(path: Node, wanted: str) -> bool:
    prefix = path["path"].text.rstrip("/")
    if path["pathType"].text == "Exact":
        return path["path"].text == wanted
    return wanted == prefix or wanted.startswith(f"{prefix}/")
