"""
What the settings say is what is done: each with a value that is not its default.
"""

import asyncio

import pytest
from pricing_app import API, prepare, running_pricing, settings_for

from servicekit.testing.clock import FakeClock
from servicekit.testing.polling import eventually

DAY_S = 86_400


@pytest.fixture
async def prepared_url(sqlite_url: str) -> str:
    """
    A seeded database. What settings do, does not depend on which of the two it is.
    """
    await asyncio.to_thread(prepare, sqlite_url)
    return sqlite_url


async def test_the_shops_currency_is_the_one_that_is_set(
    prepared_url: str, clock: FakeClock
) -> None:
    """
    DEFAULT_CURRENCY is what everybody gets who names none.
    """
    async with running_pricing(settings_for(prepared_url, default_currency="EUR"), clock) as shop:
        answers = [
            (await shop.price("TEST-001")).json(),
            (await shop.prices("TEST-001")).json()["items"][0],
            (await shop.http.get(f"{API}/prices/TEST-001/versions")).json()["items"][0],
            (await shop.calculate("TEST-001")).json(),
        ]
        quote = (await shop.quote({"TEST-001": 1})).json()

    assert [(one["basePrice"], one["currency"]) for one in answers] == [("74.90", "EUR")] * 4
    assert (quote["finalPrice"], quote["currency"]) == ("74.90", "EUR")


async def test_taxes_are_those_that_are_set(prepared_url: str, clock: FakeClock) -> None:
    """
    TAX_RATES has the rate of a category, and the one of all others.
    """
    settings = settings_for(prepared_url, tax_rates='{"default":"0.5","books":"0.25"}')
    async with running_pricing(settings, clock) as shop:
        quote = (await shop.quote({"TEST-001": 1, "TEST-021": 1})).json()

    assert [(line["taxRate"], line["tax"]) for line in quote["lines"]] == [
        ("0.5", "39.50"),
        ("0.25", "4.25"),
    ]


async def test_quotes_hold_and_are_kept_as_long_as_is_set(
    prepared_url: str, clock: FakeClock
) -> None:
    """
    A quote holds for QUOTE_SECONDS, and is forgotten, by the running service itself, when it has
    been over for QUOTE_RETENTION_DAYS, and no earlier.
    """
    settings = settings_for(
        prepared_url, quote_seconds=60, quote_retention_days=2, maintenance_interval_seconds=1
    )
    async with running_pricing(settings, clock) as shop:
        old = (await shop.quote({"TEST-001": 1})).json()
        clock.advance(1)
        new = (await shop.quote({"TEST-001": 1})).json()
        # Within a second each: the first is over for more than two days, the other not quite.
        clock.advance(2 * DAY_S + 59.5)

        async def is_forgotten() -> bool:
            return (await shop.stored(old["quoteId"])).status_code == 404

        await eventually(is_forgotten)
        kept = await shop.stored(new["quoteId"])

    assert (old["validUntil"], new["validUntil"]) == (
        "2026-01-01T12:01:00Z",
        "2026-01-01T12:01:01Z",
    )
    assert kept.status_code == 200
