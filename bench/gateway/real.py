"""
The same single reads with the real inventory and pricing behind, on SQLite and on PostgreSQL.

Both services, the database and the load share the other core; what a gateway reaches here is
bounded by how few calls it makes of them.
"""

import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from statistics import median
from typing import Final

from bench.gateway.backends import Backends
from bench.gateway.picks import scattered
from bench.gateway.subjects import LEGEND, gateways
from bench.gateway.throughput import CONNECTIONS, PRODUCTS, WARM_UP_S
from bench.load import OTHER_CORE, Load, Program, loaded, started
from bench.results import Table
from bench.services import INVENTORY, PRICING, SEEDED, Api, Subject, databases, seeded, token
from bench.stubs import product_id

ROUNDS: Final = 3
SECONDS: Final = 3
_FIGURES: Final[dict[str, Callable[[Load], float]]] = {
    "requests/s": lambda load: load.requests_per_s,
    "p50, ms": lambda load: load.p50_ms,
    "p99, ms": lambda load: load.p99_ms,
}


def measure() -> Table:
    """
    Rates and times of each gateway, by database.
    """
    rows: dict[str, dict[str, float]] = {}
    notes: tuple[str, ...] = (LEGEND,)
    with databases(INVENTORY.package, PRICING.package) as kinds:
        for kind, urls in kinds.items():
            with _services(urls) as backends, gateways(backends) as subjects:
                rows |= _rows(kind, subjects.programs)
                notes = subjects.notes
    return Table(rows, notes)


def _rows(kind: str, programs: dict[str, Program]) -> dict[str, dict[str, float]]:
    loads: dict[str, list[Load]] = {name: [] for name in programs}
    for program in programs.values():
        _load(program, WARM_UP_S)
    for _ in range(ROUNDS):
        for name, program in programs.items():
            loads[name].append(_load(program, SECONDS))
    return {
        f"{kind}: {figure}": {name: median(map(of, its)) for name, its in loads.items()}
        for figure, of in _FIGURES.items()
    }


def _load(program: Program, seconds: float) -> Load:
    script = scattered(PRODUCTS)
    return loaded(program.url, seconds=seconds, script=script, connections=CONNECTIONS)


@contextmanager
def _services(urls: dict[str, str]) -> Iterator[Backends]:
    """
    Both services, with a thousand products and their prices.
    """
    with (
        _service(INVENTORY, urls[INVENTORY.package]) as inventory,
        _service(PRICING, urls[PRICING.package]) as pricing,
    ):
        _fill(Api(inventory.url, token(INVENTORY)), Api(pricing.url, token(PRICING)))
        yield Backends(inventory.url, pricing.url)


@contextmanager
def _service(subject: Subject, database_url: str) -> Iterator[Program]:
    environment = seeded(subject, database_url)
    command = [sys.executable, "-m", subject.package, "serve"]
    with started(command, environment, core=OTHER_CORE) as program:
        yield program


def _fill(inventory: Api, pricing: Api) -> None:
    def add(number: int) -> None:
        id_ = product_id(number)
        new = {"id": id_, "name": f"Product {number}", "category": "home", "stockLevel": 100}
        inventory.send("POST", "/api/v1/products", new)
        price = {"basePrice": f"{number}.99", "currency": "USD"}
        pricing.send("PUT", f"/api/v1/prices/{id_}", price)

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(add, range(SEEDED + 1, PRODUCTS + 1)))
