"""
Orders, one client and 32: our gateway on both databases, beside the same three calls without durability.

Once with backends that do no work, so that durability is measured and nothing else; once with the real
services behind. The gateway has the tested core; backends, databases and load share the other.
"""

import sys
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from statistics import median
from typing import Final

from bench import machine
from bench.gateway.backends import Backends
from bench.load import OTHER_CORE, Load, Program, loaded, started
from bench.results import Table
from bench.services import (
    INVENTORY,
    PRICING,
    SECRET,
    Api,
    Subject,
    databases,
    prepared,
    price_all,
    seeded,
    stock_up,
    token,
)
from servicekit.testing.polling import unused_port

ROUNDS: Final = 3
SECONDS: Final = 4
CLIENTS: Final = (1, 32)
HASTY: Final = "no durability"
_HASTY: Final = (sys.executable, "-m", "bench.peers.hasty", "serve")
_OURS: Final = (sys.executable, "-m", "gateway", "serve")
#: Every order is new, and takes the next product in turn.
_ORDERS: Final = """
local count = 0
local headers = {["Content-Type"] = "application/json"}
function request()
  count = count + 1
  local body = string.format('{"items":[{"productId":"TEST-%03d","quantity":1}]}', count % 100 + 1)
  return wrk.format("POST", "/api/v1/orders", headers, body)
end
"""
_WARM_UP_S: Final = 2


def measure() -> Table:
    """
    Orders a second and times, by database and number of clients, and as shares of no durability.
    """
    rows: dict[str, dict[str, float]] = {}
    names = ("api_gateway", INVENTORY.package, PRICING.package)
    with databases(*names) as kinds:
        with _stubs() as backends, _gateways(backends, kinds) as programs:
            rows |= _rows("without work", programs)
        for kind, urls in kinds.items():
            with _services(urls) as backends, _gateways(backends, {kind: urls}) as programs:
                rows |= _rows(f"real services on {kind}", programs)
    return Table(
        rows,
        (
            "no durability: the same edge and the same three calls, and nothing kept (bench/peers/hasty.py).",
        ),
    )


def _rows(backends: str, programs: Mapping[str, Program]) -> dict[str, dict[str, float]]:
    rows: dict[str, dict[str, float]] = {}
    for clients in CLIENTS:
        loads: dict[str, list[Load]] = {name: [] for name in programs}
        costs: dict[str, list[float]] = {name: [] for name in programs}
        for program in programs.values():
            _load(program, clients, _WARM_UP_S)
        for _ in range(ROUNDS):
            for name, program in programs.items():
                cpu_s = machine.cpu_s(program.pid)
                load = _load(program, clients, SECONDS)
                loads[name].append(load)
                costs[name].append((machine.cpu_s(program.pid) - cpu_s) / load.requests * 1000)
        rates = {name: median(load.requests_per_s for load in its) for name, its in loads.items()}
        title = f"{backends}, {clients} clients"
        rows |= {
            f"{title}: orders/s": rates,
            f"{title}: share of no durability": {
                n: rate / rates[HASTY] for n, rate in rates.items()
            },
            f"{title}: p50, ms": {n: median(one.p50_ms for one in its) for n, its in loads.items()},
            f"{title}: p99, ms": {n: median(one.p99_ms for one in its) for n, its in loads.items()},
            f"{title}: processor time, ms": {name: median(its) for name, its in costs.items()},
        }
    return rows


def _load(program: Program, clients: int, seconds: float) -> Load:
    return loaded(program.url, seconds=seconds, script=_ORDERS, connections=clients)


@contextmanager
def _gateways(
    backends: tuple[Backends, str], kinds: Mapping[str, Mapping[str, str]]
) -> Iterator[dict[str, Program]]:
    """
    The peer, and ours on each database.
    """
    behind, identity_url = backends
    environment = {
        "INVENTORY_SERVICE_URL": behind.inventory_url,
        "PRICING_SERVICE_URL": behind.pricing_url,
        "IDENTITY_SERVICE_URL": identity_url,
        "SERVICE_CLIENT_SECRET": SECRET,
        "ANONYMOUS_SCOPES": "read,write",
        "LOG_LEVEL": "INFO",
    }
    with ExitStack() as stack:
        programs = {HASTY: stack.enter_context(started(_HASTY, environment))}
        for kind, urls in kinds.items():
            own = environment | {"DATABASE_URL": urls["api_gateway"]}
            prepared("gateway", "migrate", own)
            programs[f"ours, {kind}"] = stack.enter_context(started(_OURS, own))
        yield programs


@contextmanager
def _stubs() -> Iterator[tuple[Backends, str]]:
    pricing_port, identity_port = str(unused_port()), str(unused_port())
    command = [sys.executable, "-m", "bench.order_stubs", pricing_port, identity_port]
    with started(command, {}, core=OTHER_CORE, ready="/count") as stub:
        yield (
            Backends(stub.url, f"http://127.0.0.1:{pricing_port}"),
            f"http://127.0.0.1:{identity_port}",
        )


@contextmanager
def _services(urls: Mapping[str, str]) -> Iterator[tuple[Backends, str]]:
    """
    Inventory and pricing as they are, with a hundred products; the tokens are a stub's.
    """
    with (
        _stubs() as (_, identity_url),
        _service(INVENTORY, urls[INVENTORY.package]) as inventory,
        _service(PRICING, urls[PRICING.package]) as pricing,
    ):
        stock_up(Api(inventory.url, token(INVENTORY)))
        price_all(Api(pricing.url, token(PRICING)))
        yield Backends(inventory.url, pricing.url), identity_url


@contextmanager
def _service(subject: Subject, database_url: str) -> Iterator[Program]:
    environment = seeded(subject, database_url)
    command = [sys.executable, "-m", subject.package, "serve"]
    with started(command, environment, core=OTHER_CORE) as program:
        yield program
