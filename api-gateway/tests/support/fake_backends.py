"""
Inventory and pricing for tests without a socket, on respx below the real client and its pipeline.

::

    backends = FakeBackends(products={"A-1": product("A-1")}, prices={"A-1": price("A-1", "5.00")})
    backends = FakeBackends.selling("A-1", "A-2")        # the same, with default words and prices

    catalog = Catalog(
        Inventory(backends.inventory_client(clock=clock)), Pricing(backends.pricing_client()), ...
    )
    backends.pricing.fail_next(503, None, httpx.ConnectError("no"))    # one call each, then well
    backends.pricing.fail_always(b"<html>")                            # until recover()
    backends.pricing.fail_always(instead(backends.pricing.listed, ids="B-1"))
    backends.inventory.fail_next(held := Held())                       # slow until held.release()
    backends.inventory.calls, backends.inventory.asked_ids

What orders ask keeps its books, and each operation falls ill by itself::

    backends = FakeBackends.selling("A-1", stock=3, codes={"TEN": Code(10, use_limit=1)})
    commit = backends.inventory.on("commit")        # reserve release commit return; quote release
    commit.fail_next(503, lost(), After(503), After(b"<html>"), held := Held(), late := Late())
    commit.fail_next(telling(lambda answer: answer["reservations"].clear()))
    commit.fail_always(refused(409, "CONFLICT", reason="EXPIRED"))     # until commit.recover()
    commit.calls, commit.keys["order-1:commit"], commit.bodies
    backends.inventory.stock.sold, .held, .statuses("order-1"), .is_closed("order-1"), .movements
    backends.pricing.quotes.told["order-1"], .claims("TEN"), .released

The clients retry as in production, and within its budget: use ``fail_always`` for a failure that must
get through, or ``policy=Policy(max_attempts=1)``. With a ``clock``, pauses move that clock and take no time.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Self, TypedDict, Unpack

import httpx
from fake_faults import After, Fault, Held, Late, lost, refused, telling
from fake_inventory import FakeInventory, Product, product
from fake_pricing import FakePricing, Price, price
from fake_quotes import Code
from fake_upstream import FakeUpstream, instead

from servicekit.clock import Now
from servicekit.http import Policy, ServiceClient
from servicekit.http.policy import DEFAULT_POLICY
from servicekit.testing.clock import FakeClock

__all__ = [
    "After",
    "Code",
    "FakeBackends",
    "FakeInventory",
    "FakePricing",
    "FakeUpstream",
    "Fault",
    "Held",
    "Late",
    "instead",
    "lost",
    "price",
    "product",
    "refused",
    "telling",
]


class ClientOptions(TypedDict, total=False):
    """
    What a test says of a client. Without a clock, time stands still but for its pauses.
    """

    clock: FakeClock
    policy: Policy
    authorize: Callable[[], Awaitable[str]]


class FakeBackends:
    """
    Both backends, and clients of them. Without a clock of the test's, reservations hold for good.
    """

    def __init__(
        self,
        *,
        products: Mapping[str, Product] | None = None,
        prices: Mapping[str, Price] | None = None,
        codes: Mapping[str, Code] | None = None,
        now: Now | None = None,
    ) -> None:
        self.inventory = FakeInventory(products or {}, now)
        self.pricing = FakePricing(prices or {}, codes, now)

    @classmethod
    def selling(
        cls,
        *product_ids: str,
        stock: int = 10,
        codes: Mapping[str, Code] | None = None,
        now: Now | None = None,
    ) -> Self:
        """
        Backends that know a product and a price for each of these ids.
        """
        return cls(
            products={one: product(one, stock=stock) for one in product_ids},
            prices={one: price(one) for one in product_ids},
            codes=codes,
            now=now,
        )

    @property
    def inventory_network(self) -> httpx.AsyncBaseTransport:
        """
        What a client of inventory calls instead of a socket.
        """
        return self.inventory.network

    @property
    def pricing_network(self) -> httpx.AsyncBaseTransport:
        """
        What a client of pricing calls instead of a socket.
        """
        return self.pricing.network

    def inventory_client(self, **options: Unpack[ClientOptions]) -> ServiceClient:
        """
        A client of inventory.
        """
        return client_of("inventory", self.inventory_network, **options)

    def pricing_client(self, **options: Unpack[ClientOptions]) -> ServiceClient:
        """
        A client of pricing.
        """
        return client_of("pricing", self.pricing_network, **options)


def client_of(
    name: str, network: httpx.AsyncBaseTransport, **options: Unpack[ClientOptions]
) -> ServiceClient:
    """
    The client that the gateway has of the service ``name``, on ``network``.
    """
    clock = options.get("clock") or FakeClock()

    async def pass_time(seconds: float) -> None:
        clock.advance(seconds)
        await asyncio.sleep(0)

    return ServiceClient(
        name,
        f"http://{name}:8001",
        caller="api-gateway",
        network=network,
        policy=options.get("policy", DEFAULT_POLICY),
        authorize=options.get("authorize"),
        clock=clock.monotonic,
        sleep=pass_time,
    )
