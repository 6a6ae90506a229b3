"""
Where the files of ``observability/`` stand, and the dashboards' among them.
"""

from pathlib import Path
from typing import Final

from tools.observability.boards import ALL
from tools.observability.grafana import text_of

ROOT: Final = Path(__file__).resolve().parents[2]
FOLDER: Final = ROOT / "observability"
DASHBOARDS: Final = FOLDER / "grafana" / "dashboards"


def write() -> list[Path]:
    """
    Write every dashboard; returns the files that were not so before.
    """
    changed = stale()
    for path in changed:
        path.write_text(_texts()[path], encoding="utf-8")
    return changed


def stale() -> list[Path]:
    """
    The dashboards' files that are not what the tables say.
    """
    return [
        path
        for path, text in _texts().items()
        if not path.exists() or path.read_text(encoding="utf-8") != text
    ]


def _texts() -> dict[Path, str]:
    return {DASHBOARDS / f"{one.name}.json": text_of(one) for one in ALL}
