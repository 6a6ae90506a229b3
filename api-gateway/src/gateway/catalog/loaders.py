"""
The lookups that concurrent requests share, and what is kept of what they read.

Only what does not depend on who asks goes through here: the words, stock and prices that everybody
is shown. A call goes out in an empty context, so it carries nothing of any of its callers but the
correlation id of the first and the latest deadline.
"""

from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Final, TypeVar

from gateway.catalog.lanes import Lanes
from gateway.catalog.last_known import LastKnown
from gateway.upstreams.inventory import Inventory, Search
from gateway.upstreams.models import Price, Product, ProductPage
from gateway.upstreams.pricing import Pricing
from servicekit.batching import Batcher, note
from servicekit.http import recorded

V = TypeVar("V")

CategoryCounts = Sequence[tuple[str, int]]
FetchMany = Callable[[Sequence[str]], Awaitable[dict[str, V | Exception]]]

#: What the services take at once.
MAX_BATCH: Final = 200
#: One call at a time makes them large: what comes while it is on the wire goes out together. Others go
#: out beside it when it takes longer than this, so that no slow answer holds up everybody.
PATIENCE_S: Final = 0.005
#: In a crowd, who has just been answered asks again within this: half as many calls, at 64 callers.
LINGER_S: Final = 0.002
MAX_IN_FLIGHT: Final = 8
#: A page counts as so many products in the bound of what is kept: it may hold as many.
_PRODUCTS_OF_A_PAGE: Final = 100


class Loaders:
    """
    One shared way to ask for each kind of thing, and the last known of each.
    """

    def __init__(
        self,
        inventory: Inventory,
        pricing: Pricing,
        *,
        max_age_s: float,
        max_last_known: int,
        now: Callable[[], float],
    ) -> None:
        self._inventory = inventory
        self._pricing = pricing
        self._now = now
        self.last_products: LastKnown[str, Product] = LastKnown(max_last_known, max_age_s, now)
        self.last_prices: LastKnown[str, Price] = LastKnown(max_last_known, max_age_s, now)
        max_pages = max(1, max_last_known // _PRODUCTS_OF_A_PAGE)
        self.last_pages: LastKnown[Search, ProductPage] = LastKnown(max_pages, max_age_s, now)
        self.last_categories: LastKnown[None, CategoryCounts] = LastKnown(1, max_age_s, now)
        self.products = _batcher(self._fetch_products, name="the inventory lookup")
        self.prices = _batcher(self._fetch_prices, name="the price lookup")
        self.pages = Lanes(self._fetch_page, name="the inventory lookup")
        self.categories = Lanes(self._fetch_categories, name="the inventory lookup")
        self.pictures = Lanes(inventory.picture, name="the inventory lookup")

    async def aclose(self) -> None:
        """
        End what is on the wire.
        """
        await self.products.aclose()
        await self.prices.aclose()
        await self.pages.aclose()
        await self.categories.aclose()
        await self.pictures.aclose()

    def forget_price(self, product_id: str) -> None:
        """
        There is no such product any more: no price that was asked for until now is told again.
        """
        self.last_prices.forget(product_id, read_at=self._now())

    async def _fetch_products(self, ids: Sequence[str]) -> dict[str, Product | Exception]:
        return await self._fetch_batch(ids, self._inventory.products, self.last_products)

    async def _fetch_prices(self, ids: Sequence[str]) -> dict[str, Price | Exception]:
        return await self._fetch_batch(ids, self._pricing.prices, self.last_prices)

    async def _fetch_batch(
        self, ids: Sequence[str], fetch: FetchMany[V], last_known: LastKnown[str, V]
    ) -> dict[str, V | Exception]:
        asked_at = self._now()
        with _noted():
            found = await fetch(ids)
        last_known.remember(found, read_at=asked_at)
        for missing in set(ids) - found.keys():
            last_known.forget(missing, read_at=asked_at)
        return found

    async def _fetch_page(self, search: Search) -> ProductPage:
        asked_at = self._now()
        with _noted():
            found = await self._inventory.page(search)
        self.last_pages.remember({search: found}, read_at=asked_at)
        self.last_products.remember({one.id: one for one in found.items}, read_at=asked_at)
        return found

    async def _fetch_categories(self, _: None) -> CategoryCounts:
        asked_at = self._now()
        with _noted():
            found = await self._inventory.categories()
        self.last_categories.remember({None: found}, read_at=asked_at)
        return found


def _batcher(fetch: FetchMany[V], *, name: str) -> Batcher[str, V]:
    return Batcher(
        fetch,
        max_size=MAX_BATCH,
        max_in_flight=MAX_IN_FLIGHT,
        patience_s=PATIENCE_S,
        linger_s=LINGER_S,
        name=name,
    )


@contextmanager
def _noted() -> Iterator[None]:
    """
    What becomes of the call inside is kept with it, for callers who want it explained.
    """
    with recorded() as calls:
        note(calls)
        yield
