"""
The demo's secrets: made once by the system's random source, then kept in a file of the owner only.
"""

import json
import os
import secrets
from collections.abc import Iterable, Mapping
from pathlib import Path

from tools.demo.settings import DemoProblem


class DemoSecrets:
    """
    Secrets by name, such as ``password/shopper``.
    """

    def __init__(self, values: Mapping[str, str]) -> None:
        self._values = values

    def __getitem__(self, name: str) -> str:
        return self._values[name]

    def below(self, prefix: str) -> dict[str, str]:
        """
        All secrets of one kind: ``below("client/")`` gives client ids and their secrets.
        """
        return {
            name.removeprefix(prefix): value
            for name, value in self._values.items()
            if name.startswith(prefix)
        }


def load_or_make(file: Path, names: Iterable[str]) -> DemoSecrets:
    """
    The secrets in the file; those it lacks are made and written to it.
    """
    kept = _read(file)
    values = {name: kept.get(name) or secrets.token_urlsafe(32) for name in names}
    if not values.items() <= kept.items():
        _write(file, {**kept, **values})
    file.chmod(0o600)
    return DemoSecrets(values)


def _read(file: Path) -> dict[str, str]:
    try:
        values = json.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except ValueError:
        values = None
    if isinstance(values, dict) and all(isinstance(value, str) for value in values.values()):
        return values
    raise DemoProblem(f"{file} is damaged. `make clean-data` starts the demo anew.")


def _write(file: Path, values: Mapping[str, str]) -> None:
    unfinished = file.with_suffix(".new")
    unfinished.unlink(missing_ok=True)
    descriptor = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as stream:
        json.dump(values, stream, indent=2, sort_keys=True)
        stream.flush()
        os.fsync(stream.fileno())
    unfinished.replace(file)
