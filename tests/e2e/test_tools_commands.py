"""
``make`` by itself, and what continuous integration runs.
"""

import os
import re
import subprocess
from pathlib import Path

import pytest

from tests.e2e.processes import ROOT


def test_bare_make_lists_every_command_that_exists() -> None:
    """
    Each target that a person calls is explained, and none is listed that is not there.
    """
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    phony = re.search(r"^\.PHONY: (.*)$", makefile, flags=re.MULTILINE)
    assert phony is not None

    shown = subprocess.run(["make"], cwd=ROOT, capture_output=True, text=True, check=True).stdout

    listed = set(re.findall(r"^  make (\S+) +\S", shown, flags=re.MULTILINE))
    assert listed == set(phony[1].split()) - {"help", "for-run", "for-dev"}
    assert {"demo", "test", "check", "lock"} <= listed


def run_ci(folder: Path, *, output: str, exit_code: int) -> subprocess.CompletedProcess[str]:
    """
    ``.ci/run`` with a make that prints and ends as told.
    """
    script = f"#!/bin/sh\nprintf '%s\\n' \"$*\" \"CI=$CI\" '{output}'\nexit {exit_code}\n"
    (folder / "make").write_text(script, encoding="utf-8")
    (folder / "make").chmod(0o755)
    return subprocess.run(
        [ROOT / ".ci" / "run"],
        env={**os.environ, "PATH": f"{folder}:{os.environ['PATH']}"},
        capture_output=True,
        text=True,
        check=False,
    )


def test_continuous_integration_runs_make_check(tmp_path: Path) -> None:
    """
    It says so to the tools by CI=true and ends with pytest's closing line.
    """
    done = run_ci(tmp_path, output="412 passed, 3 skipped in 71.20s (0:01:11)", exit_code=0)

    assert done.returncode == 0
    assert done.stdout.splitlines()[:2] == ["check", "CI=true"]
    assert done.stdout.splitlines()[-1] == "412 passed, 3 skipped in 71.20s (0:01:11)"


@pytest.mark.parametrize(
    ("output", "exit_code"),
    [
        ("412 passed in 71.20s", 2),
        ("1 failed, 411 passed in 71.20s", 1),
        ("no tests ran in 0.01s", 0),
        ("12 skipped in 0.31s", 0),
        ("3 deselected in 0.31s", 0),
        ("", 0),
    ],
)
def test_continuous_integration_fails_with_a_check_or_without_tests(
    tmp_path: Path, output: str, exit_code: int
) -> None:
    """
    A run that tested nothing is no success.
    """
    assert run_ci(tmp_path, output=output, exit_code=exit_code).returncode == (exit_code or 1)
