"""
What a container of ours is told: its variables and its secrets, by the names of its service's settings.
"""

from collections.abc import Mapping

from tools.k8s_check.manifests import Node
from tools.k8s_check.services import SERVICES
from tools.k8s_check.shop import Shop
from tools.k8s_check.workloads import Container, Workload

#: What the image sets, and what is no setting of a service.
SECRETS_FOLDER = "SECRETS_DIR"


def variables(shop: Shop, container: Container) -> Mapping[str, str]:
    """
    Its environment by name; what only the cluster knows, such as the pod's name, is a word in its place.
    """
    found: dict[str, str] = {}
    for source in container.node["envFrom"]:
        found |= shop.config_map(source.at("configMapRef", "name").text) or {}
    for variable in container.node["env"]:
        found[variable["name"].text] = _value(shop, variable)
    return found


def _value(shop: Shop, variable: Node) -> str:
    source = variable["valueFrom"]
    if not source:
        return variable["value"].text
    if source["configMapKeyRef"]:
        reference = source["configMapKeyRef"]
        return (shop.config_map(reference["name"].text) or {}).get(reference["key"].text, "")
    return source.at("fieldRef", "fieldPath").text or "given-by-the-cluster"


def secret_files(shop: Shop, workload: Workload, container: Container) -> frozenset[str]:
    """
    The files in the folder that ``SECRETS_DIR`` names.
    """
    folder = variables(shop, container).get(SECRETS_FOLDER)
    mounted = {
        mount["name"].text
        for mount in container.node["volumeMounts"]
        if mount["mountPath"].text == folder
    }
    files: set[str] = set()
    for volume in workload.pod["volumes"]:
        if volume["name"].text in mounted:
            for source in (volume, *volume.at("projected", "sources")):
                files |= _files(shop, source["secret"])
    return frozenset(files)


def _files(shop: Shop, secret: Node) -> frozenset[str]:
    if any(secret["items"]):
        return frozenset(item["path"].text for item in secret["items"])
    return shop.secret_keys(secret["secretName"].text or secret["name"].text) or frozenset()


def setting(shop: Shop, workload: Workload, container: Container, name: str) -> str:
    """
    What a setting of the service comes to: as it is told, or its default.
    """
    told = variables(shop, container).get(name.upper())
    return told or str(SERVICES[workload.service].settings.model_fields[name].default)
