"""
How a figure grows: the same load in another size, for each gateway.
"""

from collections.abc import Iterable
from typing import Final

from bench.gateway.backends import stubs
from bench.gateway.picks import scattered
from bench.gateway.subjects import gateways
from bench.gateway.throughput import WARM_UP_S
from bench.load import loaded
from bench.results import Table

SECONDS: Final = 3


def grown(sizes: Iterable[tuple[str, int, int]]) -> Table:
    """
    Rates and times for each ``(name, connections, products)``.
    """
    rows: dict[str, dict[str, float]] = {}
    with stubs() as backends, gateways(backends) as subjects:
        for program in subjects.programs.values():
            loaded(program.url, seconds=WARM_UP_S, script=scattered(1_000))
        for size, connections, products in sizes:
            for name, program in subjects.programs.items():
                load = loaded(
                    program.url,
                    seconds=SECONDS,
                    script=scattered(products),
                    connections=connections,
                )
                rows.setdefault(f"{size}: requests/s", {})[name] = load.requests_per_s
                rows.setdefault(f"{size}: p50, ms", {})[name] = load.p50_ms
                rows.setdefault(f"{size}: p99, ms", {})[name] = load.p99_ms
    return Table(rows, subjects.notes)
