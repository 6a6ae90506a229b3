"""
One release of a service: its images are pinned and the same everywhere, its migration is its own, and its pods wait for it.
"""

import re
from collections.abc import Iterator
from typing import Final

from tools.k8s_check.amounts import number
from tools.k8s_check.services import SERVICES
from tools.k8s_check.shop import Finding, Shop
from tools.k8s_check.workloads import VERSION, Workload

_IMAGE: Final = re.compile(
    r"(?:.*/)?[^:@/]+(?::(?P<tag>[\w.-]+))?(?:@(?P<digest>sha256:[0-9a-f]{64}))?"
)
_LABEL: Final = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]{0,61}[A-Za-z0-9])?")
_JOB_NAME_LENGTH: Final = 63


def check(shop: Shop) -> Iterator[Finding]:
    """
    What would run another release than was meant, or before its migration.
    """
    for workload in shop.workloads:
        yield from _pinned(workload)
        if workload.is_job:
            yield from _job(workload)
    for server in shop.servers:
        if server.service in SERVICES:
            yield from _same_image(shop, server)
            yield from _migration(shop, server)


def _tag(image: str) -> str:
    found = _IMAGE.fullmatch(image)
    return (found and found["tag"]) or ""


def _pinned(workload: Workload) -> Iterator[Finding]:
    if not workload.main.name:
        yield Finding(str(workload), "has no container")
    for container in workload.containers:
        tag = _tag(container.image)
        if not tag or tag == "latest":
            what = f"its image, {container.image or 'none'}, must have a tag that stays, and not latest"
            yield Finding(f"{workload}, {container.name}", what)


def _job(job: Workload) -> Iterator[Finding]:
    release = _tag(job.main.image)
    name = job.manifest.name
    if not name.endswith(f"-{release}"):
        what = f"its name must end in -{release}, its image's tag: a Job cannot be changed (k8s/versions)"
        yield Finding(str(job), what)
    if len(name) > _JOB_NAME_LENGTH or not _LABEL.fullmatch(name):
        yield Finding(str(job), "its name cannot be a label of its pods")
    if job.pod["restartPolicy"].text not in {"Never", "OnFailure"}:
        yield Finding(str(job), "its restartPolicy must be Never or OnFailure")
    for bound in ("backoffLimit", "activeDeadlineSeconds", "ttlSecondsAfterFinished"):
        if job.manifest.spec[bound].number is None:
            yield Finding(str(job), f"has no {bound}")


def _same_image(shop: Shop, server: Workload) -> Iterator[Finding]:
    image = server.main.image
    if server.labels.get(VERSION) != _tag(image):
        yield Finding(str(server), f"the label {VERSION} must be its image's tag (k8s/versions)")
    for workload in shop.workloads:
        if workload.service == server.service:
            for container in workload.containers:
                if container.image != image:
                    where = f"{workload}, {container.name}"
                    yield Finding(where, f"runs {container.image}, and its server {image}")


def _migration(shop: Shop, server: Workload) -> Iterator[Finding]:
    jobs = [each for each in shop.workloads if each.is_job and each.service == server.service]
    if not any(_does(each, "migrate") for each in jobs):
        yield Finding(str(server), "no Job migrates its database")
    waits = [
        each
        for each in server.containers
        if each.is_first and _command(each.node["args"].value) == "migrated"
    ]
    if not waits:
        yield Finding(str(server), "its pods do not wait for the migration")
    for each in waits:
        if _within_s(each.node["args"].value) is None:
            what = f"waits for its migration as long as {_within(each.node['args'].value)}, which is no number"
            yield Finding(str(server), what)
    waited_s = max((_within_s(each.node["args"].value) or 0.0 for each in waits), default=0.0)
    if waited_s >= (server.manifest.spec["progressDeadlineSeconds"].number or 600):
        yield Finding(str(server), "gives its update up before its pods give up waiting")


def _does(job: Workload, command: str) -> bool:
    return _command(job.main.node["args"].value) == command


def _command(arguments: object) -> str:
    return str(arguments[0]) if isinstance(arguments, list) and arguments else ""


def _within_s(arguments: object) -> float | None:
    return number(_within(arguments))


def _within(arguments: object) -> str:
    words = [str(each) for each in arguments] if isinstance(arguments, list) else []
    return words[words.index("--within") + 1] if "--within" in words[:-1] else "60"
