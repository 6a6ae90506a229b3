"""
``make k8s-check``: the manifests hold, and each kind of mistake in them is found and named.
"""

import os
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from pydantic import JsonValue

from tests.e2e.k8s_manifests import Change, findings, rendered
from tests.e2e.k8s_mistakes import IN_PRODUCTION, MISTAKES
from tests.e2e.processes import ROOT
from tools.k8s_check import scan
from tools.k8s_check.__main__ import main
from tools.k8s_check.rendering import FOLDER, OVERLAYS, builder, shop


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_the_manifests_hold(overlay: str) -> None:
    """
    Nothing is wrong with an overlay as it stands.
    """
    assert findings(overlay) == []


@pytest.mark.parametrize(("change", "said"), MISTAKES.values(), ids=MISTAKES)
def test_a_mistake_is_found(change: Change, said: str) -> None:
    """
    One wrong value in the local overlay, and the check names it.
    """
    found = findings("local", change)

    assert any(said in each for each in found), found


@pytest.mark.parametrize(("change", "said"), IN_PRODUCTION.values(), ids=IN_PRODUCTION)
def test_a_mistake_in_production_is_found(change: Change, said: str) -> None:
    """
    The same for what only production has: stores elsewhere, expected Secrets, Prometheus.
    """
    found = findings("production", change)

    assert any(said in each for each in found), found


def run_check(*arguments: str, path: str, ci: bool = False) -> subprocess.CompletedProcess[str]:
    """
    ``make k8s-check`` without make, on a machine that has what is on ``path``.
    """
    return subprocess.run(
        [sys.executable, "-m", "tools.k8s_check", *arguments],
        cwd=ROOT,
        env={**os.environ, "PATH": path, "CI": str(ci).lower()},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def test_the_command_fails_with_a_mistake(tmp_path: Path) -> None:
    """
    One mistyped name in a copy of the folder, and the exit code is 1 and the line says where.
    """
    rendered("production")
    copy = tmp_path / "k8s"
    shutil.copytree(FOLDER, copy, ignore=shutil.ignore_patterns("secrets"))
    service = copy / "base" / "pricing-service" / "service.yaml"
    service.write_text(
        service.read_text().replace("name: pricing-service\n    app", "name: price\n    app")
    )

    done = run_check("production", "--folder", str(copy), path=_builder_alone(tmp_path))

    assert done.returncode == 1, done.stderr
    assert "production: Service pricing-service: selects no pod" in done.stdout.splitlines()


def _builder_alone(folder: Path) -> str:
    """
    A PATH with what builds overlays, and without what gives second opinions.
    """
    command = builder()
    assert command is not None
    program = shutil.which(command[0])
    assert program is not None
    found = folder / "bin"
    found.mkdir()
    (found / command[0]).symlink_to(Path(program).resolve())
    return str(found)


def test_a_machine_that_cannot_check_says_so(tmp_path: Path) -> None:
    """
    Without kubectl nothing is checked: that is no success, and whoever asked is told what to install.
    """
    done = run_check(path=str(tmp_path))

    assert done.returncode == 1
    assert "not done: everything: install kubectl or kustomize" in done.stdout


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["produktion"], "there is no overlay produktion in "),
        (["--folder", "nowhere"], "nowhere: "),
    ],
    ids=["overlay", "folder"],
)
def test_what_is_not_there_is_told_in_a_line(
    capsys: pytest.CaptureFixture[str], arguments: list[str], said: str
) -> None:
    """
    An overlay or a folder that there is not is a mistake of whoever asks, and no traceback.
    """
    rendered("production")

    code = main(arguments)

    told = capsys.readouterr()
    assert code == 1
    assert said in told.out + told.err


SAID: list[JsonValue] = [
    {
        "type_meta": {"kind": "Deployment"},
        "object_meta": {"name": "redis"},
        "checks": [
            {
                "check": {"id": "replicas"},
                "grade": 5,
                "skipped": False,
                "comments": [{"summary": "few"}],
            },
            {"check": {"id": "fine"}, "grade": 10, "skipped": False, "comments": None},
            {"check": {"id": "not-asked"}, "grade": 0, "skipped": True, "comments": None},
        ],
    }
]


def test_a_second_opinion_counts_unless_it_is_waived() -> None:
    """
    What kube-score complains about is a finding; a waiver for the object takes it away, one for another does not.
    """
    for_redis = scan.Waiver("replicas", frozenset({"Deployment redis"}), reason="a cache")
    for_another = scan.Waiver("replicas", frozenset({"Deployment postgres"}), reason="none")

    findings, used = scan.judge(SAID, [for_another])
    waived, now_used = scan.judge(SAID, [for_redis, for_another])

    assert [str(each) for each in findings] == ["Deployment redis: kube-score, replicas: few"]
    assert (waived, used, now_used) == ([], set(), {for_redis})


def test_a_waiver_without_a_reason_is_refused(tmp_path: Path) -> None:
    """
    Nothing is waived silently; what stands in the repository has its reasons.
    """
    file = tmp_path / "waivers.yaml"
    file.write_text("waivers: [{test: replicas, objects: [Deployment redis], reason: ' '}]\n")

    with pytest.raises(ValueError, match="replicas is waived without a reason"):
        scan.waivers(file)

    assert scan.waivers(FOLDER / "waivers.yaml")


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_overlays_run_the_release_that_stands_here(overlay: str) -> None:
    """
    A new version is written into the overlays, too: else `make images` builds what nobody runs.
    """
    project = tomllib.loads((ROOT / "api-gateway" / "pyproject.toml").read_text(encoding="utf-8"))
    version = project["project"]["version"]

    images = {
        container.image.rpartition("/storefront/")[2] or container.image
        for workload in shop(rendered(overlay), FOLDER / "overlays" / overlay).workloads
        for container in workload.containers
        if "storefront/" in container.image
    }

    assert {image.rpartition(":")[2] for image in images} == {version}
