"""
One product, over and over: our gateway beside its peers, in rounds that take turns.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Final

from bench import machine
from bench.gateway.backends import StubBackends, stubs
from bench.gateway.picks import scattered
from bench.gateway.subjects import OURS, gateways
from bench.load import OTHER_CORE, TESTED_CORE, Load, Program, loaded
from bench.results import Table

CONNECTIONS: Final = 64
PRODUCTS: Final = 1_000
ROUNDS: Final = 5
SECONDS: Final = 5
#: Until Node's compiler has seen enough.
WARM_UP_S: Final = 3


@dataclass(frozen=True, slots=True)
class Round:
    """
    What one gateway did in one round, and what it took.
    """

    load: Load
    calls: int
    cpu_s: float
    tested_core: float
    other_core: float
    memory_mb: float


Rounds = Mapping[str, Sequence[Round]]


def measure() -> Table:
    """
    Rates, times and costs of each gateway; medians of the rounds.
    """
    script = scattered(PRODUCTS)
    with stubs() as backends, gateways(backends) as subjects:
        idle = {name: machine.memory_mb(it.pid) for name, it in subjects.programs.items()}
        for program in subjects.programs.values():
            loaded(program.url, seconds=WARM_UP_S, script=script, connections=CONNECTIONS)
        rounds: dict[str, list[Round]] = {name: [] for name in subjects.programs}
        for _ in range(ROUNDS):
            for name, program in subjects.programs.items():
                rounds[name].append(_round(program, backends, script))
    rows = {**_rates(rounds), "memory at the start, MB": idle, **_costs(rounds)}
    return Table(rows, subjects.notes)


def _round(program: Program, backends: StubBackends, script: str) -> Round:
    calls, cpu_s = backends.calls(), machine.cpu_s(program.pid)
    tested, other = machine.core_time(TESTED_CORE), machine.core_time(OTHER_CORE)
    load = loaded(program.url, seconds=SECONDS, script=script, connections=CONNECTIONS)
    return Round(
        load,
        tested_core=machine.core_time(TESTED_CORE).busy_since(tested),
        other_core=machine.core_time(OTHER_CORE).busy_since(other),
        calls=backends.calls() - calls,
        cpu_s=machine.cpu_s(program.pid) - cpu_s,
        memory_mb=machine.memory_mb(program.pid),
    )


def _rates(rounds: Rounds) -> dict[str, dict[str, float]]:
    rates = _medians(rounds, lambda one: one.load.requests_per_s)
    return {
        "requests/s": rates,
        "ours is so many times as fast": {name: rates[OURS] / rates[name] for name in rates},
        "lowest of the rounds": {
            name: min(
                mine.load.requests_per_s / its.load.requests_per_s
                for mine, its in zip(rounds[OURS], rounds[name], strict=True)
            )
            for name in rounds
        },
        "p50, ms": _medians(rounds, lambda one: one.load.p50_ms),
        "p99, ms": _medians(rounds, lambda one: one.load.p99_ms),
    }


def _costs(rounds: Rounds) -> dict[str, dict[str, float]]:
    return {
        "memory at the end, MB": _medians({n: [r[-1]] for n, r in rounds.items()}, _memory),
        "upstream calls a request": _medians(rounds, lambda one: one.calls / one.load.requests),
        "processor time a request, us": _medians(
            rounds, lambda one: one.cpu_s / one.load.requests * 1e6
        ),
        "its core was busy, %": _medians(rounds, lambda one: one.tested_core),
        "the core of load and backends was busy, %": _medians(rounds, lambda one: one.other_core),
    }


def _memory(one: Round) -> float:
    return one.memory_mb


def _medians(rounds: Rounds, of: Callable[[Round], float]) -> dict[str, float]:
    return {name: median(map(of, its)) for name, its in rounds.items()}
