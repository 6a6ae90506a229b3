"""
``.github/workflows/ci.yml`` does what ``.ci/run`` does, asks for no rights, and runs what stands in the Makefile.
"""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
WORKFLOW = ROOT / ".github" / "workflows" / "ci.yml"
PINNED = re.compile(r"[\w-]+/[\w-]+@[0-9a-f]{40}")
TARGET = re.compile(r"\bmake ([a-z0-9-]+)")

Job = Mapping[str, Any]


@pytest.fixture(scope="module")
def jobs() -> Mapping[str, Job]:
    """
    The jobs, by name.
    """
    found: Mapping[str, Job] = yaml.safe_load(WORKFLOW.read_text(encoding="utf-8"))["jobs"]
    return found


def steps(jobs: Mapping[str, Job]) -> Iterator[Mapping[str, Any]]:
    """
    Each step of each job.
    """
    for job in jobs.values():
        yield from job["steps"]


def test_people_and_machines_run_the_same_checks(jobs: Mapping[str, Job]) -> None:
    """
    All that a desk checks is checked by the same command.
    """
    assert any("./.ci/run" in step.get("run", "") for step in jobs["checks"]["steps"])


def test_what_others_wrote_is_named_by_its_hash(jobs: Mapping[str, Job]) -> None:
    """
    A tag can be moved by whoever owns it; a commit cannot.
    """
    used = [step["uses"] for step in steps(jobs) if "uses" in step]

    assert used
    assert [one for one in used if not PINNED.fullmatch(one)] == []


def test_a_run_may_read_and_no_more(jobs: Mapping[str, Job]) -> None:
    """
    No job asks for more rights than the workflow has, none keeps its token in the checkout, and each ends.
    """
    workflow = yaml.safe_load(WORKFLOW.read_text(encoding="utf-8"))

    assert workflow["permissions"] == {"contents": "read"}
    assert not any("permissions" in job for job in jobs.values())
    assert all("timeout-minutes" in job for job in jobs.values())
    checkouts = [step for step in steps(jobs) if "actions/checkout" in step.get("uses", "")]
    assert all(step["with"]["persist-credentials"] is False for step in checkouts)


def test_what_it_runs_stands_in_the_makefile(jobs: Mapping[str, Job]) -> None:
    """
    Each ``make`` is of a target that there is.
    """
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    asked = {target for step in steps(jobs) for target in TARGET.findall(step.get("run", ""))}

    missing = {target for target in asked if not re.search(rf"^{target}:", makefile, re.MULTILINE)}

    assert {"images", "up", "smoke", "rolling", "k8s-check", "observability-check"} <= asked
    assert missing == set()
