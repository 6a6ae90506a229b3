"""
Mistakes in what is reached, by whom and under which name; a part of the table in `k8s_mistakes`.
"""

from typing import Final

from tests.e2e.k8s_manifests import GONE, Change

_POD: Final = "spec/template/spec"
_SERVER: Final = f"{_POD}/containers/0"
_DNS: Final = "spec/egress/0/to/0"
_WORLD: Final = [{"ipBlock": {"cidr": "0.0.0.0/0"}}]

#: In the overlay local.
MISTAKES: Final = {
    "a Service that selects another's pods": (
        Change(
            "Service inventory-service", "spec/selector/app.kubernetes.io~name", "pricing-service"
        ),
        "Service inventory-service: selects the pods of Deployment pricing-service, which are another's",
    ),
    "a Service that selects every server": (
        Change(
            "Service inventory-service", "spec/selector", {"app.kubernetes.io/component": "server"}
        ),
        "Service inventory-service: selects the pods of Deployment identity-service, which are",
    ),
    "an address of another service": (
        Change(
            "ConfigMap api-gateway-settings",
            "data/INVENTORY_SERVICE_URL",
            "http://pricing-service:8002",
        ),
        "INVENTORY_SERVICE_URL leads to http://pricing-service:8002, where no Service inventory",
    ),
    "an address that speaks TLS": (
        Change(
            "ConfigMap pricing-service-settings",
            "data/IDENTITY_SERVICE_URL",
            "https://identity-service:8003",
        ),
        "IDENTITY_SERVICE_URL leads to https://identity-service:8003, where no Service identity",
    ),
    "replicas of one fixed name": (
        Change(
            "Deployment api-gateway",
            f"{_SERVER}/env/2",
            {"name": "REPLICA_NAME", "value": "gateway"},
        ),
        "REPLICA_NAME must be the pod's metadata.name",
    ),
    "replicas named after their namespace": (
        Change(
            "Deployment api-gateway",
            f"{_SERVER}/env/2/valueFrom/fieldRef/fieldPath",
            "metadata.namespace",
        ),
        "REPLICA_NAME must be the pod's metadata.name",
    ),
    "proxies that are believed wherever they are": (
        Change("ConfigMap api-gateway-settings", "data/TRUSTED_PROXIES", "0.0.0.0/0"),
        "TRUSTED_PROXIES 0.0.0.0/0 believes whoever claims an address",
    ),
    "names of another DNS": (
        Change("NetworkPolicy names", f"{_DNS}/podSelector/matchLabels", {"k8s-app": "coredns"}),
        "cannot look up names",
    ),
    "short names only": (
        Change("NetworkPolicy names", "spec/egress/0/ports", [{"port": 53, "protocol": "UDP"}]),
        "cannot look up names",
    ),
    "names by TCP only": (
        Change("NetworkPolicy names", "spec/egress/0/ports", [{"port": 53, "protocol": "TCP"}]),
        "cannot look up names",
    ),
    "names of everybody": (
        Change("NetworkPolicy names", "spec/egress/0/to", _WORLD),
        "its egress is open for addresses 0.0.0.0/0 on 53 by UDP, which no table says",
    ),
    "a way in by another protocol": (
        Change("NetworkPolicy inventory-service", "spec/ingress/0/ports/0/protocol", "UDP"),
        "its ingress is open for Deployment api-gateway on 8001 by UDP, which no table says",
    ),
    "a way in to a range of ports": (
        Change("NetworkPolicy inventory-service", "spec/ingress/0/ports/0/endPort", 9000),
        "its ingress is open for Deployment api-gateway on 8001 to 9000, which no table says",
    ),
    "a way out to a range of ports": (
        Change("NetworkPolicy api-gateway", "spec/egress/0/ports/0/endPort", 65535),
        "its egress is open for Deployment inventory-service on 8001 to 65535, which no table says",
    ),
    "a policy whose sides nobody names": (
        Change(
            "NetworkPolicy pricing-service",
            "spec",
            {"podSelector": {}, "ingress": [{"from": [{"namespaceSelector": {}}]}]},
        ),
        "its ingress is open for pods of every namespace on every port, which no table says",
    ),
    "a door to another service": (
        Change(
            "Ingress api-gateway",
            "spec/rules/0/http/paths/0/backend/service/name",
            "identity-service",
        ),
        "Ingress api-gateway: lets the world in to Service identity-service",
    ),
    "a door for all else": (
        Change(
            "Ingress api-gateway",
            "spec/defaultBackend",
            {"service": {"name": "identity-service", "port": {"name": "http"}}},
        ),
        "must not have a defaultBackend",
    ),
    "a path that the controller reads its own way": (
        Change(
            "Ingress api-gateway",
            "spec/rules/0/http/paths/2",
            {
                "path": "/*",
                "pathType": "ImplementationSpecific",
                "backend": {"service": {"name": "api-gateway", "port": {"name": "http"}}},
            },
        ),
        "/* (ImplementationSpecific) is no path that the world may ask",
    ),
    "a path that is closed": (
        Change("Ingress api-gateway", "spec/rules/0/http/paths/1", GONE),
        "/pictures (Prefix) is closed for the world",
    ),
    "a path that becomes another": (
        Change(
            "Ingress api-gateway",
            "metadata/annotations",
            {"nginx.ingress.kubernetes.io/rewrite-target": "/metrics"},
        ),
        "nginx.ingress.kubernetes.io/rewrite-target leads past the paths",
    ),
    "a Service with an address of its own": (
        Change("Service identity-service", "spec/type", "LoadBalancer"),
        "Service identity-service: must be a ClusterIP, and not a LoadBalancer",
    ),
    "a Service on every node": (
        Change("Service identity-service", "spec/type", "NodePort"),
        "Service identity-service: must be a ClusterIP, and not a NodePort",
    ),
    "a Service at an address outside": (
        Change("Service identity-service", "spec/externalIPs", ["192.0.2.7"]),
        "Service identity-service: must not have externalIPs",
    ),
}

#: In what only the overlay production has.
IN_PRODUCTION: Final = {
    "a gateway that everybody reaches": (
        Change("NetworkPolicy api-gateway", "spec/ingress/0/from", _WORLD),
        "its ingress is open for addresses 0.0.0.0/0 on 8000, which no table says",
    ),
    "a gateway that every namespace reaches": (
        Change("NetworkPolicy api-gateway", "spec/ingress/0/from", [{"namespaceSelector": {}}]),
        "its ingress is open for pods of every namespace on 8000, which no table says",
    ),
    "a gateway that everybody but one reaches": (
        Change(
            "NetworkPolicy api-gateway",
            "spec/ingress/0/from/0/namespaceSelector",
            {
                "matchExpressions": [
                    {"key": "kubernetes.io/metadata.name", "operator": "NotIn", "values": ["x"]}
                ]
            },
        ),
        "its ingress is closed for everybody outside on 8000",
    ),
    "a database that is everywhere": (
        Change("NetworkPolicy to-postgres", "spec/egress/0/to", _WORLD),
        "its egress is open for addresses 0.0.0.0/0 on 5432, which no table says",
    ),
    "anybody's Prometheus": (
        Change("NetworkPolicy from-prometheus", "spec/ingress/0/from/0/namespaceSelector", {}),
        "its ingress is open for prometheus of every namespace on 8003, which no table says",
    ),
    "a Prometheus that is not let in": (
        Change("NetworkPolicy from-prometheus", "spec/ingress", []),
        "its ingress is closed for prometheus of monitoring, which a monitor needs",
    ),
    "traces that are not let out": (
        Change("NetworkPolicy to-collector", "spec/egress", []),
        "its egress is closed for http://otel-collector.observability:4318, where its traces go",
    ),
    "a collector of another namespace": (
        Change(
            "NetworkPolicy to-collector",
            "spec/egress/0/to/0/namespaceSelector/matchLabels",
            {"kubernetes.io/metadata.name": "default"},
        ),
        "its egress is open for otel-collector of default on 4318, which no table says",
    ),
}
