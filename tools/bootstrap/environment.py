"""
The virtual environment and the stamp that says what was installed into it.

The stamp is taken away before an installation starts and written when it has ended,
so an environment without one is half-made and is built anew.
"""

import json
import shutil
import subprocess
import sys
import venv
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Self

from tools.bootstrap.checkout import Checkout, Level


@dataclass(frozen=True, slots=True)
class Stamp:
    """
    What an environment holds, and for which checkout it was made: its scripts name that path.
    """

    level: Level
    root: str
    python: str
    lock: str
    distributions: str

    @classmethod
    def wanted(cls, checkout: Checkout, level: Level, python: str) -> Self:
        """
        The stamp of a finished environment of this level.
        """
        return cls(
            level=level,
            root=str(checkout.root),
            python=python,
            lock=checkout.lock_digest(level),
            distributions=checkout.distributions_digest(),
        )

    @classmethod
    def read(cls, file: Path) -> Self | None:
        """
        The stamp that was written, or None when there is none that can be read.
        """
        try:
            stamp = cls(**json.loads(file.read_text(encoding="utf-8")))
            return replace(stamp, level=Level(stamp.level))
        except (OSError, ValueError, TypeError):
            return None


class Environment:
    """
    A ``.venv`` that may be missing, broken, half-made, out of step or fine.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.python = folder / "bin" / "python"
        self._stamp_file = folder / "storefront-stamp.json"

    def stamp(self) -> Stamp | None:
        """
        What is installed, or None when the environment is not to be trusted.
        """
        return Stamp.read(self._stamp_file)

    def set_stamp(self, stamp: Stamp) -> None:
        """
        Says that the installation has ended well.
        """
        self._stamp_file.write_text(json.dumps(asdict(stamp), indent=2), encoding="utf-8")

    def clear_stamp(self) -> None:
        """
        Says that an installation is under way.
        """
        self._stamp_file.unlink(missing_ok=True)

    def python_version(self) -> str | None:
        """
        The version (``3.11``) of the environment's Python; None when it does not run there any more.
        """
        ask = "import sys; print(sys.prefix); print('%d.%d' % sys.version_info[:2])"
        try:
            answer = subprocess.run(
                [self.python, "-I", "-c", ask], capture_output=True, text=True, check=True
            )
        except (OSError, subprocess.CalledProcessError):
            return None
        prefix, version = answer.stdout.splitlines()
        return version if Path(prefix).resolve() == self.folder.resolve() else None

    def rebuild(self) -> None:
        """
        An empty environment of the Python that runs this, whatever stood there before.
        """
        if self.folder.is_symlink() or self.folder.is_file():
            self.folder.unlink()
        elif self.folder.exists():
            shutil.rmtree(self.folder)
        venv.create(self.folder, with_pip=True, symlinks=sys.platform != "win32")
