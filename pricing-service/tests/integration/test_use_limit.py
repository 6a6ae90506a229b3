"""
Codes with a limited number of uses: never more are claimed than there are, whoever asks, how often
and at which of the service's processes.
"""

import asyncio
import sys
import uuid
from collections import Counter
from collections.abc import AsyncIterator, Iterable, Iterator, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from decimal import Decimal

import httpx
import pytest
import pytest_asyncio
from pricing_app import API, environment_for, gateway, merchant, prepare, reasons_of, settings_for

from pricing.discounts.models import Discount, Percentage
from pricing.errors import InvalidDiscount
from pricing.quotes.models import Item, Wanted
from pricing.wiring import build_services
from servicekit.testing.clock import FakeClock
from servicekit.testing.fixtures import BOTH_DATABASES
from servicekit.testing.serving import serve_process

PROCESSES = 3
across_processes = pytest.mark.asyncio(loop_scope="module")


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


@pytest.fixture(scope="module", params=BOTH_DATABASES)
def shared_url(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[str]:
    """
    A seeded database that the tests of several processes share; once SQLite, once PostgreSQL.
    """
    if request.param == "sqlite":
        url = f"sqlite:///{tmp_path_factory.mktemp('uses')}/uses.db"
        prepare(url)
        yield url
        return
    server = request.getfixturevalue("postgres_server")
    template = request.getfixturevalue("postgres_template")("pricing", prepare)
    name = f"uses_{uuid.uuid4().hex}"
    server.create(name, template=template)
    yield server.url(name)
    server.drop(name)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def replicas(shared_url: str) -> AsyncIterator[Replicas]:
    """
    The processes, each with a client. They are started once for each database.
    """
    env = environment_for(shared_url, LOG_LEVEL="WARNING")
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


def orders(count: int = 60) -> list[str]:
    """
    Orders that no other test knows.
    """
    return [f"order-{uuid.uuid4().hex}" for _ in range(count)]


@across_processes
async def test_no_more_uses_go_than_there_are(replicas: Replicas) -> None:
    """
    Sixty orders, each sent twice at once to different processes: twenty get a use, the same both
    times.
    """
    wanting = orders()
    await replicas.limit("FIRST20", 20)

    one, other = await asyncio.gather(
        replicas.quotes(wanting, "FIRST20"), replicas.quotes(wanting, "FIRST20", first=1)
    )

    assert Counter(answer.status_code for answer in one) == {200: 20, 422: 40}
    assert [answer.status_code for answer in one] == [answer.status_code for answer in other]
    for first, second in zip(one, other, strict=True):
        if first.is_success:
            assert first.text == second.text
        else:
            assert reasons_of(first) == reasons_of(second) == {"FIRST20": "USED_UP"}
    assert await replicas.uses("FIRST20") == 20


@across_processes
async def test_an_order_gets_all_of_its_codes_or_none(replicas: Replicas) -> None:
    """
    Where one of two codes is used up, no use of the other goes; nor do orders block each other that
    name the codes in different order.
    """
    await replicas.limit("MANY", 50)
    await replicas.limit("FEW", 10)

    answers = await replicas.quotes(orders(), "MANY", "FEW")

    assert Counter(answer.status_code for answer in answers) == {200: 10, 422: 50}
    assert await replicas.uses("FEW") == 10
    assert await replicas.uses("MANY") == 10


@across_processes
async def test_uses_are_given_back_once(replicas: Replicas) -> None:
    """
    Half of the orders that have a use are given up, each three times at once, and half of the uses
    come back; when all have come back, others may have them.
    """
    holders = orders(20)
    await replicas.limit("BACK", 20)
    await replicas.quotes(holders, "BACK")

    released = await asyncio.gather(*(replicas.releases(holders[::2], first=at) for at in range(3)))

    assert {answer.status_code for answers in released for answer in answers} == {200}
    for same in zip(*released, strict=True):
        assert len({answer.text for answer in same}) == 1
    assert await replicas.uses("BACK") == 10
    await replicas.releases(holders)
    assert await replicas.uses("BACK") == 0
    late = await replicas.quotes(holders, "BACK", first=2)
    assert {answer.status_code for answer in late} == {409}
    others = await replicas.quotes(orders(), "BACK")
    assert Counter(answer.status_code for answer in others) == {200: 20, 422: 40}


@across_processes
async def test_a_quote_that_races_its_release_holds_nothing(replicas: Replicas) -> None:
    """
    Whichever of quote and release is first: afterwards nothing is claimed, and no quote comes.
    """
    racing = orders()
    await replicas.limit("RACED", len(racing))

    quotes, releases, again = await asyncio.gather(
        replicas.quotes(racing, "RACED"),
        replicas.releases(racing, first=1),
        replicas.quotes(racing, "RACED", first=2),
    )

    assert {answer.status_code for answer in releases} == {200}
    assert {answer.status_code for answer in quotes + again} <= {200, 409}
    assert await replicas.uses("RACED") == 0
    assert {answer.status_code for answer in await replicas.quotes(racing, "RACED")} == {409}


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
