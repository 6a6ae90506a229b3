"""
Fixtures: a demo of stand-in services that ends with its test.
"""

import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.e2e.processes import Running, standin_demo

StartDemo = Callable[..., Running]


@pytest.fixture
def demo_folder(tmp_path: Path) -> Path:
    """
    Where the demo keeps its things.
    """
    return tmp_path / "demo"


@pytest.fixture
def start_demo(demo_folder: Path) -> Iterator[StartDemo]:
    """
    Starts demos that are ended after the test.
    """
    started: list[Running] = []

    def start(
        *words: str,
        port_base: int | None = None,
        variables: dict[str, str] | None = None,
        stdout: int | None = subprocess.PIPE,
    ) -> Running:
        running = standin_demo(
            demo_folder, *words, port_base=port_base, variables=variables, stdout=stdout
        )
        started.append(running)
        return running

    yield start
    for running in started:
        running.close()
