"""
How the service describes itself, and that what it sends and stores is what it says.
"""

import asyncio
import re

from pricing_app import (
    API,
    RunningPricing,
    merchant,
    settings_for,
)
from pydantic import BaseModel, JsonValue
from sqlalchemy import func, select
from structlog.testing import capture_logs

from pricing.demo_prices import demo_discounts, demo_prices
from pricing.main import create_app
from pricing.prices.schemas import (
    PriceResponse,
    PricesResponse,
    SetPriceResponse,
    VersionsResponse,
)
from pricing.quotes.schemas import CalculationResponse, QuoteResponse, ReleaseResponse
from pricing.seed import seed
from pricing.tables import price_versions
from pricing.wiring import build_services
from servicekit import migrations
from servicekit.testing.clock import FakeClock


async def test_migrations_make_the_tables(database_url: str) -> None:
    """
    A new database, migrated, differs in nothing from the tables that the code uses.
    """
    assert await migrations.pending_model_changes(database_url, "pricing") == []


async def test_every_route_is_described(sqlite_url: str) -> None:
    """
    Each route has a summary, and each of its errors an example.
    """
    paths = create_app(settings_for(sqlite_url)).openapi()["paths"]

    assert len([path for path in paths if path.startswith(API)]) == 9
    for path, operations in paths.items():
        for operation in operations.values():
            assert operation["summary"], path
            for status, response in operation["responses"].items():
                if status.startswith("4"):
                    assert response["content"]["application/json"]["examples"], (path, status)


def exactly(model: type[BaseModel], content: bytes) -> None:
    """
    The bytes are what the model describes, with no field more or less, and it would send the same.
    """
    told = model.model_validate_json(content, strict=False)
    assert model.model_validate_json(told.model_dump_json(by_alias=True)) == told
    assert told.model_dump_json(by_alias=True).encode() == content


async def test_what_is_sent_is_what_is_described(pricing: RunningPricing) -> None:
    """
    Answers are written without their models, and validate against them to the byte.
    """
    sale: dict[str, JsonValue] = {
        "priceType": "SALE",
        "validUntil": "2026-01-01T12:00:00.000001Z",
    }
    await pricing.put_discount("ONCE", {"type": "PERCENTAGE", "percent": "33.3333"}, useLimit=1)
    codes = ["SUMMER20", "WELCOME5", "ONCE"]

    exactly(PriceResponse, (await pricing.price("TEST-003")).content)
    exactly(PriceResponse, (await pricing.price("TEST-001")).content)
    exactly(PricesResponse, (await pricing.prices("TEST-001", "TEST-003")).content)
    exactly(PricesResponse, (await pricing.prices("NONE")).content)
    exactly(SetPriceResponse, (await pricing.set_price("TEST-001", "0.1", **sale)).content)
    versions = await pricing.http.get(f"{API}/prices/TEST-001/versions")
    exactly(VersionsResponse, versions.content)
    exactly(CalculationResponse, (await pricing.calculate("TEST-021", 3, codes)).content)
    exactly(QuoteResponse, (await pricing.quote({"TEST-021": 3}, codes, "order-1")).content)
    exactly(QuoteResponse, (await pricing.quote({"TEST-021": 3, "TEST-001": 1})).content)
    exactly(ReleaseResponse, (await pricing.release("order-1")).content)


async def test_health_tells_of_the_database(pricing: RunningPricing) -> None:
    """
    /health names the database, and how the calls to identity go.
    """
    health = (await pricing.http.get("/health")).json()

    assert health["dependencies"] == {"database": "healthy"}
    assert health["details"]["upstreams"]["identity"]["state"] == "closed"


async def test_every_quote_and_every_refusal_is_counted(pricing: RunningPricing) -> None:
    """
    /metrics tells how many quotes were made, told again, and refused for which reason; what codes
    and products people name is no part of it.
    """
    await pricing.quote({"TEST-001": 1}, order_id="order-1")
    await pricing.quote({"TEST-001": 1})
    await pricing.quote({"TEST-001": 1}, order_id="order-1")
    await pricing.quote({"TEST-001": 1}, ["NO-SUCH"])
    await pricing.quote({"NO-SUCH": 1})
    await pricing.quote({"TEST-001": 2}, order_id="order-1")
    await pricing.release("order-1")
    await pricing.quote({"TEST-001": 1}, order_id="order-1")
    metrics = (await pricing.http.get("/metrics")).text

    counted = dict(re.findall(r'^quotes_total\{outcome="(\w+)"\} (\S+)$', metrics, re.MULTILINE))
    assert counted == {
        "made": "2.0",
        "repeated": "1.0",
        "invalid_discount": "1.0",
        "no_price": "1.0",
        "conflict": "2.0",
    }


async def test_what_is_changed_is_logged_once(pricing: RunningPricing) -> None:
    """
    Prices and codes that are set or removed, and an order's release, however often it is asked for.
    """
    with capture_logs() as logs:
        await pricing.set_price("TEST-001", "1")
        await pricing.put_discount("ONE", {"type": "PERCENTAGE", "percent": "5"}, useLimit=1)
        await pricing.quote({"TEST-001": 1}, ["ONE"], "order-1")
        for _ in range(2):
            await pricing.release("order-1")
        await pricing.http.delete(f"{API}/discounts/ONE", headers=merchant())

    rooms = ("price.", "discount.", "quote.")
    told = [one for one in logs if one["event"].startswith(rooms)]
    assert [one["event"] for one in told] == [
        "price.set",
        "discount.set",
        "quote.released",
        "discount.removed",
    ]
    assert (told[2]["order_id"], told[2]["codes"]) == ("order-1", ["ONE"])


async def test_seeding_again_changes_nothing(pricing: RunningPricing, seeded_url: str) -> None:
    """
    Every demo price and code is there after one seed, and stays as somebody has changed it after
    another, on another day.
    """
    settings = settings_for(seeded_url)
    await pricing.set_price("TEST-001", "1.00")
    await pricing.put_discount("SUMMER20", {"type": "PERCENTAGE", "percent": "21"})
    await pricing.http.delete(f"{API}/discounts/BULK10", headers=merchant())
    begins = pricing.clock.now()
    pricing.clock.advance(86_400)
    services = build_services(settings, now=pricing.clock.now)
    await seed(services, now=pricing.clock.now)

    listed = await pricing.http.get(f"{API}/discounts", headers=merchant())
    codes = {one["code"]: one for one in listed.json()["items"]}
    assert (await pricing.price("TEST-001")).json()["basePrice"] == "1.00"
    assert codes["SUMMER20"]["kind"]["percent"] == "21"
    assert codes.keys() == {one.code for one in demo_discounts(begins)}
    async with services.database.read() as connection:
        versions = await connection.execute(select(func.count()).select_from(price_versions))
    await services.database.aclose()
    assert versions.scalar_one() == len(demo_prices(begins)) + 1


async def test_replicas_may_seed_at_once(database_url: str) -> None:
    """
    Two that begin together make each price once.
    """
    await migrations.upgrade(database_url, "pricing")
    clock = FakeClock()
    replicas = [build_services(settings_for(database_url), now=clock.now) for _ in range(2)]
    await asyncio.gather(*(seed(one, now=clock.now) for one in replicas))
    found = [
        await replicas[0].prices.history(product, "USD", page=1, size=20)
        for product in ("TEST-001", "TEST-003")
    ]
    for one in replicas:
        await one.database.aclose()

    assert [page.total for page in found] == [1, 2]
