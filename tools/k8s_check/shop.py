"""
What every rule looks at: an overlay's objects, and what it expects to be there already.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property

from tools.k8s_check.manifests import Manifest, Manifests
from tools.k8s_check.workloads import Workload, workloads


@dataclass(frozen=True, slots=True)
class Finding:
    """
    Something that is not as it must be: where, and what.
    """

    where: str
    what: str

    def __str__(self) -> str:
        return f"{self.where}: {self.what}"


@dataclass(frozen=True)
class Shop:
    """
    An overlay as it would be applied. ``expected_secrets`` are in the cluster before it: names, and their keys.
    """

    manifests: Manifests
    expected_secrets: Mapping[str, frozenset[str]] = field(default_factory=dict)

    @cached_property
    def workloads(self) -> tuple[Workload, ...]:
        """
        What makes pods.
        """
        return tuple(workloads(self.manifests))

    @cached_property
    def servers(self) -> tuple[Workload, ...]:
        """
        Our services, serving.
        """
        return tuple(each for each in self.workloads if each.is_server)

    def secret_keys(self, name: str) -> frozenset[str] | None:
        """
        What a Secret holds; None where nobody knows of it.
        """
        manifest = self.manifests.find("Secret", name)
        if manifest is None:
            return self.expected_secrets.get(name)
        return frozenset({*manifest.node["data"].keys(), *manifest.node["stringData"].keys()})

    def config_map(self, name: str) -> Mapping[str, str] | None:
        """
        What a ConfigMap holds; None where there is none of this name.
        """
        manifest = self.manifests.find("ConfigMap", name)
        return None if manifest is None else manifest.node["data"].texts

    def scaler_of(self, workload: Workload) -> Manifest | None:
        """
        The autoscaler that rules how many pods there are, if one does.
        """
        return next(self.scalers_of(workload), None)

    def scalers_of(self, workload: Workload) -> Iterator[Manifest]:
        """
        All that would.
        """
        for each in self.manifests.of("HorizontalPodAutoscaler"):
            target = each.spec["scaleTargetRef"]
            if (target["kind"].text, target["name"].text) == (
                workload.manifest.kind,
                workload.manifest.name,
            ):
                yield each
