"""
How ``.venv`` is made and kept in step, in a small checkout with packages of its own.

No network is needed: pip takes the packages from a folder, and the ``uv`` that the lock
pins there only notes how it was called.
"""

import hashlib
import os
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.e2e.processes import ROOT, free_base
from tools.bootstrap.checkout import Checkout, Level
from tools.bootstrap.environment import Environment, Stamp

UV = "import os, sys\nopen(os.environ['UV_NOTES'], 'a').write(' '.join(sys.argv[1:]) + '\\n')\nsys.exit(int(os.environ.get('UV_EXIT', 0)))\n"


class SmallCheckout:
    """
    A copy of the tools with lock files that pin ``toy``, ``toydev`` and a made-up ``uv``.
    """

    def __init__(self, root: Path, packages: Path) -> None:
        self.root = root
        self.packages = packages
        shutil.copytree(ROOT / "tools", root / "tools", ignore=shutil.ignore_patterns("__pyc*"))
        run = pin(packages, "toy", {"toy.py": ""}) + pin(packages, "uv", {"uv/__main__.py": UV})
        (root / "requirements.lock").write_text(run, encoding="utf-8")
        dev = run + pin(packages, "toydev", {"toydev.py": ""})
        (root / "requirements-dev.lock").write_text(dev, encoding="utf-8")

    def start(self, level: str, **variables: str) -> subprocess.Popen[str]:
        """
        Starts the bootstrap without waiting for it.
        """
        given = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
        offline = {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(self.packages)}
        notes = {"UV_NOTES": str(self.packages / "notes")}
        return subprocess.Popen(
            [Path(sys.base_prefix) / "bin" / "python3", "-m", "tools.bootstrap", level],
            cwd=self.root,
            env={**given, **offline, **notes, **variables},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def bootstrap(self, level: str, **variables: str) -> tuple[int, str]:
        """
        The exit code and the output.
        """
        process = self.start(level, **variables)
        output, _ = process.communicate(timeout=120)
        return process.returncode, output

    def can_import(self, module: str) -> bool:
        """
        Whether the environment has the module.
        """
        python = self.root / ".venv" / "bin" / "python"
        done = subprocess.run([python, "-c", f"import {module}"], capture_output=True, check=False)
        return done.returncode == 0


def pin(packages: Path, name: str, modules: dict[str, str]) -> str:
    """
    Makes a wheel in the folder; returns the line that pins it.
    """
    dist = f"{name}-1.0.dist-info"
    files = {
        **modules,
        f"{dist}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n",
        f"{dist}/WHEEL": "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    record = "".join(f"{file},,\n" for file in [*files, f"{dist}/RECORD"])
    wheel = packages / f"{name}-1.0-py3-none-any.whl"
    packages.mkdir(exist_ok=True)
    with zipfile.ZipFile(wheel, "w") as archive:
        for file, content in {**files, f"{dist}/RECORD": record}.items():
            archive.writestr(file, content)
    digest = hashlib.sha256(wheel.read_bytes()).hexdigest()
    return f"{name}==1.0 \\\n    --hash=sha256:{digest}\n"


@pytest.fixture
def checkout(tmp_path: Path) -> SmallCheckout:
    """
    A fresh clone, in a folder with a space in its name.
    """
    root = tmp_path / "my clone"
    root.mkdir()
    return SmallCheckout(root, tmp_path / "packages")


def test_an_environment_is_made_once_extended_and_made_anew_when_it_must_be(
    checkout: SmallCheckout, tmp_path: Path
) -> None:
    """
    Two makes at once do not meet; then nothing is done without need, and all when half-made or moved.
    """
    first, second = (checkout.start("run", BOOTSTRAP_INSTALLER="pip") for _ in range(2))
    outputs = [process.communicate(timeout=120)[0] for process in (first, second)]
    assert first.returncode == second.returncode == 0
    assert "".join(outputs).count("Making .venv") == 1
    assert checkout.can_import("toy")
    assert not checkout.can_import("toydev")

    assert checkout.bootstrap("run") == (0, "")

    _, output = checkout.bootstrap("dev", BOOTSTRAP_INSTALLER="pip")
    assert "Installing requirements-dev.lock by pip" in output
    assert "Making" not in output
    assert checkout.can_import("toydev")
    assert checkout.bootstrap("run") == (0, ""), "what tests need includes what services need"

    moved = checkout.root.rename(tmp_path / "moved")
    checkout.root = moved
    _, output = checkout.bootstrap("run", BOOTSTRAP_INSTALLER="pip")
    assert "Making .venv" in output
    assert checkout.can_import("toy")


def test_uv_installs_and_pip_stands_in_when_it_cannot(checkout: SmallCheckout) -> None:
    """
    Uv comes from the lock; its failure is told, and the environment is ready all the same.
    """
    code, output = checkout.bootstrap("run", UV_EXIT="3")

    assert code == 0
    assert "uv could not do it, trying pip" in output
    assert checkout.can_import("toy")
    notes = (checkout.packages / "notes").read_text(encoding="utf-8")
    lock = checkout.root / "requirements.lock"
    python = checkout.root / ".venv" / "bin" / "python"
    assert notes == f"pip sync --quiet --python {python} --require-hashes {lock}\n"


def test_a_package_with_another_content_is_refused(checkout: SmallCheckout) -> None:
    """
    What does not match its hash is not installed, and the half-made environment is not trusted.
    """
    checkout.bootstrap("run", BOOTSTRAP_INSTALLER="pip")
    pin(checkout.packages, "toydev", {"toydev.py": "print('not what was locked')"})

    code, output = checkout.bootstrap("dev", BOOTSTRAP_INSTALLER="pip")

    assert code == 1
    assert "DO NOT MATCH THE HASHES" in output
    assert not checkout.can_import("toydev")
    assert Environment(checkout.root / ".venv").stamp() is None


def test_without_a_network_one_line_says_so(checkout: SmallCheckout) -> None:
    """
    Pages of pip's retries are not shown.
    """
    nowhere = f"http://127.0.0.1:{free_base()}/simple"
    offline = {"PIP_NO_INDEX": "0", "PIP_FIND_LINKS": "", "PIP_RETRIES": "1"}

    code, output = checkout.bootstrap("run", **offline, PIP_INDEX_URL=nowhere)

    assert code == 1
    assert output.splitlines()[-1].startswith("The packages could not be downloaded: no way")
    assert "Traceback" not in output


@contextmanager
def bare_environment(folder: Path) -> Iterator[Environment]:
    """
    An environment without pip, which is made in no time.
    """
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", folder], check=True)
    yield Environment(folder)


def test_an_environment_is_trusted_only_where_it_was_made(tmp_path: Path) -> None:
    """
    One whose Python is gone or that stands elsewhere tells no version.
    """
    with bare_environment(tmp_path / "venv") as environment:
        here = f"{sys.version_info.major}.{sys.version_info.minor}"
        assert environment.python_version() == here
        (tmp_path / "venv" / "bin" / "python").unlink()
        assert environment.python_version() is None


@pytest.mark.parametrize("content", ["", "{", "[]", '{"level": "run"}'])
def test_a_damaged_stamp_is_no_stamp(tmp_path: Path, content: str) -> None:
    """
    What cannot be read is treated as half-made.
    """
    (tmp_path / "stamp").write_text(content, encoding="utf-8")

    assert Stamp.read(tmp_path / "stamp") is None


def test_a_stamp_changes_with_locks_and_distributions(tmp_path: Path) -> None:
    """
    A new package, a new distribution or a changed one brings the environment out of step.
    """
    checkout = Checkout(tmp_path)
    lock = tmp_path / "requirements.lock"
    lock.write_text("a", encoding="utf-8")
    stamps = [Stamp.wanted(checkout, Level.RUN, "3.11")]

    lock.write_text("b", encoding="utf-8")
    stamps.append(Stamp.wanted(checkout, Level.RUN, "3.11"))
    (tmp_path / "kit" / "src").mkdir(parents=True)
    (tmp_path / "kit" / "pyproject.toml").write_text("[project]", encoding="utf-8")
    stamps.append(Stamp.wanted(checkout, Level.RUN, "3.11"))
    (tmp_path / "kit" / "pyproject.toml").write_text("[project]\n", encoding="utf-8")
    stamps.append(Stamp.wanted(checkout, Level.RUN, "3.11"))

    assert len(set(stamps)) == 4
    assert checkout.distributions() == (tmp_path / "kit",)


def test_the_houses_distributions_are_found() -> None:
    """
    Every folder with a pyproject and a src is one; nothing else is.
    """
    names = {folder.name for folder in Checkout(ROOT).distributions()}

    assert {"service-kit", "identity-service"} <= names
    assert not names & {"tools", "tests", "docs", "bench"}
