"""
Three gateways on one PostgreSQL, while people shop: one is killed for good, one is frozen for half a
minute, and the database is restarted. What they had begun goes on elsewhere, soon.
"""

import asyncio
import signal
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

from servicekit.testing import eventually
from tests.chaos.books import Discrepancy
from tests.chaos.construction import GATEWAY, Plan
from tests.chaos.fault_proxy import Faults
from tests.chaos.servers import Server
from tests.chaos.shopping import Told
from tests.chaos.single_shop import Shop, shop
from tests.chaos.statement import open_orders
from tests.chaos.tally import Tally, say

#: So slow that orders are on their way at any moment.
SLOW: Final = Faults(latency_s=0.1)
AT_ONCE: Final = 16
KILLED: Final = f"{GATEWAY}-3"
FROZEN: Final = f"{GATEWAY}-2"
AFTER_KILL_S: Final = 5.0
AFTER_FREEZE_S: Final = 10.0
AFTER_THAW_S: Final = 10.0
AFTER_RESTART_S: Final = 10.0
FROZEN_FOR_S: Final = 30.0
_WARM_UP_S: Final = 3.0
_IDLE_S: Final = 0.08
_TRIES: Final = 120
_GIVE_UP_AFTER_S: Final = 60.0


async def replicas(seed: str, tally: Tally) -> None:
    """
    Do all three, and note what took longer than it may.
    """
    plan = Plan("postgresql", seed, gateways=3, gateway_settings={})
    async with shop(plan, tally, answer_within_s=4.0) as place:
        place.world.set_faults(SLOW)
        told: list[Told] = []
        async with _shopping(place, told):
            await asyncio.sleep(_WARM_UP_S)
            await _kill(place)
            await asyncio.sleep(_WARM_UP_S)
            await _freeze(place)
            await asyncio.sleep(_WARM_UP_S)
            await _restart_database(place)
            await asyncio.sleep(_WARM_UP_S)
        await place.settled_books(told)


async def _kill(place: Shop) -> None:
    open_before = await open_orders(place.world.databases)
    place.world.kill(KILLED)
    open_then = open_before | await open_orders(place.world.databases)
    await _ended(place, "a gateway was killed for good", open_then, within_s=AFTER_KILL_S)


async def _freeze(place: Shop) -> None:
    server = place.world.servers[FROZEN]
    began = time.monotonic()
    open_before = await open_orders(place.world.databases)
    where = await _stop_in_a_transaction(place, server)
    open_then = open_before | await open_orders(place.world.databases)
    await _ended(place, f"a gateway was frozen {where}", open_then, within_s=AFTER_FREEZE_S)
    await asyncio.sleep(FROZEN_FOR_S - (time.monotonic() - began))
    server.send(signal.SIGCONT)
    # What it takes on now is its own again, with whatever the frost has left in it.
    await asyncio.sleep(_WARM_UP_S)
    open_now = await open_orders(place.world.databases)
    await _ended(place, "a gateway was thawed", open_now, within_s=AFTER_THAW_S)


async def _stop_in_a_transaction(place: Shop, server: Server) -> str:
    """
    Freeze it where that hurts most: while it holds a lock on an order. Returns where it is frozen.
    """
    for _ in range(_TRIES):
        server.send(signal.SIGSTOP)
        await asyncio.sleep(2 * _IDLE_S)
        if await asyncio.to_thread(_holds_a_row, place):
            return "with a row in its hand"
        server.send(signal.SIGCONT)
        await asyncio.sleep(_IDLE_S)
    server.send(signal.SIGSTOP)
    return "between transactions"


def _holds_a_row(place: Shop) -> bool:
    """
    Whether a gateway has changed a row, and left it at that for longer than any that runs would.
    """
    process = place.world.databases.server
    idle = "state = 'idle in transaction' AND clock_timestamp() - state_change > interval"
    changed = f"datname = '{GATEWAY.replace('-', '_')}' AND query ILIKE 'UPDATE%'"
    question = f"SELECT count(*) FROM pg_stat_activity WHERE {changed} AND {idle} '{_IDLE_S} s'"
    return process is not None and process.server.sql(question).strip() != "0"


async def _restart_database(place: Shop) -> None:
    server = place.world.databases.server
    if server is None:
        raise ValueError("replicas need PostgreSQL")
    open_before = await open_orders(place.world.databases)
    await asyncio.to_thread(server.stop)
    await asyncio.to_thread(server.start)
    await _ended(place, "PostgreSQL was restarted", open_before, within_s=AFTER_RESTART_S)


async def _ended(place: Shop, what: str, orders: set[str], *, within_s: float) -> None:
    began = time.monotonic()
    left = orders

    async def is_over() -> bool:
        nonlocal left
        left = orders & await open_orders(place.world.databases)
        return not left

    try:
        await eventually(is_over, within_s=_GIVE_UP_AFTER_S, every_s=0.05)
    except AssertionError:
        place.tally.found.append(Discrepancy("takeover", what, f"stranded: {sorted(left)}"))
    seconds = time.monotonic() - began
    say(f"{what} with {len(orders)} orders on their way: the last ended {seconds:.1f} s later")
    if seconds > within_s:
        late = f"the last order ended after {seconds:.1f} s, not within {within_s:.0f} s"
        place.tally.found.append(Discrepancy("takeover", what, late))


@asynccontextmanager
async def _shopping(place: Shop, told: list[Told]) -> AsyncIterator[None]:
    """
    People come and go meanwhile.
    """
    over = asyncio.Event()

    async def stream() -> None:
        while not over.is_set():
            (wish,) = place.crowd.wishes(1)
            told.extend(await place.crowd.shop([wish], at_once=1))

    streams = [asyncio.create_task(stream()) for _ in range(AT_ONCE)]
    try:
        yield
    finally:
        over.set()
        await asyncio.gather(*streams)
