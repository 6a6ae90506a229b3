"""
Installs what the lock files pin: by uv, which is itself pinned there, else by pip.

Every package is checked against the lock's hashes, whoever installs it.
"""

import os
import re
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path

from tools.bootstrap.checkout import Checkout, Level
from tools.bootstrap.environment import Environment

# Of pip only: where uv cannot reach an index, pip may, since people configure pip for their proxies.
_PIP_FOUND_NO_WAY = "Retrying ("


class InstallationFailed(Exception):
    """
    An installer ended badly; carries what it printed.
    """

    def __init__(self, output: str) -> None:
        super().__init__(output)
        self.output = output

    @property
    def is_network(self) -> bool:
        """
        Whether pip could not reach the package index, which no other installer would mend.
        """
        return _PIP_FOUND_NO_WAY in self.output


class Uv:
    """
    The quick one: also takes away what the lock no longer names.
    """

    name = "uv"

    def __init__(self, checkout: Checkout, environment: Environment) -> None:
        self._checkout = checkout
        self._environment = environment

    def install_locked(self, level: Level) -> None:
        """
        Makes the environment hold exactly the level's packages.
        """
        lock = self._checkout.lock_file(level)
        self._install_uv(pinned(lock.read_text(encoding="utf-8"), "uv"))
        self._uv("sync", "--require-hashes", str(lock))

    def install_distributions(self) -> None:
        """
        Makes the house's own packages importable from where they stand.
        """
        editable = _editable(self._checkout.distributions())
        self._uv("install", "--no-deps", "--no-build-isolation", *editable)

    def _install_uv(self, requirement: str) -> None:
        if not (self._environment.folder / "bin" / "uv").exists():
            _pip_install(self._environment, requirement, "--only-binary=:all:")

    def _uv(self, command: str, *arguments: str) -> None:
        python = str(self._environment.python)
        uv = [python, "-I", "-m", "uv", "pip", command, "--quiet", "--python", python]
        _run([*uv, *arguments])


class Pip:
    """
    The fallback: slower, and needs nothing but what Python brings along.
    """

    name = "pip"

    def __init__(self, checkout: Checkout, environment: Environment) -> None:
        self._checkout = checkout
        self._environment = environment

    def install_locked(self, level: Level) -> None:
        """
        Makes the environment hold the level's packages, except uv, which may not exist here.
        """
        lock = self._checkout.lock_file(level).read_text(encoding="utf-8")
        _pip_install(self._environment, without(lock, "uv"))

    def install_distributions(self) -> None:
        """
        Makes the house's own packages importable from where they stand.
        """
        editable = _editable(self._checkout.distributions())
        _pip(self._environment, "--no-deps", "--no-build-isolation", *editable)


def pinned(lock: str, package: str) -> str:
    """
    The lines of a lock file that pin one package, with its hashes.
    """
    return "".join(block for block in _blocks(lock) if block.startswith(f"{package}=="))


def without(lock: str, package: str) -> str:
    """
    A lock file without one package.
    """
    return "".join(block for block in _blocks(lock) if not block.startswith(f"{package}=="))


def _blocks(lock: str) -> list[str]:
    return re.findall(r"^[^\s#][^\n]*\n(?:[ \t]+[^\n]*\n)*", lock, flags=re.MULTILINE)


def _editable(folders: Sequence[Path]) -> list[str]:
    return [argument for folder in folders for argument in ("--editable", str(folder))]


def _pip_install(environment: Environment, requirements: str, *options: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "requirements.txt"
        file.write_text(requirements, encoding="utf-8")
        _pip(environment, "--require-hashes", "--no-deps", *options, "-r", str(file))


def _pip(environment: Environment, *arguments: str) -> None:
    quiet = ["--quiet", "--no-input", "--disable-pip-version-check"]
    _run([str(environment.python), "-I", "-m", "pip", "install", *quiet, *arguments])


def _run(command: Sequence[str]) -> None:
    # A user-wide pip configuration must not send packages out of the environment.
    variables = {**os.environ, "PIP_USER": "0"}
    done = subprocess.run(command, env=variables, capture_output=True, text=True, check=False)
    if done.returncode:
        raise InstallationFailed(done.stdout + done.stderr)
