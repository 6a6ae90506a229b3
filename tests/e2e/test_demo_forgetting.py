"""
``make clean-data``: forgets what the demo has stored, but not under its feet.
"""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.e2e.processes import ROOT
from tools.demo.instance import forget, only_instance
from tools.demo.settings import DemoProblem


def test_everything_stored_is_removed(tmp_path: Path) -> None:
    """
    Nothing of ``.data`` is left, and a second time there is nothing to complain about.
    """
    demo = tmp_path / ".data" / "demo"
    demo.mkdir(parents=True)
    (demo / "identity_service.db").touch()

    forget(tmp_path / ".data", demo)
    forget(tmp_path / ".data", demo)

    assert not (tmp_path / ".data").exists()


def test_what_other_tools_stored_is_removed_without_a_demo(tmp_path: Path) -> None:
    """
    ``.data`` goes even if no demo ever ran.
    """
    (tmp_path / ".data").mkdir()
    (tmp_path / ".data" / "other.db").touch()

    forget(tmp_path / ".data", tmp_path / ".data" / "demo")

    assert not (tmp_path / ".data").exists()


def test_a_running_demo_keeps_its_data(tmp_path: Path) -> None:
    """
    While a demo runs, forgetting is refused with its process named.
    """
    demo = tmp_path / ".data" / "demo"
    demo.mkdir(parents=True)

    with (
        only_instance(demo),
        pytest.raises(DemoProblem, match=r"running already \(process \d"),
    ):
        forget(tmp_path / ".data", demo)

    assert demo.exists()


def run_command(checkout: Path, command: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """
    The demo's command line in a checkout that holds nothing but the tools.
    """
    shutil.copytree(ROOT / "tools", checkout / "tools", ignore=shutil.ignore_patterns("__pyc*"))
    return subprocess.run(
        [sys.executable, "-m", "tools.demo", command],
        cwd=checkout,
        env=variables,
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_command_forgets_the_data_of_its_checkout_only(tmp_path: Path) -> None:
    """
    ``.data`` of the checkout goes; a folder that DEMO_DATA_DIR names elsewhere is never removed.
    """
    checkout, elsewhere = tmp_path / "checkout", tmp_path / "elsewhere"
    (checkout / ".data" / "demo").mkdir(parents=True)
    elsewhere.mkdir()

    done = run_command(checkout, "clean", DEMO_DATA_DIR=str(elsewhere))

    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert not (checkout / ".data").exists()
    assert elsewhere.exists()


def test_the_command_tells_a_problem_in_one_line(tmp_path: Path) -> None:
    """
    What a user can mend comes without a traceback, and the exit code is 1.
    """
    done = run_command(tmp_path, "run", DEMO_PORT_BASE="http")

    assert done.returncode == 1
    (line,) = done.stderr.splitlines()
    assert line.startswith("DEMO_PORT_BASE must be a number")
