"""
Codes with a limited number of uses: never more are claimed than there are, whoever asks, how often
and at which of the service's processes.
"""

import asyncio
import sys
from collections import Counter
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from decimal import Decimal

import httpx
import pytest
from pricing_app import API, environment_for, gateway, merchant, reasons_of, settings_for

from pricing.discounts.models import Discount, Percentage
from pricing.errors import InvalidDiscount
from pricing.quotes.models import Item, Wanted
from pricing.wiring import build_services
from servicekit.testing.clock import FakeClock
from servicekit.testing.serving import serve_process

PROCESSES = 3
USES = 20
ORDERS = [f"order-{number}" for number in range(60)]


@dataclass(frozen=True)
class Replicas:
    """
    The service as several processes on one database.
    """

    clients: Sequence[httpx.AsyncClient]

    async def limit(self, code: str, uses: int) -> None:
        """
        Make a code with so many uses.
        """
        half = {"type": "PERCENTAGE", "percent": "50"}
        body = {"description": "For the first ones", "kind": half, "useLimit": uses}
        url = f"{API}/discounts/{code}"
        answer = await self.clients[0].put(url, json=body, headers=merchant())
        assert answer.status_code == 200, answer.text

    async def uses(self, code: str) -> int:
        """
        How many uses of a code are claimed.
        """
        answer = await self.clients[-1].get(f"{API}/discounts/{code}", headers=merchant())
        return int(answer.json()["uses"])

    async def quotes(
        self, orders: Iterable[str], *codes: str, first: int = 0
    ) -> list[httpx.Response]:
        """
        What they answer, each to its part of the orders, where one after another is asked.
        """
        bodies = [
            {
                "items": [{"productId": "TEST-021", "quantity": 1}],
                # As many of them begin with the last code as with the first.
                "discountCodes": codes[::-1] if at % 2 else codes,
                "orderId": order,
            }
            for at, order in enumerate(orders)
        ]
        return await self._posted("/prices/quote", bodies, first)

    async def releases(self, orders: Iterable[str], *, first: int = 0) -> list[httpx.Response]:
        """
        The same for releases.
        """
        bodies = [{"orderId": order} for order in orders]
        return await self._posted("/prices/quotes/release", bodies, first)

    async def _posted(
        self, path: str, bodies: Sequence[object], first: int
    ) -> list[httpx.Response]:
        return await asyncio.gather(
            *(
                self.clients[at % PROCESSES].post(f"{API}{path}", json=body, headers=gateway())
                for at, body in enumerate(bodies, first)
            )
        )


@pytest.fixture
async def replicas(seeded_url: str) -> AsyncIterator[Replicas]:
    """
    The processes, each with a client.
    """
    env = environment_for(seeded_url, LOG_LEVEL="WARNING")
    argv = [sys.executable, "-m", "pricing", "serve"]
    async with AsyncExitStack() as stack:
        served = [stack.enter_async_context(serve_process(argv, env)) for _ in range(PROCESSES)]
        clients = [
            httpx.AsyncClient(base_url=process.url, timeout=30)
            for process in await asyncio.gather(*served)
        ]
        for client in clients:
            await stack.enter_async_context(client)
        yield Replicas(clients)


async def test_uses_are_counted_across_processes(replicas: Replicas) -> None:
    """
    Of sixty orders at once, exactly as many get a use as there are; each order gets one, however
    often it asks; a release, however often it is sent, gives back that one; and a quote that races
    its release leaves nothing claimed.
    """
    winners = await no_more_than_there_are(replicas)
    await all_of_an_orders_codes_or_none(replicas)
    await given_back_once(replicas, winners)
    await nothing_left_of_a_race(replicas)


async def no_more_than_there_are(replicas: Replicas) -> list[str]:
    """
    Sixty orders, each sent twice at once to different processes: twenty get it, the same both
    times. Returns these.
    """
    await replicas.limit("FIRST20", USES)

    one, other = await asyncio.gather(
        replicas.quotes(ORDERS, "FIRST20"), replicas.quotes(ORDERS, "FIRST20", first=1)
    )

    assert Counter(answer.status_code for answer in one) == {200: USES, 422: 40}
    assert [answer.status_code for answer in one] == [answer.status_code for answer in other]
    for first, second in zip(one, other, strict=True):
        if first.is_success:
            assert first.text == second.text
        else:
            assert reasons_of(first) == reasons_of(second) == {"FIRST20": "USED_UP"}
    assert await replicas.uses("FIRST20") == USES
    return [order for order, answer in zip(ORDERS, one, strict=True) if answer.is_success]


async def all_of_an_orders_codes_or_none(replicas: Replicas) -> None:
    """
    Where one of two codes is used up, no use of the other goes; nor do orders block each other that
    name the codes in different order.
    """
    await replicas.limit("MANY", 50)
    await replicas.limit("FEW", 10)

    answers = await replicas.quotes([f"both-{order}" for order in ORDERS], "MANY", "FEW")

    assert Counter(answer.status_code for answer in answers) == {200: 10, 422: 50}
    assert await replicas.uses("FEW") == 10
    assert await replicas.uses("MANY") == 10


async def given_back_once(replicas: Replicas, winners: Sequence[str]) -> None:
    """
    Half of the orders that have a use are given up, each three times at once, and half of the uses
    come back; then all are, and others may have them.
    """
    half = winners[::2]

    released = await asyncio.gather(*(replicas.releases(half, first=at) for at in range(3)))

    assert {answer.status_code for answers in released for answer in answers} == {200}
    for same in zip(*released, strict=True):
        assert len({answer.text for answer in same}) == 1
    assert await replicas.uses("FIRST20") == USES - len(half)
    await replicas.releases(ORDERS)
    assert await replicas.uses("FIRST20") == 0
    late = await replicas.quotes(ORDERS, "FIRST20", first=2)
    assert {answer.status_code for answer in late} == {409}
    others = await replicas.quotes([f"other-{order}" for order in ORDERS], "FIRST20")
    assert Counter(answer.status_code for answer in others) == {200: USES, 422: 40}


async def nothing_left_of_a_race(replicas: Replicas) -> None:
    """
    Whichever of quote and release is first: afterwards nothing is claimed, and no quote comes.
    """
    await replicas.limit("RACED", len(ORDERS))
    orders = [f"raced-{order}" for order in ORDERS]

    quotes, releases, again = await asyncio.gather(
        replicas.quotes(orders, "RACED"),
        replicas.releases(orders, first=1),
        replicas.quotes(orders, "RACED", first=2),
    )

    assert {answer.status_code for answer in releases} == {200}
    assert {answer.status_code for answer in quotes + again} <= {200, 409}
    assert await replicas.uses("RACED") == 0
    assert {answer.status_code for answer in await replicas.quotes(orders, "RACED")} == {409}


async def test_the_last_use_stays_its_orders_own(seeded_url: str, clock: FakeClock) -> None:
    """
    An order that holds the last use of a code is quoted with it again when its quote was forgotten,
    and claims no other; for all others the code is used up.
    """
    services = build_services(settings_for(seeded_url, quote_retention_days=1), now=clock.now)
    half = Percentage(Decimal(50))
    wanted = Wanted((Item("TEST-021", 1),), ("LAST",), "USD")

    async with services.opened():
        await services.discounts.save(Discount("LAST", "Once", half, use_limit=1), by=None)
        first = await services.quotes.quote(wanted, order_id="holder")
        clock.advance(2 * 86_400)
        assert await services.quotes.forget_old() == 2

        again = await services.quotes.quote(wanted, order_id="holder")
        for other in ("other", None):
            with pytest.raises(InvalidDiscount) as refused:
                await services.quotes.quote(wanted, order_id=other)
            assert refused.value.details["codes"] == [{"code": "LAST", "reason": "USED_UP"}]
        uses = (await services.discounts.get("LAST")).uses

    assert again != first
    assert uses == 1


async def test_what_is_forgotten_changes_no_count(seeded_url: str, clock: FakeClock) -> None:
    """
    An order that comes back long after its quote was forgotten still has the one use that it
    claimed; one that is released again after its release was forgotten gives back no other's.
    """
    services = build_services(settings_for(seeded_url, quote_retention_days=1), now=clock.now)
    quotes = services.quotes
    wanted = Wanted((Item("TEST-021", 1),), ("FLASH50",), "USD")

    async def uses_later() -> int:
        clock.advance(2 * 86_400)
        assert await quotes.forget_old() > 0
        return (await services.discounts.get("FLASH50")).uses

    async with services.opened():
        for order in ("one", "other"):
            await quotes.quote(wanted, order_id=order)
        assert await uses_later() == 2
        await quotes.quote(wanted, order_id="one")
        assert await uses_later() == 2

        for _ in range(2):
            await quotes.release("one")
            assert await uses_later() == 1
