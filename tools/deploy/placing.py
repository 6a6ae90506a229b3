"""
Puts an overlay on a cluster: checked first, then applied, then waited for.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tools.deploy import jobs
from tools.deploy.errors import DeployProblem
from tools.deploy.kubectl import Kubectl
from tools.k8s_check.checking import check
from tools.k8s_check.local_secrets import make_missing
from tools.k8s_check.manifests import Node
from tools.k8s_check.rendering import NotRendered, render, shop
from tools.k8s_check.shop import Shop
from tools.k8s_check.workloads import Workload

#: What the overlay for production holds until somebody has put his own in its place.
EXAMPLES: Final = ("example.com", "192.0.2.")
#: The pods' wait for their migration and their start.
_PATIENCE: Final = jobs.Patience()


@dataclass(frozen=True, slots=True)
class Overlay:
    """
    An overlay as it is about to be placed.
    """

    text: str
    shop: Shop

    @property
    def jobs(self) -> tuple[Workload, ...]:
        """
        What runs once.
        """
        return tuple(each for each in self.shop.workloads if each.is_job)


def prepare(folder: Path, tell: jobs.Tell) -> Overlay:
    """
    Build the overlay, with its secrets made where it keeps its own; raises ``DeployProblem`` for what is wrong with it.
    """
    if "secrets/" in (folder / "kustomization.yaml").read_text(encoding="utf-8"):
        made = make_missing(folder / "secrets")
        if made:
            tell(f"made {len(made)} secrets in {folder / 'secrets'}, which git does not see")
    try:
        text = render(folder)
    except NotRendered as reason:
        raise DeployProblem(str(reason)) from None
    overlay = Overlay(text, shop(text, folder))
    findings = check(overlay.shop)
    if findings:
        raise DeployProblem("\n".join(["the manifests do not hold:", *map(str, findings)]))
    if left := sorted({each for each in EXAMPLES if each in text}):
        raise DeployProblem(
            f"{folder} still has the examples {', '.join(left)}: put your own values where SET stands"
        )
    return overlay


def place(overlay: Overlay, kubectl: Kubectl, *, is_dry: bool, tell: jobs.Tell) -> None:
    """
    Apply it; ``is_dry`` asks the API server what it would do, and changes nothing.
    """
    _expect_secrets(overlay, kubectl)
    if not is_dry:
        for name in _ended(overlay, kubectl):
            # A Job that is there cannot be changed, and one that has failed would not be tried again.
            kubectl.ask("delete", "job", name, "--ignore-not-found")
            tell(f"cleared away the ended Job {name}")
    how = ("--dry-run=server",) if is_dry else ()
    tell(kubectl.ask("apply", *how, "--filename=-", given=overlay.text).rstrip())


def wait(
    overlay: Overlay, kubectl: Kubectl, *, tell: jobs.Tell, patience: jobs.Patience = _PATIENCE
) -> None:
    """
    Return once all Jobs are done and all pods are of this release and ready.
    """
    names = [job.manifest.name for job in overlay.jobs]
    jobs.wait(names, kubectl, patience, tell=tell)
    for workload in overlay.shop.workloads:
        if not workload.is_job:
            name = f"{workload.manifest.kind.lower()}/{workload.manifest.name}"
            timeout = f"--timeout={patience.whole_s}s"
            kubectl.ask("rollout", "status", name, timeout, within_s=patience.whole_s + 10)
            tell(f"{name} is ready")


def _expect_secrets(overlay: Overlay, kubectl: Kubectl) -> None:
    """
    Without them pods would stand still for a reason that only their events tell.
    """
    if not overlay.shop.expected_secrets:
        return
    there = Node(json.loads(kubectl.ask("get", "secrets", "--output=json")))
    held = {
        each.at("metadata", "name").text: frozenset(each["data"].keys()) for each in there["items"]
    }
    missing = [
        f"{name} with {', '.join(sorted(keys - held.get(name, frozenset())))}"
        for name, keys in overlay.shop.expected_secrets.items()
        if keys - held.get(name, frozenset())
    ]
    if missing:
        raise DeployProblem(
            f"the namespace {kubectl.namespace} lacks Secrets (docs/operations.md): {'; '.join(missing)}"
        )


def _ended(overlay: Overlay, kubectl: Kubectl) -> Iterator[str]:
    wanted = {each.manifest.name for each in overlay.jobs}
    for job in jobs.jobs(kubectl):
        if job.name in wanted and job.has_ended:
            yield job.name
