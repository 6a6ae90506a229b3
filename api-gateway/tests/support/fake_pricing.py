"""
The pricing service as far as the gateway asks it, held to the real one by the contract tests.
"""

import re
from collections.abc import Mapping
from typing import Any, Final

import httpx
from fake_quotes import Code, FakeQuotes
from fake_upstream import FakeUpstream, invalid, json_answer, wrong_params

from servicekit.clock import Now
from servicekit.testing.clock import FakeClock

_ID: Final = "[A-Za-z0-9][A-Za-z0-9._-]{0,63}"
_ARE_IDS: Final = re.compile(f"{_ID}(,{_ID}){{0,199}}").fullmatch
#: Addresses below ``/prices``: no product is called so.
_RESERVED: Final = frozenset({"calculate", "quote", "quotes"})

Price = dict[str, Any]


def price(
    product_id: str, amount: str = "19.99", currency: str = "USD", **changed: object
) -> Price:
    """
    A price as pricing tells it; ``changed`` by the names that stand in JSON.
    """
    return {
        "productId": product_id,
        "basePrice": amount,
        "currency": currency,
        "validFrom": "2026-01-01T12:00:00Z",
        "validUntil": None,
        "priceType": "REGULAR",
    } | changed


class FakePricing(FakeUpstream):
    """
    Tells ``prices``, which a test may change at any time, and quotes orders at them. By itself it has
    a clock that stands still.
    """

    def __init__(
        self,
        prices: Mapping[str, Price],
        codes: Mapping[str, Code] | None = None,
        now: Now | None = None,
    ) -> None:
        self.prices = dict(prices)
        self.quotes = FakeQuotes(self.prices, codes or {}, now or FakeClock().now)
        operations = {
            "quote": ("/api/v1/prices/quote", self.quotes.quote),
            "release": ("/api/v1/prices/quotes/release", self.quotes.release),
        }
        super().__init__({"/api/v1/prices": self.listed}, operations)

    def listed(self, request: httpx.Request) -> httpx.Response:
        """
        The good answer to a request for prices.
        """
        unknown = wrong_params(request, ("ids",))
        given = request.url.params.get("ids", "")
        ids = dict.fromkeys(given.split(","))
        if unknown or not _ARE_IDS(given) or any(one.lower() in _RESERVED for one in ids):
            return invalid(*unknown or ["ids"])
        return json_answer({"items": [self.prices[one] for one in ids if one in self.prices]})
