"""
The catalog: products as both services tell of them, with one call to each for any number of them.

Everything here is a read that all callers may share. Who asks matters for the deadline only: lookups
get a little less than what is left of it, so that a service that stalls costs its own part of
the answer, and not all of it.
"""

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Hashable, Sequence
from contextlib import AbstractContextManager
from typing import Final, TypeVar

from gateway.catalog.completeness import (
    PriceFound,
    ProductFound,
    checked,
    lack_of,
    nothing_known,
    view_of,
)
from gateway.catalog.lanes import Lanes
from gateway.catalog.last_known import LastKnown
from gateway.catalog.loaders import Loaders
from gateway.catalog.models import Categories, Checked, Lack, PageView, Recalled, Unavailable, View
from gateway.upstreams.inventory import Inventory, Search
from gateway.upstreams.models import Price, Product, ProductPage
from gateway.upstreams.pricing import Pricing
from servicekit import deadline
from servicekit.batching import BatcherClosed, NoAnswer
from servicekit.errors import ServiceUnavailable, StorefrontError

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")

#: What is kept of a caller's time, to answer with what is there: a tenth, and at most so much.
_MARGIN_PART: Final = 0.1
_MARGIN_S: Final = 0.1


class Catalog:
    """
    Reads products. ``now`` is the clock by which what is kept grows old.
    """

    def __init__(
        self,
        inventory: Inventory,
        pricing: Pricing,
        *,
        stale_if_error_s: float,
        max_last_known: int,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self.loaders = Loaders(
            inventory,
            pricing,
            max_age_s=stale_if_error_s,
            max_last_known=max_last_known,
            now=now,
        )
        #: How often each part was told as missing or old, by part, reason and whether it was old.
        self.lacks: Counter[tuple[str, str, bool]] = Counter()

    async def aclose(self) -> None:
        """
        End what is on the wire; whoever waits is told that the service is not available.
        """
        await self.loaders.aclose()

    async def one(self, product_id: str) -> View:
        """
        One product; raises NotFound, and NothingKnown or DeadlineExceeded where no part is there.
        """
        ((product, price),) = await self._parts_of((product_id,))
        view = view_of(product_id, product, price)
        self._count(view.lacks)
        return view

    async def bulk(self, product_ids: Sequence[str]) -> list[Checked]:
        """
        Each of the products by itself, in the order asked for; what stands twice is told twice.
        """
        parts = await self._parts_of(product_ids)
        lines = [
            checked(product_id, product, price)
            for product_id, (product, price) in zip(product_ids, parts, strict=True)
        ]
        for line in lines:
            self._count(line.lacks if line.view is None else line.view.lacks)
        return lines

    async def page(self, search: Search) -> PageView:
        """
        One page of what is searched for; raises NothingKnown where inventory cannot be read.
        """
        loaders = self.loaders
        with _time_for_lookups():
            found = await _fresh_or_last(loaders.pages, loaders.last_pages, search)
            page = _value_of(found)
            ids = [product.id for product in page.items]
            prices = await loaders.prices.load_many(ids)
        items = [
            view_of(product.id, _as_found(product, found), self._price(product.id, price))
            for product, price in zip(page.items, prices, strict=True)
        ]
        lacks = _lacks_of(found)
        self._count(lacks)
        for item in items:
            self._count(item.lacks)
        return PageView(items, page.page, page.size, page.total, page.pages, lacks)

    async def categories(self) -> Categories:
        """
        Every category; raises NothingKnown where inventory cannot be read.
        """
        loaders = self.loaders
        with _time_for_lookups():
            found = await _fresh_or_last(loaders.categories, loaders.last_categories, None)
        lacks = _lacks_of(found)
        self._count(lacks)
        return Categories(_value_of(found), lacks)

    async def _parts_of(self, ids: Sequence[str]) -> list[tuple[ProductFound, PriceFound]]:
        with _time_for_lookups():
            products, prices = await asyncio.gather(
                self.loaders.products.load_many(ids), self.loaders.prices.load_many(ids)
            )
        return [
            (self._product(one, product), self._price(one, price))
            for one, product, price in zip(ids, products, prices, strict=True)
        ]

    def _product(self, product_id: str, answer: Product | Exception) -> ProductFound:
        if not isinstance(answer, Exception):
            return answer
        if isinstance(answer, NoAnswer):
            self.loaders.forget(product_id)
            return None
        last = self.loaders.last_products.recall(product_id)
        return Unavailable.because_of(_foreseen(answer), last)

    def _price(self, product_id: str, answer: Price | Exception) -> PriceFound:
        if not isinstance(answer, Exception):
            return answer
        if isinstance(answer, NoAnswer):
            self.loaders.last_prices.forget(product_id)
            return None
        last = self.loaders.last_prices.recall(product_id)
        return Unavailable.because_of(_foreseen(answer), last)

    def _count(self, lacks: Sequence[Lack]) -> None:
        for lack in lacks:
            self.lacks[lack.part, lack.reason, lack.is_stale] += 1


def _time_for_lookups() -> AbstractContextManager[None]:
    """
    What is inside ends a little before the request does.
    """
    ends_at = deadline.expires_at()
    if ends_at is None:
        return deadline.at(None)
    left_s = ends_at - time.monotonic()
    return deadline.at(ends_at - min(left_s * _MARGIN_PART, _MARGIN_S))


async def _fresh_or_last(
    lanes: Lanes[K, V], last_known: LastKnown[K, V], key: K
) -> V | Unavailable[V]:
    """
    What inventory tells now, or what it told last; raises NothingKnown or DeadlineExceeded.
    """
    try:
        return await lanes.load(key)
    except (StorefrontError, BatcherClosed) as error:
        found = Unavailable.because_of(_foreseen(error), last_known.recall(key))
        if found.last is None:
            raise nothing_known("the catalog", {"inventory": found}) from error
        return found


def _value_of(found: V | Unavailable[V]) -> V:
    if not isinstance(found, Unavailable):
        return found
    if found.last is None:
        raise RuntimeError("a list of which nothing is known")
    return found.last.value


def _as_found(product: Product, page: ProductPage | Unavailable[ProductPage]) -> ProductFound:
    """
    A product of a page, which is as old as the page is.
    """
    if not isinstance(page, Unavailable) or page.last is None:
        return product
    return Unavailable(page.reason, page.retry_after_s, last=Recalled(product, page.last.age_s))


def _lacks_of(found: object) -> tuple[Lack, ...]:
    lack = lack_of("inventory", found)
    return () if lack is None else (lack,)


def _foreseen(error: Exception) -> StorefrontError:
    """
    An error that says why a part is not there. Any other is a mistake of ours, and raised.
    """
    match error:
        case StorefrontError():
            return error
        case BatcherClosed():
            return ServiceUnavailable("the catalog")
        case _:
            raise error
