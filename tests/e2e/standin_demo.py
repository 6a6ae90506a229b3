"""
``make demo`` with stand-in services: ``python standin_demo.py FOLDER PORT_BASE [BEHAVIOUR...] [NAME=SECONDS...]``.

One service for each behaviour; bounds are those of DemoSettings unless named.
"""

# ruff: noqa: T201 - a program of its own, which prints

import os
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

from tools.demo.runner import run_demo
from tools.demo.secrets_file import DemoSecrets
from tools.demo.services import Service
from tools.demo.settings import DemoProblem, DemoSettings

PROGRAM = (str(Path(__file__).with_name("standin_service.py")),)


def standin(place: int, behaviour: str) -> Service:
    """
    A row of the table.
    """

    def settings(secrets: DemoSecrets) -> dict[str, str]:
        return {"STANDIN": behaviour, "KEY": secrets[f"key-{place}"]}

    return Service(
        name=f"standin-{place}",
        program=PROGRAM,
        port_offset=place,
        secrets=(f"key-{place}",),
        settings=settings,
        seed_settings=lambda _secrets: {"SEED": "only for preparations"},
    )


def main(folder: str, port_base: str, *words: str) -> int:
    """
    The exit code, as of the real command.
    """
    variables = {**os.environ, "DEMO_DATA_DIR": folder, "DEMO_PORT_BASE": port_base}
    behaviours = [word for word in words if "=" not in word]
    bounds: dict[str, Any] = {
        name: float(value) for name, _, value in (word.partition("=") for word in words) if value
    }
    try:
        demo = replace(DemoSettings.from_environment(variables, Path("/nowhere")), **bounds)
        run_demo(tuple(standin(*row) for row in enumerate(behaviours)), demo, variables)
    except DemoProblem as problem:
        print(problem, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
