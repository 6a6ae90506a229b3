"""
``kill -9`` in the middle of a burst: what was answered is kept, and the books add up.
"""

import asyncio
import os
import random
import signal
import sys
import uuid
from collections import Counter
from collections.abc import Iterable, Mapping

import httpx
from bursts import Call, Fleet, environment, fleet_of, statuses

from servicekit import migrations

ROUNDS = 3
BURST = 120

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
    async with fleet_of(1, database_url) as fleet:
        products = [await fleet.product(100_000) for _ in range(3)]

    for _ in range(ROUNDS):
        calls = burst(chance, products)
        held.update(quantities(calls.values()))
        async with fleet_of(1, database_url) as fleet:
            answers = await killed_during(fleet, calls, after=chance.randint(1, BURST // 2))

        assert await audit(database_url) == 0
        async with fleet_of(1, database_url) as fleet:
            await require_kept(fleet, answers)
            again = await fleet.at_once(calls.values())
            assert statuses(again) == {"201": BURST}
            await require_kept(fleet, answers)
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


async def audit(database_url: str) -> int:
    """
    The exit code of ``python -m inventory audit``.
    """
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "inventory", "audit"),
        env={**os.environ, **environment(database_url)},
    )
    return await process.wait()


async def require_kept(fleet: Fleet, answers: Answers) -> None:
    """
    Every answer must have been good, and be what the service says today.
    """
    assert set(statuses(answers.values())) == {"201"}
    for order, answer in answers.items():
        told = answer.json()
        assert await fleet.lines(order) == told.get("reservations", [told])
