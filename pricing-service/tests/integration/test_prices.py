"""
Prices as people read and merchants set them.
"""

from pricing_app import RunningPricing


async def test_a_price_is_read_and_set(pricing: RunningPricing) -> None:
    """
    A price that is set holds at once, and the one before it has ended.
    """
    before = (await pricing.price("TEST-001")).json()
    pricing.clock.advance(60)
    answer = await pricing.set_price("TEST-001", "75.5")

    assert answer.status_code == 200, answer.text
    assert before == {
        "productId": "TEST-001",
        "basePrice": "79.00",
        "currency": "USD",
        "validFrom": "2026-01-01T12:00:00Z",
        "validUntil": None,
        "priceType": "REGULAR",
    }
    assert (await pricing.price("TEST-001")).json()["basePrice"] == "75.50"
    past = await pricing.price("TEST-001", at="2026-01-01T12:00:59.999999Z")
    assert past.json() == before | {"validUntil": "2026-01-01T12:01:00Z"}
