"""
What the checkout asks of its environment: the lock files and the house's own distributions.
"""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path


class Level(StrEnum):
    """
    How much is installed: what the services need, or also what tests and checks need.
    """

    RUN = "run"
    DEV = "dev"

    def includes(self, other: "Level") -> bool:
        """
        Whether an environment of this level serves one who asks for the other.
        """
        return self is Level.DEV or other is Level.RUN


@dataclass(frozen=True, slots=True)
class Checkout:
    """
    A folder that holds the house, wherever it was cloned to.
    """

    root: Path

    @property
    def environment(self) -> Path:
        """
        Where the virtual environment stands.
        """
        return self.root / ".venv"

    def lock_file(self, level: Level) -> Path:
        """
        The pinned packages of a level.
        """
        name = "requirements.lock" if level is Level.RUN else "requirements-dev.lock"
        return self.root / name

    def distributions(self) -> tuple[Path, ...]:
        """
        The house's own packages: every folder with a ``pyproject.toml`` and a ``src/``.
        """
        return tuple(
            project.parent
            for project in sorted(self.root.glob("*/pyproject.toml"))
            if (project.parent / "src").is_dir()
        )

    def lock_digest(self, level: Level) -> str:
        """
        Changes when a pinned package of the level does.
        """
        return _digest([self.lock_file(level)])

    def distributions_digest(self) -> str:
        """
        Changes when a distribution comes, goes or is described differently.
        """
        return _digest(folder / "pyproject.toml" for folder in self.distributions())


def _digest(files: Iterable[Path]) -> str:
    digest = hashlib.sha256()
    for file in files:
        digest.update(f"{file.parent.name}/{file.name}\n".encode())
        digest.update(file.read_bytes())
    return digest.hexdigest()
