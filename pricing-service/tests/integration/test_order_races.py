"""
What happens to one order at the same moment, at two replicas: it is done once.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from datetime import UTC, datetime
from decimal import Decimal

import pytest
from pricing_app import settings_for

from pricing.discounts.models import Discount, Percentage
from pricing.errors import InvalidDiscount, QuoteConflict
from pricing.quotes.models import Item, Wanted
from pricing.wiring import Services, build_services

WANTED = Wanted((Item("TEST-001", 1),), ("LIMITED",), "USD")
Replicas = tuple[Services, Services]


@pytest.fixture
async def replicas(seeded_url: str) -> AsyncIterator[Replicas]:
    """
    Two replicas on one database, with a code that fifty orders may use.
    """
    now = datetime(2026, 6, 1, tzinfo=UTC)
    first, second = (build_services(settings_for(seeded_url), now=lambda: now) for _ in range(2))
    limited = Discount("LIMITED", "A tenth", Percentage(Decimal(10)), use_limit=50)
    await first.discounts.save(limited, by=None)
    yield first, second
    await first.database.aclose()
    await second.database.aclose()


async def uses(replicas: Replicas) -> int:
    """
    How many uses are claimed.
    """
    return (await replicas[0].discounts.get("LIMITED")).uses


async def test_an_order_that_is_released_at_once_gives_back_once(replicas: Replicas) -> None:
    """
    Ten releases of an order at the same time give one use back, and tell the same.
    """
    for number in range(5):
        await replicas[0].quotes.quote(WANTED, order_id=f"order-{number}")
    told = await asyncio.gather(
        *(replicas[number % 2].quotes.release("order-1") for number in range(10))
    )

    assert len(set(told)) == 1
    assert await uses(replicas) == 4


async def test_an_order_that_is_quoted_at_once_has_one_quote(replicas: Replicas) -> None:
    """
    Ten quotes for an order at the same time are one quote, and one use.
    """
    told = await asyncio.gather(
        *(replicas[number % 2].quotes.quote(WANTED, order_id="order-1") for number in range(10))
    )

    assert len(set(told)) == 1
    assert await uses(replicas) == 1


async def test_a_quote_and_a_release_at_once_leave_nothing_claimed(replicas: Replicas) -> None:
    """
    Whichever comes first: twenty orders that are quoted and given up at the same time hold nothing.
    """

    async def quote(order_id: str) -> None:
        # Too late, where the release was first.
        with suppress(QuoteConflict):
            await replicas[0].quotes.quote(WANTED, order_id=order_id)

    orders = [f"order-{number}" for number in range(20)]
    await asyncio.gather(
        *(quote(order) for order in orders),
        *(replicas[1].quotes.release(order) for order in orders),
    )

    assert await uses(replicas) == 0


async def test_a_code_that_is_removed_while_it_is_claimed_leaves_nothing(
    replicas: Replicas,
) -> None:
    """
    Orders get their quote or a refusal, never a failure, and a new code starts from nothing.
    """

    async def quote(number: int) -> str:
        try:
            return await replicas[number % 2].quotes.quote(WANTED, order_id=f"order-{number}")
        except InvalidDiscount as refused:
            return refused.code

    kept = (await replicas[0].discounts.get("LIMITED")).discount
    told = await asyncio.gather(
        *(quote(number) for number in range(20)),
        replicas[1].discounts.remove("LIMITED", by=None),
    )
    await replicas[0].discounts.save(kept, by=None)
    for number in range(20):
        await replicas[1].quotes.release(f"order-{number}")

    assert len(told) == 21
    assert await uses(replicas) == 0
