"""
Remembers how each database was prepared, so that the next start need not do it again.

A service is prepared anew when its code or the kit's, its settings, its secrets or its
database file are not what they were. What changed inside the database does not count:
it is the user's.
"""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path


class Prepared:
    """
    Fingerprints by service, in a file.
    """

    def __init__(self, file: Path) -> None:
        self._file = file

    def has(self, service: str, current: str | None) -> bool:
        """
        Whether the service was last prepared as it would be now.
        """
        return current is not None and self._read().get(service) == current

    def remember(self, service: str, current: str | None) -> None:
        """
        Says that the service's preparations have all ended well.
        """
        content = json.dumps({**self._read(), service: current}, indent=2)
        self._file.write_text(content, encoding="utf-8")

    def _read(self) -> dict[str, str | None]:
        try:
            kept = json.loads(self._file.read_text(encoding="utf-8"))
        except (FileNotFoundError, ValueError):
            return {}
        return kept if isinstance(kept, dict) else {}


def fingerprint(
    sources: tuple[Path, ...], environment: Mapping[str, str], database: Path
) -> str | None:
    """
    Changes with what a preparation depends on; None while there is no database. Tells no secret.
    """
    try:
        identity = database.stat().st_ino
    except FileNotFoundError:
        return None
    digest = hashlib.sha256(json.dumps([identity, sorted(environment.items())]).encode())
    for source in sources:
        for file in sorted(source.rglob("*.py")):
            digest.update(f"{file}\n".encode())
            digest.update(file.read_bytes())
    return digest.hexdigest()
