"""
Prices as people read and merchants set them.
"""

import httpx
import pytest
from pricing_app import API, RunningPricing, merchant
from pydantic import JsonValue

from pricing.prices.routes import MAX_IDS

TEST_001: dict[str, JsonValue] = {
    "productId": "TEST-001",
    "basePrice": "79.00",
    "currency": "USD",
    "validFrom": "2026-01-01T12:00:00Z",
    "validUntil": None,
    "priceType": "REGULAR",
}


def ids_of(answer: httpx.Response) -> list[str]:
    """
    Whose prices a list holds.
    """
    assert answer.status_code == 200, answer.text
    return [price["productId"] for price in answer.json()["items"]]


async def test_a_price_is_read_and_set(pricing: RunningPricing) -> None:
    """
    A price that is set holds at once, the one before it has ended, and the past stays readable.
    """
    before = (await pricing.price("TEST-001")).json()
    pricing.clock.advance(60)
    answer = await pricing.set_price("TEST-001", "75.5")
    past = await pricing.price("TEST-001", at="2026-01-01T12:00:59.999999Z")

    assert before == TEST_001
    assert answer.status_code == 200, answer.text
    assert answer.json() == TEST_001 | {
        "basePrice": "75.50",
        "validFrom": "2026-01-01T12:01:00Z",
        "setAt": "2026-01-01T12:01:00Z",
        "category": "electronics",
    }
    assert (await pricing.price("TEST-001")).json()["basePrice"] == "75.50"
    assert past.json() == TEST_001 | {"validUntil": "2026-01-01T12:01:00Z"}


async def test_several_prices_come_in_the_order_asked_for(pricing: RunningPricing) -> None:
    """
    Each product once, unknown ones left out; all of them unknown is an empty list.
    """
    answer = await pricing.prices("TEST-009", "NONE", "TEST-002", "TEST-009", "TEST-001")
    all_of_them = [f"TEST-{number:03}" for number in range(60, 0, -1)]

    assert ids_of(answer) == ["TEST-009", "TEST-002", "TEST-001"]
    assert answer.json()["items"][-1] == TEST_001
    assert ids_of(await pricing.prices(*all_of_them)) == all_of_them
    assert ids_of(await pricing.prices("NONE")) == []
    for early in ("2025-12-31T00:00:00Z", "0001-01-01T00:00:00+14:00"):
        assert ids_of(await pricing.prices("TEST-001", at=early)) == []
    for late in ("2525-12-31T00:00:00Z", "9999-12-31T23:59:59-14:00"):
        assert ids_of(await pricing.prices("TEST-001", at=late)) == ["TEST-001"]


async def test_a_price_is_of_one_currency(pricing: RunningPricing) -> None:
    """
    Without a currency it is the shop's; a currency in which nothing was set has no price.
    """
    euros = (await pricing.price("TEST-001", currency="EUR")).json()
    yen = await pricing.price("TEST-001", currency="JPY")

    assert (euros["basePrice"], euros["currency"]) == ("74.90", "EUR")
    assert yen.status_code == 404
    assert yen.json()["error"]["details"] == {
        "what": "price",
        "id": "TEST-001",
        "ids": ["TEST-001"],
        "currency": "JPY",
    }
    assert ids_of(await pricing.prices("TEST-001", currency="JPY")) == []


async def test_a_sale_lies_on_top_for_its_time(pricing: RunningPricing) -> None:
    """
    From its first moment until just before its last the sale's price counts, then the regular
    one again, also if that was changed meanwhile.
    """
    window: dict[str, JsonValue] = {
        "validFrom": "2026-01-01T13:00:00+00:00",
        "validUntil": "2026-01-01T15:00:00+01:00",
        "priceType": "SALE",
    }
    assert (await pricing.set_price("TEST-001", "50", **window)).status_code == 200
    told = [(await pricing.price("TEST-001")).json()]
    pricing.clock.advance(3600)
    told.append((await pricing.price("TEST-001")).json())
    await pricing.set_price("TEST-001", "80")
    told.append((await pricing.price("TEST-001")).json())
    pricing.clock.advance(3600)
    told.append((await pricing.price("TEST-001")).json())

    assert [(one["basePrice"], one["priceType"]) for one in told] == [
        ("79.00", "REGULAR"),
        ("50.00", "SALE"),
        ("50.00", "SALE"),
        ("80.00", "REGULAR"),
    ]
    assert told[1]["validUntil"] == "2026-01-01T14:00:00Z"


async def test_a_sale_ends_early(pricing: RunningPricing) -> None:
    """
    By a new one that begins now and ends soon; the one before it does not come back.
    """
    await pricing.set_price("TEST-001", "50", priceType="SALE")
    pricing.clock.advance(1)
    await pricing.set_price("TEST-001", "50", priceType="SALE", validUntil="2026-01-01T12:00:02Z")
    during = (await pricing.price("TEST-001")).json()
    pricing.clock.advance(1)

    assert during["basePrice"] == "50.00"
    assert (await pricing.price("TEST-001")).json() == TEST_001


async def test_a_price_that_is_planned_waits(pricing: RunningPricing) -> None:
    """
    A price for later changes nothing now, and one that is set before it ends where it begins.
    """
    await pricing.set_price("TEST-001", "90", validFrom="2026-02-01T00:00:00Z")
    now = await pricing.set_price("TEST-001", "85")

    assert now.json()["validUntil"] == "2026-02-01T00:00:00Z"
    assert (await pricing.price("TEST-001")).json()["basePrice"] == "85.00"
    later = await pricing.price("TEST-001", at="2026-02-01T00:00:00Z")
    assert later.json()["basePrice"] == "90.00"


@pytest.mark.parametrize(
    ("field", "window"),
    [
        ("body.validFrom", {"validFrom": "2026-01-01T11:59:59Z"}),
        ("body.validUntil", {"validUntil": "2026-01-01T12:00:00Z"}),
        (
            "body.validUntil",
            {"validFrom": "2026-01-02T00:00:00Z", "validUntil": "2026-01-02T00:00:00Z"},
        ),
    ],
)
async def test_the_past_is_not_rewritten(
    pricing: RunningPricing, field: str, window: dict[str, JsonValue]
) -> None:
    """
    A price that begins in the past, or ends before it begins, is refused and changes nothing.
    """
    answer = await pricing.set_price("TEST-001", "1", **window)

    assert answer.status_code == 422
    assert [one["field"] for one in answer.json()["error"]["details"]["problems"]] == [field]
    assert (await pricing.price("TEST-001")).json() == TEST_001


async def test_history_is_read_in_pages(pricing: RunningPricing) -> None:
    """
    Newest first, page by page, past the end empty; a product that never had a price is not found.
    """
    for amount in ("1", "2", "3"):
        pricing.clock.advance(1)
        await pricing.set_price("TEST-001", amount)

    async def page(number: int, size: int = 3) -> httpx.Response:
        query = {"page": number, "size": size}
        return await pricing.http.get(f"{API}/prices/TEST-001/versions", params=query)

    first, second, third = (await page(1)).json(), (await page(2)).json(), (await page(3)).json()
    missing = await pricing.http.get(f"{API}/prices/NONE/versions")
    assert [one["basePrice"] for one in first["items"]] == ["3.00", "2.00", "1.00"]
    assert [one["basePrice"] for one in second["items"]] == ["79.00"]
    assert {key: first[key] for key in ("page", "size", "total", "pages")} == {
        "page": 1,
        "size": 3,
        "total": 4,
        "pages": 2,
    }
    assert third["items"] == []
    assert missing.status_code == 404


async def test_a_product_keeps_its_category(pricing: RunningPricing) -> None:
    """
    Nobody says: general. Said once, it stays, in every currency, until another is said.
    """
    answers = [
        await pricing.set_price("NEW", "1"),
        await pricing.set_price("NEW", "2", category="books"),
        await pricing.set_price("NEW", "2", "EUR"),
        await pricing.set_price("NEW", "3", category="toys"),
    ]

    categories = [answer.json()["category"] for answer in answers]
    assert categories == ["general", "books", "books", "toys"]


AMOUNTS = (
    ("JPY", "1980", "1980"),
    ("KWD", "1.005", "1.005"),
    ("USD", "0", "0.00"),
    ("EUR", "100000000", "100000000.00"),
    ("KRW", "10000000000", "10000000000"),
)


async def test_amounts_are_kept_exactly(pricing: RunningPricing) -> None:
    """
    With the decimals that the currency has, up to the greatest amount there is.
    """
    for currency, given, kept in AMOUNTS:
        await pricing.set_price("NEW", given, currency)
        told = (await pricing.price("NEW", currency=currency)).json()
        assert told["basePrice"] == kept, currency


ODD_QUESTIONS: tuple[dict[str, str], ...] = (
    {},
    {"ids": ""},
    {"ids": "TEST-001,"},
    {"ids": ",TEST-001"},
    {"ids": "TEST-001,,TEST-002"},
    {"ids": "TEST-001, TEST-002"},
    {"ids": "x" * 65},
    {"ids": ",".join(f"P-{number}" for number in range(MAX_IDS + 1))},
    {"ids": "TEST-001", "currency": "XXX"},
    {"ids": "TEST-001", "currency": "usd"},
    {"ids": "TEST-001", "currency": ""},
    {"ids": "TEST-001", "at": "yesterday"},
    {"ids": "TEST-001", "at": "1767268800"},
    {"ids": "TEST-001", "at": "2026-01-01"},
    {"ids": "TEST-001", "at": "2026-01-01T12:00:00"},
    {"ids": "TEST-001", "at": "2026-13-01T12:00:00Z"},
    {"ids": "TEST-001", "at": "2026-02-30T12:00:00Z"},
)


async def test_odd_questions_are_refused(pricing: RunningPricing) -> None:
    """
    No ids, empty ones, too many; no such currency; no such moment, or one without a zone.
    """
    for query in ODD_QUESTIONS:
        answer = await pricing.http.get(f"{API}/prices", params=query)
        assert answer.status_code == 422, query
        assert answer.json()["error"]["details"]["problems"], query


async def test_as_many_ids_as_allowed(pricing: RunningPricing) -> None:
    """
    Two hundred ids are one question.
    """
    ids = ["TEST-001", *(f"P-{number}" for number in range(MAX_IDS - 1))]

    assert ids_of(await pricing.prices(*ids)) == ["TEST-001"]


async def test_setting_is_described_by_what_is_wrong(pricing: RunningPricing) -> None:
    """
    An amount that the currency has not is refused with the field and what it takes.
    """
    answer = await pricing.http.put(
        f"{API}/prices/TEST-001",
        json={"basePrice": "1.001", "currency": "USD"},
        headers=merchant(),
    )

    assert answer.json()["error"]["details"]["problems"] == [
        {
            "field": "body.basePrice",
            "problem": "must be a decimal number as text, from 0 to 100000000.00, "
            "with at most 2 decimals",
        }
    ]
