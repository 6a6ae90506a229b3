"""
Has what stands in ``observability/`` looked at by those who will read it: promtool for Prometheus' rules and
their tests, the collector for its own file. What is not installed is said.
"""

import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from tools.observability import files

#: Beyond what any of them needs: a look takes a second or two.
PATIENCE_S: Final = 300.0


@dataclass(frozen=True, slots=True)
class Look:
    """
    A command that reads some of the files, from the repository's root; ``mend`` says how one comes by it.
    """

    what: str
    command: tuple[str, ...]
    mend: str


def looks() -> list[Look]:
    """
    All of them.
    """
    promtool = "install promtool (Debian: prometheus), or take it from the image prom/prometheus"
    prometheus = "observability/prometheus"
    rules = [*_names(f"{prometheus}/rules")]
    tests = [*_names(f"{prometheus}/tests")]
    return [
        Look(
            "Prometheus' configuration",
            ("promtool", "check", "config", f"{prometheus}/prometheus.yml"),
            promtool,
        ),
        Look("the rules", ("promtool", "check", "rules", "--lint=all", *rules), promtool),
        Look("the alarms' tests", ("promtool", "test", "rules", *tests), promtool),
        Look(
            "the collector's configuration",
            ("otelcol-contrib", "validate", "--config=observability/collector.yaml"),
            "install otelcol-contrib, or take it from the image otel/opentelemetry-collector-contrib",
        ),
    ]


def findings(*, must_have_all: bool, patience_s: float = PATIENCE_S) -> list[str]:
    """
    What does not hold, a tool that does not end included; what was looked at is printed on the way.
    """
    found = [
        f"{path.relative_to(files.ROOT)} is not what its table says: "
        "run python -m tools.observability write"
        for path in files.stale()
    ]
    for look in looks():
        if shutil.which(look.command[0]) is None:
            line = f"not looked at: {look.what}; {look.mend}"
            print(line)
            found += [line] if must_have_all else []
        elif complaint := _complaint(look, patience_s):
            found.append(f"{look.what}:\n{complaint}")
        else:
            print(f"good: {look.what}")
    return found


def _complaint(look: Look, patience_s: float) -> str:
    try:
        done = subprocess.run(
            look.command,
            cwd=files.ROOT,
            capture_output=True,
            text=True,
            timeout=patience_s,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return f"{look.command[0]} was given up after {patience_s:g} s"
    if done.returncode == 0:
        return ""
    return (done.stdout + done.stderr).strip() or f"{look.command[0]} ended with {done.returncode}"


def _names(folder: str) -> Iterator[str]:
    for path in sorted((files.ROOT / folder).glob("*.yml")):
        yield str(path.relative_to(files.ROOT))
