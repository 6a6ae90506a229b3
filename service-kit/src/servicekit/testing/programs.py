"""
A service's commands, run as an operator runs them.
"""

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path


def run_command(
    package: str, command: str, env: Mapping[str, str], folder: Path, typed: str = ""
) -> "subprocess.CompletedProcess[str]":
    """
    ``python -m package command``, run to its end in ``folder``, where ``typed`` is typed.
    """
    return subprocess.run(  # noqa: S603 - a test's own words
        [sys.executable, "-m", package, command],
        env={**os.environ, **env},
        cwd=folder,
        input=typed,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
