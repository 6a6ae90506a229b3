"""
The two services that are asked for several ids, as tests of both ask them.
"""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any

import orjson
from fake_backends import FakeBackends, FakeUpstream, price, product

from gateway.upstreams.inventory import Inventory
from gateway.upstreams.models import Price, Product
from gateway.upstreams.pricing import Pricing
from servicekit.http import Policy

ONCE = Policy(max_attempts=1)

Found = dict[str, Product | Exception] | dict[str, Price | Exception]


@dataclass(frozen=True, slots=True)
class Asking:
    """
    One of the two services that sell A-1 and A-2, and how it is asked for them.
    """

    upstream: FakeUpstream
    ask: Callable[[Sequence[str]], Awaitable[Found]]
    item: Callable[[str], dict[str, Any]]
    key: str

    def body(self, *items: object) -> bytes:
        """
        An answer with these items.
        """
        return orjson.dumps({"items": items, "page": 1, "size": 2, "total": 2, "pages": 1})


def asking(name: str, policy: Policy = ONCE) -> Asking:
    """
    The service ``name``.
    """
    backends = FakeBackends.selling("A-1", "A-2")
    if name == "inventory":
        inventory = Inventory(backends.inventory_client(policy=policy))
        return Asking(backends.inventory, inventory.products, product, "id")
    pricing = Pricing(backends.pricing_client(policy=policy))
    return Asking(backends.pricing, pricing.prices, price, "productId")


def without(item: dict[str, Any], name: str) -> dict[str, Any]:
    """
    The item without one of its fields.
    """
    return {key: value for key, value in item.items() if key != name}
