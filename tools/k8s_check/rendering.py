"""
Builds an overlay as ``kubectl apply -k`` would, by kubectl or kustomize, whichever is there.
"""

import shutil
import subprocess
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from pydantic import TypeAdapter

from tools.k8s_check.local_secrets import make_missing
from tools.k8s_check.manifests import Manifests, read
from tools.k8s_check.shop import Shop

FOLDER: Final = Path(__file__).resolve().parents[2] / "k8s"
OVERLAYS: Final = ("local", "production")
_BUILDERS: Final = (("kustomize", "build"), ("kubectl", "kustomize"))
_WITHIN_S: Final = 120
_EXPECTED: Final = TypeAdapter(Mapping[str, frozenset[str]])


class NotRendered(Exception):
    """
    The overlay cannot be built; the message says why, in the builder's words.
    """


def builder() -> tuple[str, ...] | None:
    """
    The command that builds a folder; None where this machine has none.
    """
    return next((command for command in _BUILDERS if shutil.which(command[0])), None)


def render(overlay: Path) -> str:
    """
    The YAML of an overlay's folder. Raises ``NotRendered``.
    """
    command = builder()
    if command is None:
        raise NotRendered("neither kustomize nor kubectl is here")
    try:
        done = subprocess.run(
            [*command, str(overlay)],
            capture_output=True,
            text=True,
            timeout=_WITHIN_S,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise NotRendered(f"{command[0]} took more than {_WITHIN_S} s") from None
    if done.returncode != 0:
        raise NotRendered(done.stderr.strip())
    return done.stdout


def render_copy(name: str, folder: Path = FOLDER) -> str:
    """
    The YAML of an overlay with secrets that are made for this and forgotten: nobody's own are read.
    """
    if not (folder / "overlays" / name / "kustomization.yaml").is_file():
        raise NotRendered(f"there is no overlay {name} in {folder / 'overlays'}")
    with tempfile.TemporaryDirectory() as scratch:
        copy = Path(scratch) / "k8s"
        shutil.copytree(folder, copy, ignore=shutil.ignore_patterns("secrets"))
        overlay = copy / "overlays" / name
        if "secrets/" in (overlay / "kustomization.yaml").read_text(encoding="utf-8"):
            make_missing(overlay / "secrets")
        return render(overlay)


def shop(text: str, overlay: Path) -> Shop:
    """
    What the rules look at: the objects, and what the overlay's ``expects.yaml`` says is there before them.
    """
    return Shop(Manifests(read(text)), expected_secrets(overlay))


def expected_secrets(overlay: Path) -> Mapping[str, frozenset[str]]:
    """
    Secrets with their keys that must be in the namespace already.
    """
    file = overlay / "expects.yaml"
    if not file.is_file():
        return {}
    (document,) = read(file.read_text(encoding="utf-8"))
    return _EXPECTED.validate_python(document.get("secrets", {}))
