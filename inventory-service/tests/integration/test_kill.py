"""
``kill -9`` in the middle of a burst: what was answered is kept, and the books add up.
"""

import asyncio
import random
import signal
import uuid
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from typing import Final

import httpx
from bursts import Body, Call, Fleet, fleet_of, statuses
from inventory_app import settings_for

from inventory.wiring import build_services
from servicekit import migrations

ROUNDS = 3
BURST = 54
STOCK = 100_000
#: What a call makes of its order.
BECOMES: Final = {
    "/stock/reserve": "RESERVED",
    "/stock/reservations": "RESERVED",
    "/stock/commit": "COMMITTED",
    "/stock/release": "RELEASED",
    "/stock/return": "RETURNED",
}
#: What can be asked next of an order.
NEXT: Final[Mapping[str, Sequence[str]]] = {
    "RESERVED": ("/stock/commit", "/stock/release"),
    "COMMITTED": ("/stock/return",),
}

Calls = Mapping[str, Call]
Answers = Mapping[str, httpx.Response]


@dataclass(slots=True)
class Shop:
    """
    What must have become of every order once the calls to it are answered.
    """

    chance: random.Random
    products: Sequence[str]
    units: dict[str, Counter[str]] = field(default_factory=dict)
    status: dict[str, str] = field(default_factory=dict)
    paths: set[str] = field(default_factory=set)

    def burst(self) -> Calls:
        """
        Calls by order, in any order: half go on with orders that are there, half reserve for new
        ones.
        """
        open_orders = [order for order, status in self.status.items() if status in NEXT]
        old = self.chance.sample(open_orders, min(len(open_orders), BURST // 2))
        calls: dict[str, Call] = {order: self._further(order) for order in old}
        calls |= {f"order-{uuid.uuid4().hex[:12]}": self._reserve() for _ in range(BURST // 2)}
        mixed = dict(self.chance.sample([*calls.items()], len(calls)))
        for order, (path, body) in mixed.items():
            self._note(order, path, body)
        return {order: (path, {"orderId": order, **body}) for order, (path, body) in mixed.items()}

    def amounts(self, product: str) -> tuple[int, int]:
        """
        What must be there of a product, and what of it orders must hold.
        """
        count = Counter[str]()
        for order, status in self.status.items():
            count[status] += self.units[order][product]
        return STOCK - count["COMMITTED"], count["RESERVED"]

    def _further(self, order: str) -> Call:
        return self.chance.choice(NEXT[self.status[order]]), {}

    def _reserve(self) -> Call:
        lines = [
            {"productId": product, "quantity": self.chance.randint(1, 5)}
            for product in self.chance.sample(self.products, self.chance.randint(1, 3))
        ]
        is_single = self.chance.random() < 0.5
        return (
            ("/stock/reserve", lines[0]) if is_single else ("/stock/reservations", {"items": lines})
        )

    def _note(self, order: str, path: str, body: Body) -> None:
        self.paths.add(path)
        self.status[order] = BECOMES[path]
        if order not in self.units:
            lines = body.get("items", [body])
            self.units[order] = Counter({line["productId"]: line["quantity"] for line in lines})


async def test_what_was_answered_survives_a_kill(database_url: str) -> None:
    """
    After each of three kills in the middle of reserves, commits, releases and returns the books add
    up, every order is what was answered last, and sending everything again does what is missing,
    once.
    """
    await migrations.upgrade(database_url, "inventory")
    async with AsyncExitStack() as stack:
        fleet = await stack.enter_async_context(fleet_of(1, database_url))
        products = [await fleet.product(STOCK) for _ in range(3)]
        shop = Shop(random.Random(20260101), products)
        await fleet.at_once(shop.burst().values())
        for _ in range(ROUNDS):
            calls = shop.burst()
            after = shop.chance.randint(1, BURST // 2)
            answers = await killed_during(fleet, calls, after=after)

            fleet = await stack.enter_async_context(fleet_of(1, database_url))
            assert not await audit(database_url)
            await require_kept(fleet, answers)
            again = dict(zip(calls, await fleet.at_once(calls.values()), strict=True))
            assert all(answer.is_success for answer in again.values())
            assert {order: again[order].text for order in answers} == {
                order: answer.text for order, answer in answers.items()
            }

        assert shop.paths == {*BECOMES}
        assert not await audit(database_url)
        for product in products:
            await fleet.kinds(product)
            assert await fleet.amounts(product) == shop.amounts(product)


async def killed_during(fleet: Fleet, calls: Calls, *, after: int) -> Answers:
    """
    Make all calls at once, kill the process when ``after`` of them are answered; the answers.
    """
    process = fleet.processes[0]
    answers: dict[str, httpx.Response] = {}

    async def ask(order: str, call: Call) -> None:
        answers[order] = await fleet.post(*call)
        if len(answers) == after:
            process.signal(signal.SIGKILL)

    asked = await asyncio.gather(
        *(ask(order, call) for order, call in calls.items()), return_exceptions=True
    )
    lost = [error for error in asked if error is not None]
    assert all(isinstance(error, httpx.TransportError) for error in lost)
    assert len(lost) == len(calls) - len(answers) > 0
    assert await process.ended() == -signal.SIGKILL
    return answers


async def audit(database_url: str) -> Mapping[str, str]:
    """
    The products whose books are wrong.
    """
    services = build_services(settings_for(database_url))
    async with services.opened():
        return await services.ledger.audit()


async def require_kept(fleet: Fleet, answers: Answers) -> None:
    """
    Every answer must have been good, and be what the service says today.
    """
    assert {*statuses(answers.values())} <= {"200", "201"}
    kept = await asyncio.gather(*map(fleet.lines, answers))
    for answer, lines in zip(answers.values(), kept, strict=True):
        told = answer.json()
        assert lines == told.get("reservations", [told])
