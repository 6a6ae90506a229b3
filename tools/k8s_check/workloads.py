"""
What makes pods: Deployments, StatefulSets and Jobs, seen alike.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from tools.k8s_check.manifests import Manifest, Manifests, Node

KINDS: Final = ("Deployment", "StatefulSet", "Job")
NAME: Final = "app.kubernetes.io/name"
COMPONENT: Final = "app.kubernetes.io/component"
VERSION: Final = "app.kubernetes.io/version"


@dataclass(frozen=True, slots=True)
class Container:
    """
    A container of a pod; those that run before the others are ``is_first``.
    """

    node: Node
    is_first: bool

    @property
    def name(self) -> str:
        """
        Its name in the pod.
        """
        return self.node["name"].text

    @property
    def image(self) -> str:
        """
        What it runs.
        """
        return self.node["image"].text

    @property
    def ports(self) -> Mapping[str, int]:
        """
        Its ports by name, which is the number where there is none.
        """
        return {
            port["name"].text or port["containerPort"].text: port["containerPort"].number or 0
            for port in self.node["ports"]
        }


@dataclass(frozen=True, slots=True)
class Workload:
    """
    An object that makes pods, and the pods it makes.
    """

    manifest: Manifest

    def __str__(self) -> str:
        return str(self.manifest)

    @property
    def template(self) -> Node:
        """
        What each of its pods is made after.
        """
        return self.manifest.spec["template"]

    @property
    def labels(self) -> Mapping[str, str]:
        """
        The labels of its pods.
        """
        return self.template.at("metadata", "labels").texts

    @property
    def pod(self) -> Node:
        """
        What its pods are.
        """
        return self.template["spec"]

    @property
    def is_job(self) -> bool:
        """
        Whether its pods come to an end.
        """
        return self.manifest.kind == "Job"

    @property
    def service(self) -> str:
        """
        The service, ours or another's, that its pods belong to.
        """
        return self.labels.get(NAME, "")

    @property
    def component(self) -> str:
        """
        Its part in that: ``server``, ``migration``, ``seed``, ...
        """
        return self.labels.get(COMPONENT, "")

    @property
    def is_server(self) -> bool:
        """
        Whether it is one of our services, serving.
        """
        return self.component == "server"

    @property
    def containers(self) -> tuple[Container, ...]:
        """
        All containers, the first ones first.
        """
        first = [Container(each, is_first=True) for each in self.pod["initContainers"]]
        return (*first, *(Container(each, is_first=False) for each in self.pod["containers"]))

    @property
    def main(self) -> Container:
        """
        What the others make ready for; an empty one where there is none.
        """
        found = (each for each in self.containers if not each.is_first)
        return next(found, Container(Node(None), is_first=False))

    @property
    def ports(self) -> Mapping[str, int]:
        """
        The ports of its pods by name.
        """
        return {name: port for each in self.containers for name, port in each.ports.items()}


def workloads(manifests: Manifests) -> Iterator[Workload]:
    """
    All of them.
    """
    return (Workload(each) for each in manifests.of(*KINDS))
