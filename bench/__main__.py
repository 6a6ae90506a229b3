"""
``make bench``: every measurement of the house, one after the other, and ``bench/results.md``.

Absolute figures depend on the machine and on what else it does; each run
therefore holds its own baseline, and differences and ratios are what counts.
"""

import json
import os
import platform
import subprocess
import sys
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

RESULTS = Path(__file__).with_name("results.md")
#: Module -> what its figures are, in the order they are run.
MEASUREMENTS: Mapping[str, str] = {
    "stack": "The middleware stack: microseconds a request, layer by layer",
    "auth": "Token verification: microseconds",
    "pipeline": "The outgoing pipeline: microseconds a call, on a network that answers at once",
    "inventory": "Inventory on one core, 32 connections",
    "pricing": "Pricing on one core, 32 connections",
}


def main() -> int:
    """
    Measure, print, and write the results.
    """
    lines = [
        "# Results",
        "",
        f"{datetime.now(UTC):%Y-%m-%d}, {_machine()}. Made by `make bench`.",
    ]
    for module, title in MEASUREMENTS.items():
        print(f"{title} ...", flush=True)
        figures = _measured(module)
        lines += ["", f"## {title}", "", "| what | figure |", "|---|---|"]
        lines += [f"| {name} | {value:.1f} |" for name, value in figures.items()]
        for name, value in figures.items():
            print(f"  {name:<60} {value:8.1f}")
    RESULTS.write_text("\n".join(lines) + "\n")
    print(f"written to {RESULTS}")
    return 0


def _measured(module: str) -> dict[str, float]:
    """
    The figures of one module, from a process of its own: none finds what another has left.
    """
    program = f"import json; from bench.{module} import measure; print(json.dumps(measure()))"
    done = subprocess.run([sys.executable, "-c", program], check=True, stdout=subprocess.PIPE)
    figures: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return figures


def _machine() -> str:
    cores = f"{os.cpu_count()} cores, {platform.machine()}"
    return f"Python {platform.python_version()}, {cores}"


if __name__ == "__main__":
    sys.exit(main())
