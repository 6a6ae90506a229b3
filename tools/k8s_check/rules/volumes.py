"""
What a pod finds in its folders: its own secrets and no other's, for itself to read, and whole.
"""

from collections.abc import Iterator
from typing import Final

from tools.k8s_check.manifests import Manifest, Node
from tools.k8s_check.shop import Finding, Shop
from tools.k8s_check.workloads import Workload

_VOLUMES: Final = frozenset(
    {"configMap", "emptyDir", "persistentVolumeClaim", "projected", "secret"}
)
_PROJECTED: Final = frozenset({"configMap", "secret"})
#: What Kubernetes gives files when nobody says.
_MODE: Final = 0o644
#: A secret is for its owner and group to read, a configuration for nobody to change.
_NOT_FOR_SECRETS: Final = 0o337
_NOT_FOR_CONFIGURATION: Final = 0o022


def check(shop: Shop) -> Iterator[Finding]:
    """
    Volumes that hold too much, too openly or not surely, and Secrets that stand where everybody reads them.
    """
    for workload in shop.workloads:
        for volume in workload.pod["volumes"]:
            yield from _volume(workload, volume)
        for container in workload.containers:
            yield from _mounts(workload, container.node)
    for secret in shop.manifests.of("Secret"):
        yield from _inline(shop, secret)


def _volume(workload: Workload, volume: Node) -> Iterator[Finding]:
    name = volume["name"].text
    for kind in sorted(set(volume.keys()) - {"name"} - _VOLUMES):
        yield Finding(str(workload), f"the volume {name} must not be a {kind}")
    if not set(volume.keys()) - {"name"}:
        yield Finding(str(workload), f"the volume {name} is of nothing")
    if volume["emptyDir"] and not volume.at("emptyDir", "sizeLimit"):
        yield Finding(str(workload), f"the volume {name} has no sizeLimit")
    yield from _secret(workload, name, volume["secret"], volume["secret"])
    yield from _configuration(workload, name, volume["configMap"], volume["configMap"])
    for source in volume.at("projected", "sources"):
        for kind in sorted(set(source.keys()) - _PROJECTED):
            yield Finding(str(workload), f"the volume {name} must not project a {kind}")
        yield from _secret(workload, name, source["secret"], volume["projected"])
        yield from _configuration(workload, name, source["configMap"], volume["projected"])


def _secret(workload: Workload, volume: str, source: Node, modes: Node) -> Iterator[Finding]:
    if not source:
        return
    name = source["secretName"].text or source["name"].text
    if name not in _own(workload):
        yield Finding(str(workload), f"the Secret {name} is not its own")
    yield from _open(workload, volume, source, modes, _NOT_FOR_SECRETS)


def _configuration(workload: Workload, volume: str, source: Node, modes: Node) -> Iterator[Finding]:
    if source:
        yield from _open(workload, volume, source, modes, _NOT_FOR_CONFIGURATION)


def _own(workload: Workload) -> frozenset[str]:
    own = {f"{workload.service}-secrets"}
    if workload.component == "seed":
        own.add(f"{workload.service.removesuffix('-service')}-seed-secrets")
    return frozenset(own)


def _open(
    workload: Workload, volume: str, source: Node, modes: Node, forbidden: int
) -> Iterator[Finding]:
    """
    Who may read or write the files, and whether a pod would start without them.
    """
    default = modes["defaultMode"].number
    each_mode = [_MODE if default is None else default]
    each_mode += [one["mode"].number or 0 for one in source["items"]]
    for mode in each_mode:
        if mode & forbidden:
            yield Finding(str(workload), f"the files of the volume {volume} are open: {mode:04o}")
    if source["optional"].value:
        yield Finding(str(workload), f"the volume {volume} must not be optional")


def _mounts(workload: Workload, container: Node) -> Iterator[Finding]:
    where = f"{workload}, {container['name'].text}"
    for mount in container["volumeMounts"]:
        if mount["subPath"] or mount["subPathExpr"]:
            what = f"mounts a subPath of {mount['name'].text}, which never changes again"
            yield Finding(where, what)
        if mount["mountPropagation"].text not in {"", "None"}:
            yield Finding(where, f"the mounts below {mount['name'].text} must stay its own")
    sources = [each["configMapRef"] for each in container["envFrom"]]
    sources += [each.at("valueFrom", "configMapKeyRef") for each in container["env"]]
    for source in sources:
        if source["optional"].value:
            yield Finding(where, f"the ConfigMap {source['name'].text} must not be optional")


def _inline(shop: Shop, secret: Manifest) -> Iterator[Finding]:
    """
    The overlay that makes its Secrets makes them of files; one that expects them brings none along.
    """
    if secret.node["stringData"] or shop.expected_secrets:
        yield Finding(str(secret), "secrets do not stand among manifests")
