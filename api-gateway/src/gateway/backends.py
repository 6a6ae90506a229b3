"""
The gateway's clients of its backends: who may stand in whose way, and who calls with a token.

What may fail or crowd apart from the rest has a client, and with it a breaker and places, of its own.
"""

from dataclasses import dataclass

from gateway.settings import Settings
from gateway.upstreams.inventory import Inventory
from gateway.upstreams.pricing import Pricing
from gateway.upstreams.quotes import Quotes
from gateway.upstreams.stock import Stock
from servicekit.auth import ServiceToken
from servicekit.clients import Clients
from servicekit.http import ServiceClient


@dataclass(frozen=True, slots=True)
class Backends:
    """
    Makes clients of inventory and pricing.
    """

    settings: Settings
    clients: Clients
    own_token: ServiceToken | None

    def inventory(self) -> Inventory:
        """
        Reads without a token: the backends let everybody read, and a token would make reading
        depend on identity, too (docs/architecture.md).
        """
        return Inventory(
            self._reader("inventory"),
            lists=self._reader("inventory-lists", is_single=True),
            pictures=self._reader("inventory-pictures", is_single=True),
        )

    def pricing(self) -> Pricing:
        """
        The same for prices.
        """
        return Pricing(self._reader("pricing"))

    def stock(self) -> Stock:
        """
        What orders ask of inventory, in the gateway's own name.
        """
        return Stock(self._writer("inventory-orders"))

    def quotes(self) -> Quotes:
        """
        What they ask of pricing.
        """
        return Quotes(self._writer("pricing-orders"))

    def of_reports(self) -> tuple[Inventory, Pricing]:
        """
        Whom reports read from: one that fails opens no shopper's breaker.
        """
        policy = self.settings.policy
        inventory, pricing = (
            self.clients.to(f"{backend}-reports", self._url(backend), policy=policy)
            for backend in ("inventory", "pricing")
        )
        return Inventory(inventory), Pricing(pricing)

    def _reader(self, name: str, *, is_single: bool = False) -> ServiceClient:
        settings = self.settings
        policy = settings.single_policy if is_single else settings.reading_policy
        return self.clients.to(name, self._url(name), policy=policy)

    def _writer(self, name: str) -> ServiceClient:
        policy = self.settings.ordering_policy
        return self.clients.to(name, self._url(name), policy=policy, authorize=self.own_token)

    def _url(self, name: str) -> str:
        is_inventory = name.startswith("inventory")
        settings = self.settings
        return settings.inventory_service_url if is_inventory else settings.pricing_service_url
