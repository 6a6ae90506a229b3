"""
Whatever a manifest names is there.
"""

from collections import Counter
from collections.abc import Iterator

from tools.k8s_check.manifests import Node
from tools.k8s_check.shop import Finding, Shop
from tools.k8s_check.workloads import Workload


def check(shop: Shop) -> Iterator[Finding]:
    """
    Names that lead nowhere, or to two things at once.
    """
    yield from _twice(shop)
    yield from _namespaces(shop)
    for workload in shop.workloads:
        yield from _service_account(shop, workload)
        yield from _mounts(workload)
        for volume in workload.pod["volumes"]:
            yield from _volume(shop, workload, volume)
        for container in workload.containers:
            yield from _environment(shop, workload, container.node)


def _twice(shop: Shop) -> Iterator[Finding]:
    counted = Counter((each.kind, each.namespace, each.name) for each in shop.manifests.all)
    for (kind, _, name), times in counted.items():
        if times > 1:
            yield Finding(f"{kind} {name}", f"stands here {times} times")


def _namespaces(shop: Shop) -> Iterator[Finding]:
    declared = {each.name for each in shop.manifests.of("Namespace")}
    for manifest in shop.manifests.all:
        if manifest.kind != "Namespace" and manifest.namespace not in declared:
            namespace = manifest.namespace or "none"
            yield Finding(str(manifest), f"its namespace, {namespace}, is not declared")


def _service_account(shop: Shop, workload: Workload) -> Iterator[Finding]:
    name = workload.pod["serviceAccountName"].text
    if shop.manifests.find("ServiceAccount", name) is None:
        yield Finding(str(workload), f"there is no ServiceAccount {name or '(none is named)'}")


def _mounts(workload: Workload) -> Iterator[Finding]:
    claims = workload.manifest.spec["volumeClaimTemplates"]
    volumes = [each["name"].text for each in workload.pod["volumes"]]
    volumes += [each.at("metadata", "name").text for each in claims]
    mounted = set()
    for container in workload.containers:
        for mount in container.node["volumeMounts"]:
            mounted.add(mount["name"].text)
            if mount["name"].text not in volumes:
                what = f"{container.name} mounts {mount['name'].text}, which is no volume"
                yield Finding(str(workload), what)
    for volume in volumes:
        if volume not in mounted:
            yield Finding(str(workload), f"nobody mounts the volume {volume}")


def _volume(shop: Shop, workload: Workload, volume: Node) -> Iterator[Finding]:
    sources = [volume, *volume.at("projected", "sources")]
    for source in sources:
        secret = source.at("secret", "secretName").text or source.at("secret", "name").text
        if secret:
            yield from _secret(shop, workload, secret, source["secret"])
        if source["configMap"]:
            yield from _config_map(shop, workload, source.at("configMap", "name").text)
    claim = volume.at("persistentVolumeClaim", "claimName").text
    if claim and shop.manifests.find("PersistentVolumeClaim", claim) is None:
        yield Finding(str(workload), f"there is no PersistentVolumeClaim {claim}")


def _environment(shop: Shop, workload: Workload, container: Node) -> Iterator[Finding]:
    for source in container["envFrom"]:
        if source["configMapRef"]:
            yield from _config_map(shop, workload, source.at("configMapRef", "name").text)
    for variable in container["env"]:
        reference = variable.at("valueFrom", "configMapKeyRef")
        if reference:
            name, key = reference["name"].text, reference["key"].text
            yield from _config_map(shop, workload, name)
            if key not in (shop.config_map(name) or {key: ""}):
                yield Finding(str(workload), f"ConfigMap {name} has no {key}")


def _config_map(shop: Shop, workload: Workload, name: str) -> Iterator[Finding]:
    if shop.config_map(name) is None:
        yield Finding(str(workload), f"there is no ConfigMap {name}")


def _secret(shop: Shop, workload: Workload, name: str, source: Node) -> Iterator[Finding]:
    keys = shop.secret_keys(name)
    if keys is None:
        yield Finding(str(workload), f"there is no Secret {name}, and none is expected")
        return
    for item in source["items"]:
        if item["key"].text not in keys:
            yield Finding(str(workload), f"Secret {name} has no {item['key'].text}")
