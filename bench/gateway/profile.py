"""
Where the microseconds of a request for one product go: processor time of the gateway, step by step.
"""

import sys
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from statistics import median
from typing import Final

from bench import machine
from bench.gateway.backends import stubs
from bench.gateway.picks import scattered
from bench.gateway.rungs import PRODUCTS, RUNGS
from bench.gateway.subjects import NODE, OURS, gateways, orders_kept
from bench.gateway.throughput import CONNECTIONS
from bench.load import Program, loaded, started
from bench.results import Table

ROUNDS: Final = 5
SECONDS: Final = 2
_TELLS: Final = {
    "server": "the server: parsing, a task, writing",
    "edge": "the edge: ids, log, metrics, deadline, authentication, lean route",
    "catalog": "the catalog: lookups, batches, the pipeline, JSON, the tag",
    OURS: "the network to the services",
}


def measure() -> Table:
    """
    Microseconds a request, each step with what it adds to the one before; medians of the rounds.
    """
    script = scattered(PRODUCTS)
    with _programs() as (programs, notes):
        taken: dict[str, list[float]] = {name: [] for name in programs}
        for program in programs.values():
            loaded(program.url, seconds=SECONDS, script=script, connections=CONNECTIONS)
        for _ in range(ROUNDS):
            for name, program in programs.items():
                taken[name].append(_microseconds(program, script))
    return Table(_rows({name: median(values) for name, values in taken.items()}), notes)


@contextmanager
def _programs() -> Iterator[tuple[Mapping[str, Program], tuple[str, ...]]]:
    with ExitStack() as stack:
        programs: dict[str, Program] = {}
        kept = stack.enter_context(orders_kept())
        for rung in RUNGS:
            command = [sys.executable, "-m", "bench.gateway.rungs", rung, "serve"]
            programs[rung] = stack.enter_context(started(command, kept))
        subjects = stack.enter_context(gateways(stack.enter_context(stubs()), OURS, NODE))
        yield programs | subjects.programs, subjects.notes


def _microseconds(program: Program, script: str) -> float:
    before_s = machine.cpu_s(program.pid)
    load = loaded(program.url, seconds=SECONDS, script=script, connections=CONNECTIONS)
    return (machine.cpu_s(program.pid) - before_s) / load.requests * 1e6


def _rows(taken: Mapping[str, float]) -> dict[str, dict[str, float]]:
    rows: dict[str, dict[str, float]] = {}
    before = 0.0
    for name, tells in _TELLS.items():
        rows[tells] = {"us": taken[name] - before, "us in all": taken[name]}
        before = taken[name]
    if NODE in taken:
        rows["the Node peer, whole"] = {"us in all": taken[NODE]}
    return rows
