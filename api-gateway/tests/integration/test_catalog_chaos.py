"""
The gateway as production runs it, before backends that fall ill on real sockets, while a crowd reads.

Time is measured by the callers. Where the machine let the gateway or this test wait for a processor,
that wait, as the system counts it, is added to what an answer and a recovery may take, and a 504 that
it explains is excused and counted; nothing else is.
"""

import random
import sys
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from functools import partial
from typing import Final

import pytest
import pytest_asyncio
from faulty_backend import FAULTS, KILLED, FaultyBackend, price, product
from fresh_database import fresh_database
from reading_crowd import Crowd

from servicekit.testing import eventually
from servicekit.testing.serving import serve_process

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.real_time]

DEADLINE_S: Final = 0.2
LATE_S: Final = 0.05
BREAKER_S: Final = 0.3
#: After a repair, a call on the wire may fail once more, the breaker stays open for its time, and
#: three probes close it.
RECOVERED_S: Final = DEADLINE_S + BREAKER_S + 0.1
CALLERS: Final = 24
WHATEVER_COMES: Final = frozenset({200, 503, 504})
FLIPS: Final = 30


@dataclass(frozen=True, slots=True)
class Shop:
    """
    The gateway and what stands behind it. All of it is well between two tests.
    """

    url: str
    pid: int
    backends: dict[str, FaultyBackend]

    def crowd(self) -> Crowd:
        """
        Callers who give the gateway little time.
        """
        return Crowd(self.url, self.pid, callers=CALLERS, deadline_s=DEADLINE_S)

    async def recover(self) -> None:
        """
        Make everything well.
        """
        for backend in self.backends.values():
            await backend.recover()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def shop() -> AsyncIterator[Shop]:
    """
    A gateway in a process of its own, which has read everything once that is asked for again.
    """
    backends = {"inventory": FaultyBackend(product), "pricing": FaultyBackend(price)}
    for backend in backends.values():
        await backend.start()
    environment = {
        "INVENTORY_SERVICE_URL": backends["inventory"].url,
        "PRICING_SERVICE_URL": backends["pricing"].url,
        "CIRCUIT_BREAKER_TIMEOUT": str(BREAKER_S),
        "DATABASE_URL": fresh_database(),
        "TAKES_ORDERS": "false",
    }
    async with serve_process([sys.executable, "-m", "gateway", "serve"], environment) as served:
        shop = Shop(served.url, served.pid, backends)
        crowd = shop.crowd()
        began_at = time.monotonic()
        async with crowd.reading():
            await eventually(lambda: crowd.has_all_since(began_at, rounds=8))
        yield shop
    for backend in backends.values():
        backend.kill()


def complaints(crowd: Crowd, *, statuses: frozenset[int]) -> list[str]:
    """
    Every promise that an answer has broken.
    """
    excused = sum(answer.is_excused for answer in crowd.answers)
    print(f"{len(crowd.answers)} answers, of which {excused} were excused")  # noqa: T201
    return [
        fault
        for answer in crowd.answers
        for fault in answer.faults(late_s=LATE_S, statuses=statuses)
    ]


async def recovery_s(crowd: Crowd) -> float:
    """
    How long after now the last answer came to which something was lacking.
    """
    now, stood_still_s = time.monotonic(), crowd.stood_still_s()

    def is_over() -> bool:
        return crowd.has_all_since(max(incomplete(crowd, now), default=now))

    await eventually(is_over, within_s=10)
    took_s = max(incomplete(crowd, now), default=now) - now
    return took_s - (crowd.stood_still_s() - stood_still_s)


def incomplete(crowd: Crowd, since: float) -> list[float]:
    """
    When the answers ended to which something was lacking, of those asked for since then.
    """
    return [a.ended_at for a in crowd.asked_since(since) if not a.is_complete]


@pytest.mark.parametrize("sick", ["inventory", "pricing"])
@pytest.mark.parametrize("fault", [*FAULTS, KILLED])
async def test_a_sick_backend_never_takes_reading_down(shop: Shop, sick: str, fault: str) -> None:
    """
    Whatever one backend does, every answer is in time and true, none fails, and all is well again
    one breaker period after the repair.
    """
    crowd = shop.crowd()

    async with crowd.reading():
        await shop.backends[sick].fall_ill(fault)
        fell_ill_at = time.monotonic()
        await eventually(lambda: crowd.has_all_since(fell_ill_at))
        await shop.recover()
        took_s = await recovery_s(crowd)

    assert complaints(crowd, statuses=frozenset({200})) == []
    assert any(not answer.is_complete for answer in crowd.asked_since(fell_ill_at))
    assert took_s < RECOVERED_S


async def test_reading_survives_whatever_both_do_at_once(shop: Shop) -> None:
    """
    Both backends fall from one sickness into the next: no answer is late, wrong or a crash.
    """
    crowd, chance = shop.crowd(), random.Random(20_261)

    async with crowd.reading():
        for _ in range(FLIPS):
            for backend in shop.backends.values():
                await backend.recover()
                await backend.fall_ill(chance.choice([*FAULTS, KILLED]))
            seen = len(crowd.answers)
            await eventually(partial(crowd.has_answered, seen + CALLERS))
        await shop.recover()
        took_s = await recovery_s(crowd)

    assert complaints(crowd, statuses=WHATEVER_COMES) == []
    assert took_s < RECOVERED_S
