"""
``kill -9`` in the middle of a burst: what was answered is kept, and the books add up.
"""

import asyncio
import random
import signal
import uuid
from collections import Counter
from collections.abc import Iterable, Mapping
from contextlib import AsyncExitStack

import httpx
from bursts import Call, Fleet, fleet_of, statuses
from inventory_app import settings_for

from inventory.wiring import build_services
from servicekit import migrations

ROUNDS = 3
BURST = 60

Calls = Mapping[str, Call]
Answers = Mapping[str, httpx.Response]


async def test_what_was_answered_survives_a_kill(database_url: str) -> None:
    """
    After each of three kills the books add up, every reservation that was answered is there as it
    was told, and sending everything again reserves what is missing, once.
    """
    chance = random.Random(20260101)
    held: Counter[str] = Counter()
    await migrations.upgrade(database_url, "inventory")
    async with AsyncExitStack() as stack:
        fleet = await stack.enter_async_context(fleet_of(1, database_url))
        products = [await fleet.product(100_000) for _ in range(3)]
        for _ in range(ROUNDS):
            calls = burst(chance, products)
            answers = await killed_during(fleet, calls, after=chance.randint(1, BURST // 2))
            held.update(quantities(calls.values()))

            fleet = await stack.enter_async_context(fleet_of(1, database_url))
            assert not await audit(database_url)
            await require_kept(fleet, answers)
            again = dict(zip(calls, await fleet.at_once(calls.values()), strict=True))
            assert statuses(again.values()) == {"201": BURST}
            assert {order: again[order].text for order in answers} == {
                order: answer.text for order, answer in answers.items()
            }

        assert not await audit(database_url)
        for product in products:
            await fleet.kinds(product)
            assert await fleet.amounts(product) == (100_000, held[product])


def burst(chance: random.Random, products: list[str]) -> Calls:
    """
    Calls by order: each reserves one or several products for an order of its own.
    """
    calls: dict[str, Call] = {}
    for _ in range(BURST):
        order = f"order-{uuid.uuid4().hex[:12]}"
        lines = [
            {"productId": product, "quantity": chance.randint(1, 5)}
            for product in chance.sample(products, chance.randint(1, len(products)))
        ]
        if chance.random() < 0.5:
            calls[order] = "/stock/reserve", {"orderId": order, **lines[0]}
        else:
            calls[order] = "/stock/reservations", {"orderId": order, "items": lines}
    return calls


def quantities(calls: Iterable[Call]) -> Counter[str]:
    """
    How many units of each product these calls ask for.
    """
    units: Counter[str] = Counter()
    for _, body in calls:
        for line in body.get("items", [body]):
            units[line["productId"]] += line["quantity"]
    return units


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
    assert set(statuses(answers.values())) == {"201"}
    kept = await asyncio.gather(*map(fleet.lines, answers))
    for answer, lines in zip(answers.values(), kept, strict=True):
        told = answer.json()
        assert lines == told.get("reservations", [told])
