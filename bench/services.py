"""
What inventory and pricing do a second on one core, on SQLite and on PostgreSQL, beside a bare
route of the kit in the same run: reads of one product, reads of 100 by their ids, and writes.

Load and database share the other core. Rounds are interleaved, and the median is told.
"""

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from bench.load import OTHER_CORE, Load, loaded, on_core, served
from servicekit.testing import postgres
from servicekit.testing.guarded import shared_lock
from servicekit.testing.postgres import PostgresProcess
from servicekit.testing.tokens import AUDIENCE, ISSUER, hs256_token

ROUNDS = 3
SECONDS = 3
SECRET = "a secret of the benchmark, long enough for HS256"
IDS = [f"TEST-{n:03}" for n in range(1, 101)]
#: The demo's products; those beyond are made here.
SEEDED = 60
#: Each request is an order of its own, and takes the next of so many products in turn.
_WRITES = """
local run, count = "%(run)s", 0
local headers = {["Content-Type"] = "application/json", ["Authorization"] = "Bearer %(token)s"}
function request()
  count = count + 1
  local product = string.format("TEST-%%03d", count %% %(products)d + 1)
  local body = string.format('%(body)s', product, run .. "-" .. count)
  return wrk.format("POST", nil, headers, body)
end
"""

JsonObject = Mapping[str, object]


@dataclass(frozen=True, slots=True)
class Write:
    """
    What is asked for; ``body`` takes a product's id and an order's.
    """

    question: str
    path: str
    body: str


@dataclass(frozen=True, slots=True)
class Subject:
    """
    A service and what it is asked: name of the question -> path.
    """

    package: str
    permissions: tuple[str, ...]
    reads: Mapping[str, str]
    write: Write


INVENTORY = Subject(
    "inventory",
    ("stock:write", "catalog:write"),
    reads={
        "one product": "/api/v1/products/TEST-001",
        "100 products by ids": f"/api/v1/products?ids={','.join(IDS)}",
    },
    write=Write(
        "a reservation",
        "/api/v1/stock/reserve",
        '{"productId":"%s","quantity":1,"orderId":"%s"}',
    ),
)
PRICING = Subject(
    "pricing",
    ("prices:quote", "catalog:write"),
    reads={
        "one price": "/api/v1/prices/TEST-001",
        "100 prices by ids": f"/api/v1/prices?ids={','.join(IDS)}",
    },
    write=Write(
        "a quote for an order",
        "/api/v1/prices/quote",
        '{"items":[{"productId":"%s","quantity":2}],"discountCodes":["SUMMER20"],"orderId":"%s"}',
    ),
)


@dataclass(frozen=True, slots=True)
class Api:
    """
    A running service, for what is made before it is measured.
    """

    url: str
    token: str

    def send(self, method: str, path: str, body: JsonObject) -> None:
        """
        One call that must succeed.
        """
        headers = {"Content-Type": "application/json", "Authorization": f"Bearer {self.token}"}
        request = urllib.request.Request(
            self.url + path, json.dumps(body).encode(), headers, method=method
        )
        with urllib.request.urlopen(request, timeout=30):
            pass


def stock_up(api: Api) -> None:
    """
    A hundred products, each with more units than will be asked for.
    """
    for number, product_id in enumerate(IDS):
        if number >= SEEDED:
            new = {"id": product_id, "name": f"Product {number}", "category": "home"}
            api.send("POST", "/api/v1/products", new)
        more = {"change": 500_000, "reason": "benchmark", "adjustmentId": f"bench-{number}"}
        api.send("POST", f"/api/v1/products/{product_id}/adjustments", more)


def price_all(api: Api) -> None:
    """
    A price for each of the hundred.
    """
    for product_id in IDS[SEEDED:]:
        api.send("PUT", f"/api/v1/prices/{product_id}", {"basePrice": "19.99", "currency": "USD"})


@contextmanager
def databases(*names: str) -> Iterator[dict[str, dict[str, str]]]:
    """
    Empty databases of these names, on each kind that can be had here; PostgreSQL with its own
    safe settings.
    """
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="bench-")))
        urls = {"SQLite": {name: f"sqlite:///{folder / name}.db" for name in names}}
        binaries = postgres.binaries()
        if binaries is not None:
            lock = folder / "lock"
            stack.enter_context(shared_lock(lock))
            server = PostgresProcess(
                binaries, lock=lock, settings={"fsync": "on", "synchronous_commit": "on"}
            )
            stack.callback(server.remove)
            with on_core(OTHER_CORE):
                server.start()
            for name in names:
                server.server.create(name)
            urls["PostgreSQL"] = {name: server.server.url(name) for name in names}
        yield urls


def measured(subject: Subject, prepare: Callable[[Api], None]) -> dict[str, float]:
    """
    Requests a second by question and database, and each as a share of the bare route's.
    """
    figures: dict[str, float] = {}
    name = subject.package
    with databases(name) as urls, served("bench.bare", {"JWT_ALGORITHM": "EdDSA"}) as bare:
        for database, of in urls.items():
            environment = seeded(subject, of[name])
            with served(name, environment) as address:
                api = Api(address, token(subject))
                prepare(api)
                figures |= _rounds(subject, api, f"{bare}/bare", database)
    return figures


def _rounds(subject: Subject, api: Api, bare: str, database: str) -> dict[str, float]:
    seen: dict[str, list[Load]] = {}
    for _ in range(ROUNDS):
        seen.setdefault("a bare route", []).append(loaded(bare, seconds=SECONDS))
        for read, read_path in subject.reads.items():
            seen.setdefault(read, []).append(loaded(api.url + read_path, seconds=SECONDS))
        for products, which in ((SEEDED, "of many products"), (1, "all of one product")):
            name = f"{subject.write.question}, {which}"
            seen.setdefault(name, []).append(_writes(subject.write, api, products))
    limit = _median(seen["a bare route"], lambda load: load.requests_per_s)
    figures: dict[str, float] = {}
    for name, loads in seen.items():
        rate = _median(loads, lambda load: load.requests_per_s)
        figures[f"{database}: {name}, requests/s"] = rate
        figures[f"{database}: {name}, % of the bare route"] = rate / limit * 100
        figures[f"{database}: {name}, p50 ms"] = _median(loads, lambda load: load.p50_ms)
        figures[f"{database}: {name}, p99 ms"] = _median(loads, lambda load: load.p99_ms)
    return figures


def _writes(write: Write, api: Api, products: int) -> Load:
    run = f"{time.time_ns():x}"
    told = {"run": run, "token": api.token, "body": write.body, "products": products}
    return loaded(api.url + write.path, seconds=SECONDS, script=_WRITES % told)


def _median(loads: list[Load], of: Callable[[Load], float]) -> float:
    return statistics.median(map(of, loads))


def seeded(subject: Subject, database_url: str) -> dict[str, str]:
    """
    The environment of a service whose database holds the demo's data by then.
    """
    environment = {
        "DATABASE_URL": database_url,
        "JWT_ALGORITHM": "HS256",
        "JWT_SECRET_KEY": SECRET,
        "JWT_ISSUER": ISSUER,
        "JWT_AUDIENCE": AUDIENCE,
    }
    for command in ("migrate", "seed"):
        prepared(subject.package, command, environment)
    return environment


def token(subject: Subject) -> str:
    """
    With which a service lets itself be changed.
    """
    return hs256_token(
        SECRET.encode(),
        now=time.time(),
        sub="bench",
        kind="service",
        scope="read write",
        permissions=list(subject.permissions),
    )


def prepared(package: str, command: str, environment: Mapping[str, str]) -> None:
    """
    One of a service's commands, done.
    """
    subprocess.run(
        [sys.executable, "-m", package, command],
        env={**os.environ, **environment},
        stdout=subprocess.DEVNULL,
        check=True,
    )
