"""
The history of a price, against a model of a few lines.
"""

import asyncio
import itertools
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

import orjson
from hypothesis import given, settings
from hypothesis import strategies as st
from pricing_app import settings_for

from pricing.errors import NoPrice
from pricing.prices.models import NewPrice, PriceType
from pricing.wiring import Services, build_services
from servicekit.testing.clock import FakeClock

BEGINNING = FakeClock().now()
LAST_MINUTE = 60


@dataclass(frozen=True)
class Setting:
    """
    A price that is set so many minutes after the one before, in minutes from then.
    """

    after: int
    type: PriceType
    cents: int
    begins_in: int | None
    lasts: int | None


SETTINGS = st.lists(
    st.builds(
        Setting,
        after=st.integers(0, 4),
        type=st.sampled_from(PriceType),
        cents=st.integers(0, 10_000_000_000),
        begins_in=st.none() | st.integers(0, 10),
        lasts=st.none() | st.integers(1, 10),
    ),
    min_size=1,
    max_size=12,
)
MINUTES = st.lists(st.integers(-1, LAST_MINUTE), min_size=1, max_size=12)


class Model:
    """
    Every price as it was set. Of a type, that counts which begins last, and of those that begin
    together the one set last; a sale counts before a regular price.
    """

    def __init__(self) -> None:
        self._kept: list[tuple[PriceType, int, int | None, int]] = []

    def set(self, setting: Setting, now: int) -> None:
        """
        Note a price.
        """
        begins = now + (setting.begins_in or 0)
        ends = None if setting.lasts is None else begins + setting.lasts
        self._kept.append((setting.type, begins, ends, setting.cents))

    def cents_at(self, minute: int) -> int | None:
        """
        What somebody pays then.
        """
        for type_ in (PriceType.SALE, PriceType.REGULAR):
            begun = [one for one in self._kept if one[0] is type_ and one[1] <= minute]
            # The last of those that begin last: max() alone would return the first.
            latest = max(reversed(begun), key=lambda one: one[1], default=None)
            if latest is not None and (latest[2] is None or minute < latest[2]):
                return latest[3]
        return None


def moment(minute: int) -> datetime:
    """
    So many minutes after the beginning.
    """
    return BEGINNING + timedelta(minutes=minute)


async def set_price(services: Services, product_id: str, setting: Setting, now: int) -> None:
    """
    The same by the service.
    """
    begins = now + (setting.begins_in or 0)
    await services.prices.set(
        NewPrice(
            product_id=product_id,
            amount=Decimal(setting.cents).scaleb(-2),
            currency="USD",
            type=setting.type,
            valid_from=None if setting.begins_in is None else moment(begins),
            valid_until=None if setting.lasts is None else moment(begins + setting.lasts),
        ),
        by=None,
    )


async def cents_at(services: Services, product_id: str, at: datetime) -> int | None:
    """
    What the service says that somebody pays then.
    """
    try:
        told = orjson.loads(await services.prices.one(product_id, "USD", at=at))
    except NoPrice:
        return None
    return int(Decimal(told["basePrice"]).scaleb(2))


def test_history_agrees_with_the_model(seeded_url: str) -> None:
    """
    Whatever is set in whatever order, the price at each moment, past and future, is the model's;
    and no moment has two versions of one type.
    """
    products = (f"P-{number}" for number in range(10_000))
    with asyncio.Runner() as runner:
        clock = FakeClock()
        services = build_services(settings_for(seeded_url), now=clock.now)

        async def check(asked: list[Setting], minutes: list[int]) -> None:
            clock.set_wall(BEGINNING)
            model, product_id, now = Model(), next(products), 0
            for setting in asked:
                now += setting.after
                clock.set_wall(moment(now))
                model.set(setting, now)
                await set_price(services, product_id, setting, now)
            for minute in minutes:
                told = await cents_at(services, product_id, moment(minute))
                assert told == model.cents_at(minute), minute
            await no_two_at_once(services, product_id)

        @settings(max_examples=80, deadline=None)
        @given(SETTINGS, MINUTES)
        def agrees(asked: list[Setting], minutes: list[int]) -> None:
            runner.run(check(asked, minutes))

        try:
            agrees()
        finally:
            runner.run(services.database.aclose())


async def no_two_at_once(services: Services, product_id: str) -> None:
    """
    Versions of one type do not overlap.
    """
    found = await services.prices.history(product_id, "USD", page=1, size=200)
    for type_ in PriceType:
        windows = sorted(
            (version.price.valid_from, version.price.valid_until)
            for version in found.versions
            if version.price.type is type_ and version.price.valid_from < version.price.valid_until
        )
        for (_, ends), (begins, _) in itertools.pairwise(windows):
            assert ends <= begins


async def test_prices_set_at_once_follow_one_another(seeded_url: str) -> None:
    """
    Of sixty prices that are set at the same time by two replicas, each is in the history, they
    follow one another without a gap, and one is in force.
    """
    replicas = [build_services(settings_for(seeded_url)) for _ in range(2)]
    amounts = {Decimal(number) for number in range(1, 61)}
    try:
        await asyncio.gather(
            *(
                replicas[int(amount) % 2].prices.set(NewPrice("RACE", amount, "USD"), by=None)
                for amount in amounts
            )
        )
        found = await replicas[0].prices.history("RACE", "USD", page=1, size=200)
        now = orjson.loads(await replicas[1].prices.one("RACE", "USD", at=None))
    finally:
        for services in replicas:
            await services.database.aclose()

    newest_first = [version.price for version in found.versions]
    assert {price.amount for price in newest_first} == amounts
    assert Decimal(now["basePrice"]) == newest_first[0].amount
    assert all(
        older.valid_until == newer.valid_from for newer, older in itertools.pairwise(newest_first)
    )
