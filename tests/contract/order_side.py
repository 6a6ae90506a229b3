"""
One side of a comparison: inventory and pricing, real or fake, as an order asks them.

Every question comes to a word or two and to everything that was told. Ids that a service makes up are
told by their turn, and moments from the present on.
"""

import re
from collections.abc import Awaitable
from dataclasses import dataclass, field
from datetime import datetime

import msgspec

from gateway.upstreams.inventory import Inventory
from gateway.upstreams.models import Item, Quote, Reservation
from gateway.upstreams.quotes import Quotes
from gateway.upstreams.stock import Stock
from servicekit.errors import UpstreamRefused
from servicekit.http import ServiceClient
from servicekit.testing.clock import FakeClock

Told = tuple[str, object]

#: Percent by code, on both sides; and further words on some.
CODES: dict[str, str] = {"TEN": "10", "THIRD": "33.3333", "LONE": "50", "GONE": "10", "ONCE": "20"}


@dataclass(frozen=True, slots=True)
class Side:
    """
    Two products and any number of orders; ``mark`` keeps them apart from those of other cases.

    Of A there are 5 at 4.00 USD or 3.70 EUR, of B there are 3 at 10.05 USD. ONCE is good for one order.
    """

    inventory: ServiceClient
    pricing: ServiceClient
    clock: FakeClock
    mark: str
    _seen: dict[str, str] = field(default_factory=dict)

    async def reserve(self, units: str, *, order: str = "1") -> Told:
        """
        Hold units of products, such as ``2A 1B``.
        """
        asked = Stock(self.inventory).reserve(self._name(order), self._items(units))
        return await self._outcome(asked)

    async def release(self, order: str = "1") -> Told:
        """
        Hold nothing for the order any more.
        """
        return await self._outcome(Stock(self.inventory).release(self._name(order)))

    async def commit(self, order: str = "1") -> Told:
        """
        Sell what is held.
        """
        return await self._outcome(Stock(self.inventory).commit(self._name(order)))

    async def give_back(self, order: str = "1") -> Told:
        """
        Take back what was sold.
        """
        return await self._outcome(Stock(self.inventory).give_back(self._name(order)))

    async def quote(
        self, units: str, codes: str = "", *, order: str = "1", currency: str | None = None
    ) -> Told:
        """
        What so many units cost with these codes.
        """
        given = [self._code(code) for code in codes.split()]
        quotes = Quotes(self.pricing)
        return await self._outcome(
            quotes.quote(self._name(order), self._items(units), given, currency)
        )

    async def unquote(self, order: str = "1") -> Told:
        """
        Give the order's codes back.
        """
        return await self._outcome(Quotes(self.pricing).release(self._name(order)))

    async def levels(self) -> Told:
        """
        Stock level and reserved units of both products.
        """
        products = await Inventory(self.inventory).products([f"{self.mark}-A", f"{self.mark}-B"])
        told = [msgspec.to_builtins(one) for one in products.values()]
        amounts = [f"{one['stockLevel']}-{one['reserved']}-{one['available']}" for one in told]
        return " ".join(amounts), None

    async def wait(self, seconds: float) -> Told:
        """
        Let time pass.
        """
        self.clock.advance(seconds)
        return "later", None

    async def _outcome(self, asked: Awaitable[object]) -> Told:
        try:
            return "done", self._plain(await asked)
        except UpstreamRefused as refusal:
            said, facts = [str(refusal.upstream_status), refusal.upstream_code], refusal.facts
            if refusal.upstream_code == "INVALID_REQUEST":
                return " ".join(map(str, said)), fields_of(refusal)
            said.append(str(facts.get("reason") or facts.get("what") or ""))
            return " ".join(filter(None, said)), facts

    def _plain(self, found: object) -> object:
        match found:
            case Quote():
                made_up = {"quoteId": self._known_as(found.quote_id)}
                until = {"validUntil": self._from_now(found.valid_until)}
                return {**msgspec.to_builtins(found), **made_up, **until}
            case dict():
                return {name: self._plain(one) for name, one in found.items()}
            case Reservation():
                name, left_s = (
                    self._known_as(found.reservation_id),
                    self._from_now(found.expires_at),
                )
                return name, found.product_id, found.quantity, left_s
            case _:
                return found

    def _known_as(self, made_up: str) -> str:
        return self._seen.setdefault(made_up, f"id {len(self._seen) + 1}")

    def _from_now(self, moment: datetime) -> float:
        return (moment - self.clock.now()).total_seconds()

    def _items(self, units: str) -> list[Item]:
        found = re.findall(r"(\d+)(\S+)", units)
        return [Item(f"{self.mark}-{name}", int(quantity)) for quantity, name in found]

    def _name(self, order: str) -> str:
        return f"{self.mark}-{order}"

    def _code(self, code: str) -> str:
        """
        Uses are counted for each case by itself.
        """
        return f"{self.mark}-{code}" if code == "ONCE" else code


def fields_of(refusal: UpstreamRefused) -> list[str]:
    """
    Which fields of a body were refused; of lists, only which list.
    """
    match refusal.facts:
        case {"problems": [*problems]}:
            fields = [str(one["field"]) for one in problems if isinstance(one, dict)]
            return sorted({re.split(r"[\[.]", field.removeprefix("body."))[0] for field in fields})
        case _:
            return []
