"""
Several processes of the service on one database, and many calls to them at the same moment.
"""

import asyncio
import os
import sys
import uuid
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
from inventory_app import SECRET, SERVICE, bearer

from servicekit.testing import ServedProcess, serve_process
from servicekit.testing.tokens import AUDIENCE, ISSUER

WORKER = (sys.executable, str(Path(__file__).with_name("worker.py")))
Body = Mapping[str, Any]
Call = tuple[str, Body]
#: Lets processes sweep at once; how many reservations each has expired.
Sweep = Callable[[], Awaitable[list[int]]]


def environment(database_url: str, **changed: str) -> dict[str, str]:
    """
    Settings of a process; nothing is swept unless a test wants it.
    """
    return {
        "DATABASE_URL": database_url,
        "JWT_ALGORITHM": "HS256",
        "JWT_SECRET_KEY": SECRET,
        "JWT_ISSUER": ISSUER,
        "JWT_AUDIENCE": AUDIENCE,
        "SWEEP_INTERVAL_SECONDS": "3600",
        "LOG_LEVEL": "WARNING",
    } | changed


@dataclass(frozen=True, slots=True)
class Fleet:
    """
    The processes, and a client that calls them in turn.
    """

    database_url: str
    processes: tuple[ServedProcess, ...]
    http: httpx.AsyncClient

    async def post(self, path: str, body: Body, *, process: int = 0) -> httpx.Response:
        """
        Whatever one of the processes answers.
        """
        served = self.processes[process % len(self.processes)]
        return await self.http.post(f"{served.url}/api/v1{path}", json=body)

    async def get(self, path: str) -> Any:  # noqa: ANN401  # any JSON
        """
        What the first process answers; it must be good.
        """
        answer = await self.http.get(f"{self.processes[0].url}/api/v1{path}")
        assert answer.status_code == 200, answer.text
        return answer.json()

    async def at_once(self, calls: Iterable[Call]) -> list[httpx.Response]:
        """
        Every call at the same moment, the first to the first process, the next to the next.
        """
        return await asyncio.gather(
            *(self.post(path, body, process=turn) for turn, (path, body) in enumerate(calls))
        )

    async def product(self, stock: int) -> str:
        """
        The id of a new product.
        """
        product_id = f"p-{uuid.uuid4().hex[:12]}"
        body = {"id": product_id, "name": "Lamp", "category": "home", "stockLevel": stock}
        made = await self.post("/products", body)
        assert made.status_code == 201, made.text
        return product_id

    async def amounts(self, product_id: str) -> tuple[int, int]:
        """
        Stock level and reserved units of a product.
        """
        product = await self.get(f"/products/{product_id}")
        return product["stockLevel"], product["reserved"]

    async def lines(self, order: str) -> list[dict[str, Any]]:
        """
        The reservations of an order.
        """
        answer = await self.get(f"/stock/reservations?orderId={order}")
        lines: list[dict[str, Any]] = answer["reservations"]
        return lines

    async def kinds(self, product_id: str) -> Counter[str]:
        """
        How many movements of each kind the ledger of a product holds.

        They must add up to its amounts, each must follow from the one before, and no reservation
        may be in two of a kind.
        """
        movements = [*reversed(await self._movements(product_id))]
        stock = reserved = 0
        for one in movements:
            stock, reserved = stock + one["stockChange"], reserved + one["reservedChange"]
            assert (one["stockLevelAfter"], one["reservedAfter"]) == (stock, reserved)
            assert stock >= reserved >= 0
        assert (stock, reserved) == await self.amounts(product_id)
        keys = [(one["reservationId"], one["kind"]) for one in movements if one["reservationId"]]
        assert len(set(keys)) == len(keys)
        return Counter(one["kind"] for one in movements)

    async def _movements(self, product_id: str) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = []
        for page in range(1, 100):
            answer = await self.get(f"/products/{product_id}/movements?size=200&page={page}")
            found += answer["items"]
            if len(found) >= answer["total"]:
                return found
        raise AssertionError("the ledger does not end")


@asynccontextmanager
async def fleet_of(size: int, database_url: str, **changed: str) -> AsyncIterator[Fleet]:
    """
    So many processes of the service on a database that is migrated.
    """
    env = environment(database_url, **changed)
    argv = [*WORKER, "serve"]
    async with AsyncExitStack() as stack:
        processes = await asyncio.gather(
            *(stack.enter_async_context(serve_process(argv, env)) for _ in range(size))
        )
        http = await stack.enter_async_context(
            httpx.AsyncClient(
                headers=bearer(SERVICE | {"permissions": ["stock:write", "catalog:write"]}),
                limits=httpx.Limits(max_connections=None),
                timeout=30,
            )
        )
        yield Fleet(database_url, tuple(processes), http)


@dataclass(frozen=True, slots=True)
class Sweeper:
    """
    A process that waits for the word to expire what is due by its clock.
    """

    orders: asyncio.StreamWriter
    answers: asyncio.StreamReader

    async def said(self) -> str:
        """
        The next line of what it says.
        """
        return (await self.answers.readline()).decode().strip()

    async def sweep(self) -> int:
        """
        How many reservations it has expired.
        """
        self.orders.write(b"\n")
        return int(await self.said())


@asynccontextmanager
async def sweepers(database_url: str, count: int, *, ahead_s: float) -> AsyncIterator[Sweep]:
    """
    So many processes whose clocks are ``ahead_s`` seconds ahead. What is yielded lets all of them
    sweep at once, and tells how many reservations each has expired.
    """
    env = {**os.environ, **environment(database_url, SWEEP_BATCH="5", CLOCK_AHEAD_S=str(ahead_s))}
    async with AsyncExitStack() as stack:
        running = [await stack.enter_async_context(_sweeper(env)) for _ in range(count)]
        assert await asyncio.gather(*(one.said() for one in running)) == ["ready"] * count
        yield lambda: asyncio.gather(*(one.sweep() for one in running))


@asynccontextmanager
async def _sweeper(env: Mapping[str, str]) -> AsyncIterator[Sweeper]:
    process = await asyncio.create_subprocess_exec(
        *WORKER, "sweep", env=env, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE
    )
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        yield Sweeper(process.stdin, process.stdout)
    finally:
        # It ends by itself when there is nothing more to read, also when the tests are killed.
        process.stdin.close()
        await process.wait()


def statuses(answers: Iterable[httpx.Response]) -> Counter[str]:
    """
    How often each was answered: a status, with the refusal's reason or code.
    """
    return Counter(_told(answer) for answer in answers)


def _told(answer: httpx.Response) -> str:
    if answer.is_success:
        return str(answer.status_code)
    error = answer.json()["error"]
    return f"{answer.status_code} {error.get('details', {}).get('reason') or error['code']}"
