"""
Calculations and quotes: what they say, how long they hold, and what an order claims by them.
"""

from pricing_app import RunningPricing, reasons_of, running_pricing, settings_for
from pydantic import JsonValue

from pricing.money import max_amount
from pricing.prices.models import NewPrice
from pricing.quotes.repository import BATCH
from pricing.tables import quotes
from pricing.wiring import build_services
from servicekit.testing.clock import FakeClock

SUMS = ("subtotal", "discount", "tax", "finalPrice", "currency")
TWENTY: dict[str, JsonValue] = {"type": "PERCENTAGE", "percent": "20"}


async def test_a_calculation_of_one_line(pricing: RunningPricing) -> None:
    """
    Two books of 16.99: 33.98, less 15 % (5.10), with 7 % tax on 28.88 (2.02).
    """
    answer = await pricing.calculate("TEST-021", 2, ["books15"])

    assert answer.status_code == 200, answer.text
    assert answer.json() == {
        "productId": "TEST-021",
        "quantity": 2,
        "basePrice": "16.99",
        "subtotal": "33.98",
        "discounts": [{"code": "BOOKS15", "amount": "5.10", "description": "15 % off books"}],
        "tax": "2.02",
        "finalPrice": "30.90",
        "currency": "USD",
    }


async def test_a_quote_of_several_lines(pricing: RunningPricing) -> None:
    """
    Lines in the order asked for, codes in the order applied, and sums that are the lines'.
    """
    answer = await pricing.quote({"TEST-021": 2, "TEST-001": 1}, ["SUMMER20", "BOOKS15"])

    assert answer.status_code == 200, answer.text
    quote = answer.json()
    book, earbuds = quote["lines"]
    # The book: 33.98 - 15 % (5.10) = 28.88 - 20 % (5.78) = 23.10; tax 7 %: 1.62.
    assert book == {
        "productId": "TEST-021",
        "quantity": 2,
        "basePrice": "16.99",
        "subtotal": "33.98",
        "discounts": [
            {"code": "BOOKS15", "amount": "5.10", "description": "15 % off books"},
            {"code": "SUMMER20", "amount": "5.78", "description": "20 % off everything"},
        ],
        "discount": "10.88",
        "taxRate": "0.07",
        "tax": "1.62",
        "finalPrice": "24.72",
    }
    # The earbuds: 79.00 - 20 % (15.80) = 63.20, untaxed.
    assert (earbuds["discount"], earbuds["taxRate"], earbuds["finalPrice"]) == (
        "15.80",
        "0",
        "63.20",
    )
    assert [(one["code"], one["amount"]) for one in quote["discounts"]] == [
        ("BOOKS15", "5.10"),
        ("SUMMER20", "21.58"),
    ]
    assert {key: quote[key] for key in SUMS} == {
        "subtotal": "112.98",
        "discount": "26.68",
        "tax": "1.62",
        "finalPrice": "87.92",
        "currency": "USD",
    }
    assert quote["validUntil"] == "2026-01-01T12:15:00Z"


async def test_a_quote_is_kept(pricing: RunningPricing) -> None:
    """
    Read by its id it is the same to the byte, whatever prices have become; others are not found.
    """
    quote = await pricing.quote({"TEST-001": 1})
    await pricing.set_price("TEST-001", "1")
    kept = await pricing.stored(quote.json()["quoteId"])
    missing = await pricing.stored("0b0f7f2e-6a30-4c5e-9a52-9d1f3c2a7b11")

    assert kept.status_code == 200
    assert kept.content == quote.content
    assert missing.status_code == 404


async def test_a_quote_without_an_order_is_new_each_time(pricing: RunningPricing) -> None:
    """
    It claims nothing, but a code that is used up is refused.
    """
    await pricing.put_discount("ONCE", TWENTY, useLimit=1)
    first = await pricing.quote({"TEST-001": 1}, ["ONCE"])
    second = await pricing.quote({"TEST-001": 1}, ["ONCE"])
    claimed = await pricing.quote({"TEST-001": 1}, ["ONCE"], "order-1")
    third = await pricing.quote({"TEST-001": 1}, ["ONCE"])

    assert first.json()["quoteId"] != second.json()["quoteId"]
    assert claimed.status_code == 200
    assert reasons_of(third) == {"ONCE": "USED_UP"}
    assert (await pricing.discount("ONCE"))["uses"] == 1


async def test_an_order_is_quoted_once(pricing: RunningPricing) -> None:
    """
    The same items, codes and currency, in any order and case, get the same quote, also after
    prices have changed, a code was removed, or the quote has run out; others are a conflict.
    """
    items = {"TEST-001": 1, "TEST-021": 2}
    turned = {"TEST-021": 2, "TEST-001": 1}
    first = await pricing.quote(items, ["SUMMER20", "BOOKS15"], "order-1")
    await pricing.set_price("TEST-001", "1")
    pricing.clock.advance(3600)
    again = await pricing.quote(turned, ["books15", "summer20"], "order-1", currency="USD")
    others = [
        await pricing.quote(items | {"TEST-001": 2}, ["SUMMER20", "BOOKS15"], "order-1"),
        await pricing.quote({"TEST-001": 1}, ["SUMMER20", "BOOKS15"], "order-1"),
        await pricing.quote(items, ["SUMMER20"], "order-1"),
        await pricing.quote(items, ["SUMMER20", "BOOKS15"], "order-1", currency="EUR"),
    ]

    assert again.status_code == 200
    assert again.content == first.content
    for other in others:
        assert other.status_code == 409
        error = other.json()["error"]
        assert error["code"] == "CONFLICT"
        assert error["details"] == {"orderId": "order-1", "reason": "OTHER_ITEMS"}


async def test_a_refused_quote_leaves_nothing(pricing: RunningPricing) -> None:
    """
    Where one code is used up, no other is claimed, and the order may be quoted without it.
    """
    await pricing.put_discount("AAA", TWENTY, useLimit=5)
    await pricing.put_discount("ZZZ", TWENTY, useLimit=1)
    await pricing.quote({"TEST-001": 1}, ["ZZZ"], "order-1")
    refused = await pricing.quote({"TEST-001": 1}, ["AAA", "ZZZ"], "order-2")
    uses = (await pricing.discount("AAA"))["uses"]
    without = await pricing.quote({"TEST-001": 1}, ["AAA"], "order-2")

    assert reasons_of(refused) == {"ZZZ": "USED_UP"}
    assert uses == 0
    assert without.status_code == 200
    assert (await pricing.discount("AAA"))["uses"] == 1


async def test_a_release_gives_back_once(pricing: RunningPricing) -> None:
    """
    Every use that the order has claimed, however often it is released; no quote comes after it.
    """
    await pricing.put_discount("ONE", TWENTY, useLimit=2)
    await pricing.put_discount("TWO", TWENTY, useLimit=2)
    for order in ("order-1", "order-2"):
        await pricing.quote({"TEST-001": 1}, ["ONE", "TWO"], order)
    first = await pricing.release("order-1")
    pricing.clock.advance(1)
    second = await pricing.release("order-1")
    late = await pricing.quote({"TEST-001": 1}, ["ONE", "TWO"], "order-1")

    assert first.status_code == second.status_code == 200
    assert first.json() == second.json()
    assert first.json() == {"orderId": "order-1", "releasedAt": "2026-01-01T12:00:00Z"}
    assert late.status_code == 409
    assert late.json()["error"]["details"] == {"orderId": "order-1", "reason": "RELEASED"}
    assert [(await pricing.discount(code))["uses"] for code in ("ONE", "TWO")] == [1, 1]


async def test_a_release_that_comes_first_is_remembered(pricing: RunningPricing) -> None:
    """
    A quote that arrives after its order was given up is refused, and claims nothing.
    """
    await pricing.put_discount("ONE", TWENTY, useLimit=2)
    released = await pricing.release("order-1")
    late = await pricing.quote({"TEST-001": 1}, ["ONE"], "order-1")

    assert released.status_code == 200
    assert late.status_code == 409
    assert (await pricing.discount("ONE"))["uses"] == 0


async def test_unknown_products_are_all_named(pricing: RunningPricing) -> None:
    """
    No quote is made of what has no price.
    """
    answer = await pricing.quote({"NONE-1": 1, "TEST-001": 1, "NONE-2": 1}, order_id="order-1")

    assert answer.status_code == 404
    assert answer.json()["error"]["details"]["ids"] == ["NONE-1", "NONE-2"]


async def test_a_quote_takes_the_price_of_its_moment(pricing: RunningPricing) -> None:
    """
    A sale counts in quotes too, from the moment at which it begins.
    """
    await pricing.set_price("TEST-001", "50", priceType="SALE", validFrom="2026-01-01T12:00:01Z")
    before = (await pricing.quote({"TEST-001": 1})).json()["finalPrice"]
    pricing.clock.advance(1)

    assert before == "79.00"
    assert (await pricing.quote({"TEST-001": 1})).json()["finalPrice"] == "50.00"


async def test_the_largest_order_is_exact(seeded_url: str, pricing: RunningPricing) -> None:
    """
    A hundred lines of a million pieces at the highest price neither overflow nor round.
    """
    items = {f"BIG-{number}": 1_000_000 for number in range(100)}
    services = build_services(settings_for(seeded_url), now=pricing.clock.now)
    highest = [NewPrice(one, max_amount("USD"), "USD") for one in items]
    await services.prices.set_missing(highest, by="test")
    await services.database.aclose()
    answer = await pricing.quote(items)

    assert answer.json()["finalPrice"] == "10000000000000000.00"


async def test_old_quotes_are_forgotten(seeded_url: str, clock: FakeClock) -> None:
    """
    Days after they have run out, with what is known of their orders, more of them than one
    transaction takes; what is newer stays, and an order holds the uses that it has claimed.
    """
    settings = settings_for(seeded_url, quote_retention_days=1)
    async with running_pricing(settings, clock) as pricing:
        await pricing.put_discount("LIMITED", TWENTY, useLimit=5)
        old = (await pricing.quote({"TEST-001": 1}, ["LIMITED"], "order-1")).json()
        await pricing.release("order-2")
        services = build_services(settings, now=clock.now)
        many = {"answer": "{}", "valid_until": clock.now()}
        async with services.database.write() as connection:
            rows = [{"id": str(number), **many} for number in range(BATCH)]
            await connection.execute(quotes.insert(), rows)
        clock.advance(86_400)
        new = (await pricing.quote({"TEST-001": 1}, order_id="order-3")).json()
        kept = await services.quotes.forget_old()
        clock.advance(901)
        forgotten = await services.quotes.forget_old()
        await services.database.aclose()

        # The order's quote, both orders, and those that were made here.
        assert (kept, forgotten) == (0, 3 + BATCH)
        assert (await pricing.stored(old["quoteId"])).status_code == 404
        assert (await pricing.stored(new["quoteId"])).status_code == 200
        assert (await pricing.quote({"TEST-001": 1}, order_id="order-2")).status_code == 200
        again = await pricing.quote({"TEST-001": 1}, ["LIMITED"], "order-1")
        assert again.json()["quoteId"] != old["quoteId"]
        assert (await pricing.discount("LIMITED"))["uses"] == 1
