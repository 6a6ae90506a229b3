"""
Which Python ``.venv`` is made with, and what is said when there is none.
"""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.e2e.processes import ROOT

OURS = str(Path(sys.base_prefix) / "bin" / "python3")
NEW_ENOUGH = f'#!/bin/sh\nexec "{OURS}" "$@"\n'
TOO_OLD = "#!/bin/sh\nexit 1\n"
WITHOUT_VENV = f'#!/bin/sh\ncase "$*" in *ensurepip*) exit 1;; esac\nexec "{OURS}" "$@"\n'


def find_python(
    folder: Path, pythons: dict[str, str], **variables: str
) -> subprocess.CompletedProcess[str]:
    """
    Runs the script where only these Pythons are on PATH.
    """
    for name, script in pythons.items():
        (folder / name).write_text(script, encoding="utf-8")
        (folder / name).chmod(0o755)
    return subprocess.run(
        ["/bin/sh", ROOT / "tools" / "find-python"],
        env={"PATH": str(folder), **variables},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize(
    "pythons",
    [
        {"python3": NEW_ENOUGH},
        {"python3": TOO_OLD, "python3.12": NEW_ENOUGH},
        {"python3": WITHOUT_VENV, "python3.11": NEW_ENOUGH},
    ],
)
def test_the_first_python_that_will_do_is_found(tmp_path: Path, pythons: dict[str, str]) -> None:
    """
    One that is too old or cannot make environments is passed over.
    """
    found = find_python(tmp_path, pythons)

    assert found.returncode == 0
    assert Path(found.stdout.strip()).samefile(OURS)


def test_the_python_asked_for_is_taken(tmp_path: Path) -> None:
    """
    PYTHON= wins over what is on PATH, and its path may hold spaces.
    """
    folder = tmp_path / "my pythons"
    folder.mkdir()
    chosen = {"other": NEW_ENOUGH, "python3": TOO_OLD}

    found = find_python(folder, chosen, PYTHON=str(folder / "other"))

    assert found.returncode == 0


@pytest.mark.parametrize(
    ("pythons", "python", "said"),
    [
        ({}, "", "Python 3.11 or newer is needed and none is on PATH."),
        ({"python3": TOO_OLD}, "", "Python 3.11 or newer is needed and none is on PATH."),
        ({"python3": WITHOUT_VENV}, "", "apt install python3-venv"),
        ({"python3": NEW_ENOUGH}, "python9", "PYTHON=python9 is not a Python that runs"),
    ],
)
def test_without_a_python_one_line_says_what_to_install(
    tmp_path: Path, pythons: dict[str, str], python: str, said: str
) -> None:
    """
    The line is the only output, on standard error, and the exit code is 1.
    """
    found = find_python(tmp_path, pythons, PYTHON=python)

    assert found.returncode == 1
    assert found.stdout == ""
    (line,) = found.stderr.splitlines()
    assert said in line
