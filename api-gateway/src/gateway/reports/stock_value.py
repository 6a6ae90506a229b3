"""
What the stock is worth: every product of inventory, page by page, with the prices of each page.

A product counts as it stood when its page was read, and its price as it was a moment later. Every
product that is there all the while is counted once. New ones and removed ones are counted or not,
depending on when that happened; where products are removed meanwhile, the pages behind them move
up, and the one before is read again for what has moved onto it. (Only where as many are
added as removed between two pages does nothing tell of it, and what has moved may be missing.)
"""

from collections import Counter
from collections.abc import AsyncGenerator, Sequence
from decimal import Context, Decimal
from typing import Final

from pydantic import JsonValue

from gateway.reports.models import Lack, StockLine
from gateway.upstreams.inventory import Inventory, Search
from gateway.upstreams.models import Price, Product
from gateway.upstreams.pricing import Pricing

PAGE_SIZE: Final = 200
#: Prices have up to 24 digits and stock levels 16; with these, no sum of them is ever rounded.
_EXACTLY: Final = Context(prec=60)


class StockValue:
    """
    One pass over the stock; what it came to can be told once ``batches`` are read.
    """

    def __init__(self, inventory: Inventory, pricing: Pricing) -> None:
        self._inventory = inventory
        self._pricing = pricing
        self._products: Counter[str] = Counter()
        self._units: Counter[str] = Counter()
        self._values: dict[str, Decimal] = {}
        self._lacks: Counter[Lack] = Counter()

    async def batches(self) -> AsyncGenerator[Sequence[StockLine], None]:
        """
        Each product, in the order of the ids.
        """
        last_id = ""
        async for page in self._pages():
            unseen = [product for product in page if product.id > last_id]
            if unseen:
                last_id = unseen[-1].id
                prices = await self._pricing.prices([product.id for product in unseen])
                yield [self._line(product, prices.get(product.id)) for product in unseen]

    def told(self) -> dict[str, JsonValue]:
        """
        The sums by currency, and how many products are in none of them.
        """
        totals: list[JsonValue] = [
            {
                "currency": currency,
                "products": self._products[currency],
                "units": self._units[currency],
                "value": f"{value:f}",
            }
            for currency, value in sorted(self._values.items())
        ]
        lacks: dict[str, JsonValue] = {
            lack: self._lacks[lack] for lack in ("NO_PRICE", "UNREADABLE")
        }
        return {"totals": totals, "lacking": lacks, "complete": not self._lacks.total()}

    async def _pages(self) -> AsyncGenerator[Sequence[Product], None]:
        number, total = 1, 0
        while True:
            found = await self._inventory.page(Search(number, PAGE_SIZE, sort="id"))
            n_gone = max(0, total - found.total)
            total = found.total
            if n_gone and number > 1:
                # What stood at the beginning of this page is now at the end of one before.
                number = max(1, number - -(-n_gone // PAGE_SIZE))
                continue
            yield found.items
            if number >= found.pages:
                return
            number += 1

    def _line(self, product: Product, price: Price | Exception | None) -> StockLine:
        if not isinstance(price, Price):
            return self._lacking(product, "NO_PRICE" if price is None else "UNREADABLE")
        value = _EXACTLY.multiply(Decimal(price.base_price), product.stock_level)
        self._products[price.currency] += 1
        self._units[price.currency] += product.stock_level
        self._values[price.currency] = _EXACTLY.add(
            self._values.get(price.currency, Decimal(0)), value
        )
        return _line(product, price, f"{value:f}", None)

    def _lacking(self, product: Product, lack: Lack) -> StockLine:
        self._lacks[lack] += 1
        return _line(product, None, None, lack)


def _line(product: Product, price: Price | None, value: str | None, lack: Lack | None) -> StockLine:
    return StockLine(
        product_id=product.id,
        sku=product.sku,
        stock_level=product.stock_level,
        reserved=product.reserved,
        price=price.base_price if price else None,
        currency=price.currency if price else None,
        value=value,
        lack=lack,
    )
