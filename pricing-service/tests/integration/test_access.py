"""
Who may do what: each route that is not for everybody, and each kind of caller.
"""

import orjson
from pricing_app import API, Headers, RunningPricing, bearer, gateway, merchant
from pydantic import JsonValue

ITEMS: dict[str, JsonValue] = {"items": [{"productId": "TEST-001", "quantity": 1}]}
QUOTE = f"{API}/prices/quotes/0b0f7f2e-6a30-4c5e-9a52-9d1f3c2a7b11"
FOR_SERVICES: tuple[tuple[str, str, JsonValue], ...] = (
    ("POST", f"{API}/prices/quote", ITEMS),
    ("POST", f"{API}/prices/quotes/release", {"orderId": "order-1"}),
    ("GET", QUOTE, None),
)
FOR_MERCHANTS: tuple[tuple[str, str, JsonValue], ...] = (
    ("PUT", f"{API}/prices/TEST-001", {"basePrice": "1", "currency": "USD"}),
    ("GET", f"{API}/discounts", None),
    ("GET", f"{API}/discounts/SUMMER20", None),
    (
        "PUT",
        f"{API}/discounts/NEW",
        {"description": "x", "kind": {"type": "PERCENTAGE", "percent": "5"}},
    ),
    ("DELETE", f"{API}/discounts/NEW", None),
)


async def status(
    pricing: RunningPricing, route: tuple[str, str, JsonValue], headers: Headers
) -> int:
    """
    How one request is answered.
    """
    method, url, body = route
    content = b"" if body is None else orjson.dumps(body)
    told = {"Content-Type": "application/json", **headers}
    answer = await pricing.http.request(method, url, headers=told, content=content)
    return answer.status_code


async def test_quotes_are_for_services_that_may(pricing: RunningPricing) -> None:
    """
    Nobody without a token, no user whatever it may do, no service without the permission or the
    scope; the gateway may.
    """
    refused: dict[int, list[Headers]] = {
        401: [{}],
        403: [
            bearer("user", "read write admin", "prices:quote"),
            bearer("service", "read write", "catalog:write"),
            bearer("service", "", "prices:quote"),
        ],
    }
    for route in FOR_SERVICES:
        for expected, callers in refused.items():
            for caller in callers:
                assert await status(pricing, route, caller) == expected, route
        assert await status(pricing, route, gateway()) in {200, 404}, route


async def test_prices_and_codes_are_for_merchants(pricing: RunningPricing) -> None:
    """
    Nobody without a token, no shopper, nobody who may only quote, or only read; merchants may.
    """
    for route in FOR_MERCHANTS:
        assert await status(pricing, route, {}) == 401, route
        for caller in (bearer(), gateway(), bearer("user", "", "catalog:write")):
            assert await status(pricing, route, caller) == 403, route
        assert await status(pricing, route, merchant()) in {200, 204}, route


async def test_reading_is_for_everybody(pricing: RunningPricing) -> None:
    """
    Prices, their history and calculations need no token; a bad one is refused all the same.
    """
    answers = [
        await pricing.price("TEST-001"),
        await pricing.prices("TEST-001"),
        await pricing.http.get(f"{API}/prices/TEST-001/versions"),
        await pricing.calculate("TEST-001"),
    ]
    bad = await pricing.http.get(
        f"{API}/prices/TEST-001", headers={"Authorization": "Bearer x.y.z"}
    )

    assert [answer.status_code for answer in answers] == [200] * 4
    assert bad.status_code == 401
