"""
Prints what the house's distributions need of others, one requirement a line:
``python runtime_requirements.py */pyproject.toml``.

An image holds this much, in the versions of the lock file, and none of the tools that build the
house, which the lock file also pins.
"""

import sys
import tomllib
from collections.abc import Iterator, Sequence
from pathlib import Path

_OWN = "storefront-"
#: The kit's extra that is for tests only.
_NOT_RUN = frozenset({"testing"})


def runtime_requirements(projects: Sequence[Path]) -> list[str]:
    """
    The requirements of all projects and of their extras, each once, without the house's own.
    """
    return sorted(
        {need for project in projects for need in _needs(project) if not need.startswith(_OWN)}
    )


def _needs(project: Path) -> Iterator[str]:
    described = tomllib.loads(project.read_text(encoding="utf-8"))["project"]
    yield from described.get("dependencies", ())
    for extra, needs in described.get("optional-dependencies", {}).items():
        if extra not in _NOT_RUN:
            yield from needs


if __name__ == "__main__":
    print("\n".join(runtime_requirements([Path(name) for name in sys.argv[1:]])))
