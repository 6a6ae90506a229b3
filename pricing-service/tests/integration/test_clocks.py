"""
Prices set by replicas whose clocks differ, or by one whose clock is put back.
"""

import asyncio
import itertools
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pricing_app import RunningPricing, running_pricing, settings_for

from pricing.prices.models import NewPrice, PriceVersion
from pricing.wiring import Services, build_services
from servicekit.testing.clock import FakeClock

BEGINNING = FakeClock().now()
DAY_S = 86_400.0


@pytest.fixture
async def replicas(seeded_url: str) -> AsyncIterator[tuple[RunningPricing, RunningPricing]]:
    """
    Two services on one database; the clock of the first is 150 ms ahead of the second's.
    """
    async with AsyncExitStack() as stack:
        ahead, behind = [
            await stack.enter_async_context(
                running_pricing(settings_for(seeded_url), FakeClock(after(seconds)))
            )
            for seconds in (0.2, 0.05)
        ]
        yield ahead, behind


def after(seconds: float) -> datetime:
    """
    So long after the beginning.
    """
    return BEGINNING + timedelta(seconds=seconds)


async def price(pricing: RunningPricing, at: datetime | None = None) -> str:
    """
    What the product costs.
    """
    query = {} if at is None else {"at": at.isoformat()}
    answer = await pricing.price("TEST-001", **query)
    assert answer.status_code == 200, answer.text
    return str(answer.json()["basePrice"])


async def set_price(pricing: RunningPricing, amount: str, *, at: datetime | None = None) -> None:
    """
    Set what the product costs, from now or this moment on.
    """
    window = {} if at is None else {"validFrom": at.isoformat()}
    answer = await pricing.set_price("TEST-001", amount, **window)
    assert answer.status_code == 200, answer.text


async def test_the_later_price_counts_whoever_set_it(
    replicas: tuple[RunningPricing, RunningPricing],
) -> None:
    """
    A price that is set after another holds at once and from then on, though the clock of who set
    the other is ahead.
    """
    ahead, behind = replicas
    await set_price(ahead, "10.00")
    await set_price(behind, "12.00")

    assert await price(behind) == "12.00"
    for pricing in replicas:
        pricing.clock.advance(DAY_S)
        assert await price(pricing) == "12.00"


@pytest.mark.parametrize("begins_in_s", [None, 600.0])
async def test_a_clock_that_is_put_back_brings_no_price_back(
    pricing: RunningPricing, begins_in_s: float | None
) -> None:
    """
    What is set afterwards, for now or for later, is not replaced by what was set before.
    """
    await set_price(pricing, "10.00")
    pricing.clock.set_wall(after(-3600))

    begins = None if begins_in_s is None else after(begins_in_s - 3600)
    await set_price(pricing, "12.00", at=begins)

    pricing.clock.advance(601)
    assert await price(pricing) == "12.00"
    pricing.clock.advance(DAY_S)
    assert await price(pricing) == "12.00"


async def test_a_planned_price_stays(replicas: tuple[RunningPricing, RunningPricing]) -> None:
    """
    Neither a clock ahead nor one behind ends a plan: it replaces what was set for now.
    """
    ahead, behind = replicas
    await set_price(ahead, "11.00", at=after(60))
    await set_price(ahead, "10.00")
    await set_price(behind, "12.00")

    assert await price(behind, after(59)) == "12.00"
    assert await price(behind, after(60)) == "11.00"
    assert await price(behind, after(DAY_S)) == "11.00"


async def test_a_plan_between_two_clocks_leaves_no_gap(
    replicas: tuple[RunningPricing, RunningPricing],
) -> None:
    """
    A plan that has begun by one clock and not by the other: what replaced it still does, and there
    is a price at each moment.
    """
    ahead, behind = replicas
    await set_price(behind, "11.00", at=after(0.1))
    await set_price(ahead, "10.00")
    await set_price(behind, "12.00")

    moments = [after(seconds) for seconds in (0.05, 0.099, 0.1, 0.199, 0.2, DAY_S)]
    told = [await price(behind, moment) for moment in moments]
    assert told == ["12.00", "12.00", "11.00", "11.00", "10.00", "10.00"]


@dataclass(frozen=True)
class Setting:
    """
    A price that is set by a clock that shows so many seconds, from so many seconds later on.
    """

    clock_s: int
    begins_in_s: int | None


SETTINGS = st.lists(
    st.builds(Setting, clock_s=st.integers(-9, 9), begins_in_s=st.none() | st.integers(1, 9)),
    min_size=1,
    max_size=10,
)


def test_no_clock_makes_a_gap_or_an_earlier_price_win(seeded_url: str) -> None:
    """
    Whatever clocks show: a price holds as soon as it begins, until a planned one begins; prices
    do not overlap, and from the first on there is always one.
    """
    with asyncio.Runner() as runner:
        clock = FakeClock()
        services = build_services(settings_for(seeded_url), now=clock.now)
        products = (f"P-{number}" for number in range(10_000))

        async def check(asked: list[Setting]) -> None:
            product_id = next(products)
            for number, setting in enumerate(asked, start=1):
                clock.set_wall(after(setting.clock_s))
                kept = await set_by(services, product_id, Decimal(number), setting)
                history = await services.prices.history(product_id, "USD", page=1, size=50)
                versions = [one for one in history.versions if not is_empty(one)]
                assert kept in versions
                follow_one_another(versions)
                ends_where_a_plan_begins(kept, versions)
                told = await services.prices.one(product_id, "USD", at=kept.price.valid_from)
                assert Decimal(orjson.loads(told)["basePrice"]) == number

        @settings(max_examples=50, deadline=None)
        @given(SETTINGS)
        def holds(asked: list[Setting]) -> None:
            runner.run(check(asked))

        try:
            holds()
        finally:
            runner.run(services.database.aclose())


async def set_by(
    services: Services, product_id: str, amount: Decimal, setting: Setting
) -> PriceVersion:
    """
    The version that is kept.
    """
    begins_in_s = setting.begins_in_s
    begins = None if begins_in_s is None else after(setting.clock_s + begins_in_s)
    new = NewPrice(product_id, amount, "USD", valid_from=begins)
    return (await services.prices.set(new, by=None)).version


def is_empty(version: PriceVersion) -> bool:
    """
    Whether it was replaced before it began.
    """
    return version.price.valid_from == version.price.valid_until


def follow_one_another(newest_first: list[PriceVersion]) -> None:
    """
    None overlaps another, and between them is no gap.
    """
    for newer, older in itertools.pairwise(newest_first):
        assert older.price.valid_until == newer.price.valid_from


def ends_where_a_plan_begins(kept: PriceVersion, versions: list[PriceVersion]) -> None:
    """
    What replaces a version that was just set was planned.
    """
    for version in versions:
        if version.price.valid_from == kept.price.valid_until:
            assert version.price.valid_from > version.set_at
