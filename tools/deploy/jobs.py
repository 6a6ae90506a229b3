"""
Waits for what runs once: until it is done or has failed for good, with each try that fails told at once.
"""

import json
import time
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from typing import Final

from tools.deploy.errors import DeployProblem
from tools.deploy.kubectl import Kubectl
from tools.k8s_check.manifests import Node

_LOG_LINES: Final = 20

Tell = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Patience:
    """
    How long a release may take to be there, and how often is looked, in seconds.
    """

    whole_s: int = 900
    look_every_s: float = 2.0


@dataclass(frozen=True, slots=True)
class Job:
    """
    A Job as the cluster tells it; ``failures`` are its tries that came to nothing.
    """

    name: str
    failures: int
    is_done: bool
    has_failed: bool

    @property
    def has_ended(self) -> bool:
        """
        Whether it will not go on by itself.
        """
        return self.is_done or self.has_failed


def jobs(kubectl: Kubectl) -> Iterator[Job]:
    """
    All that there are.
    """
    there = Node(json.loads(kubectl.ask("get", "jobs", "--output=json")))
    for job in there["items"]:
        held = {
            each["type"].text
            for each in job.at("status", "conditions")
            if each["status"].text == "True"
        }
        yield Job(
            job.at("metadata", "name").text,
            job.at("status", "failed").number or 0,
            "Complete" in held,
            "Failed" in held,
        )


def wait(names: Collection[str], kubectl: Kubectl, patience: Patience, *, tell: Tell) -> None:
    """
    Return once all are done; tries that fail are told. Raises ``DeployProblem`` where one has failed for good.
    """
    until = time.monotonic() + patience.whole_s
    left = dict.fromkeys(names, 0)
    while True:
        for job in jobs(kubectl):
            if job.name in left:
                _look(job, kubectl, left, tell)
        if not left:
            return
        if time.monotonic() > until:
            raise DeployProblem(f"took more than {patience.whole_s} s: {', '.join(sorted(left))}")
        time.sleep(patience.look_every_s)


def _look(job: Job, kubectl: Kubectl, left: dict[str, int], tell: Tell) -> None:
    if job.has_failed:
        raise DeployProblem(f"job/{job.name} has failed:\n{_log(job, kubectl)}")
    if job.is_done:
        tell(f"job/{job.name} is done")
        del left[job.name]
    elif job.failures > left[job.name]:
        left[job.name] = job.failures
        tell(f"job/{job.name} is tried again after failure {job.failures}:\n{_log(job, kubectl)}")


def _log(job: Job, kubectl: Kubectl) -> str:
    try:
        return kubectl.ask("logs", f"job/{job.name}", f"--tail={_LOG_LINES}").rstrip()
    except DeployProblem as problem:
        # One that took too long has no pod any more, and that it failed must be told all the same.
        return f"its log cannot be read: {problem}"
