"""
A service's commands, run as an operator runs them.
"""

import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO, Final

from servicekit.testing.warm import WarmProcess, can_be_warm

_WITHIN_S: Final = 60.0


def run_command(
    package: str, command: str, env: Mapping[str, str], folder: Path, typed: str = ""
) -> "subprocess.CompletedProcess[str]":
    """
    ``python -m package command``, run to its end in ``folder``, where ``typed`` is typed.
    """
    argv = [sys.executable, "-m", package, command]
    return run_program(argv, env, folder, typed)


def run_program(
    argv: Sequence[str], env: Mapping[str, str], folder: Path, typed: str = ""
) -> "subprocess.CompletedProcess[str]":
    """
    A Python program, run to its end in ``folder``; its imports are done where that can be.
    """
    environment = {**os.environ, **env}
    if not can_be_warm(argv, environment):
        return subprocess.run(  # noqa: S603 - a test's own words
            argv,
            env=environment,
            cwd=folder,
            input=typed,
            capture_output=True,
            text=True,
            timeout=_WITHIN_S,
            check=False,
        )
    with TemporaryFile("w+") as stdin, TemporaryFile("w+") as stdout, TemporaryFile("w+") as stderr:
        stdin.write(typed)
        stdin.seek(0)
        process = WarmProcess(
            argv,
            env=environment,
            folder=folder,
            stdin=stdin.fileno(),
            stdout=stdout.fileno(),
            stderr=stderr.fileno(),
        )
        code = process.wait(_WITHIN_S)
        said = [_all_of(stdout), _all_of(stderr)]
    return subprocess.CompletedProcess(list(argv), code, *said)


def _all_of(file: IO[str]) -> str:
    file.seek(0)
    return file.read()
