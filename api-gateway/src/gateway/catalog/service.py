"""
The catalog: products as both services tell of them, with one call to each for any number of them.

Everything here is a read that all callers may share. Who asks matters for the deadline only: lookups
get a little less than what is left of it, so that a service that stalls costs its own part of
the answer, and not all of it.
"""

import time
from collections import Counter
from collections.abc import Callable, Hashable, Sequence
from typing import Final, TypeVar

from gateway.catalog.completeness import (
    PriceFound,
    ProductFound,
    both_lacks,
    checked,
    lack_of,
    nothing_known,
    view_of,
)
from gateway.catalog.errors import NothingKnown
from gateway.catalog.explanation import Explanation
from gateway.catalog.lanes import Lanes
from gateway.catalog.last_known import LastKnown
from gateway.catalog.loaders import Loaders
from gateway.catalog.models import Categories, Checked, Lack, PageView, Recalled, Unavailable, View
from gateway.upstreams.inventory import Inventory, Search
from gateway.upstreams.models import Price, Product, ProductPage
from gateway.upstreams.pricing import Pricing
from servicekit import deadline
from servicekit.batching import BatcherClosed, NoAnswer
from servicekit.batching.lookups import Wait
from servicekit.errors import DeadlineExceeded, NotFound, ServiceUnavailable, StorefrontError

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")

#: What is kept of a caller's time, to answer with what is there: a tenth, and at most so much.
_MARGIN_PART: Final = 0.1
_MARGIN_S: Final = 0.1
#: The part of its time that a list may take where another can stand in, which wants prices, too.
_LIST_PART: Final = 0.6


class Catalog:
    """
    Reads products. ``now`` is the clock by which what is kept grows old.

    Who wants to know how an answer came about hands in an ``Explanation``; for all others, nothing
    is done for it.
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

    async def one(self, product_id: str, explanation: Explanation | None = None) -> View:
        """
        One product; raises NotFound, and NothingKnown or DeadlineExceeded where no part is there.
        """
        wait = Wait(until=_time_to_answer())
        product = self.loaders.products.begin(wait, product_id)
        price = self.loaders.prices.begin(wait, product_id)
        await wait.until_over()
        if explanation is not None:
            explanation.note("inventory", [product])
            explanation.note("pricing", [price])
        product_found = self._product(product_id, product.answer(wait))
        price_found = self._price(product_id, price.answer(wait))
        try:
            view = view_of(product_id, product_found, price_found)
        except (NothingKnown, DeadlineExceeded):
            self._count(both_lacks(product_found, price_found))
            raise
        self._count(view.lacks)
        return view

    async def bulk(
        self, product_ids: Sequence[str], explanation: Explanation | None = None
    ) -> list[Checked]:
        """
        Each of the products by itself, in the order asked for; what stands twice is told twice.
        """
        wait = Wait(until=_time_to_answer())
        products = [self.loaders.products.begin(wait, one) for one in product_ids]
        prices = [self.loaders.prices.begin(wait, one) for one in product_ids]
        await wait.until_over()
        if explanation is not None:
            explanation.note("inventory", products)
            explanation.note("pricing", prices)
        lines = [
            checked(
                one,
                self._product(one, product.answer(wait)),
                self._price(one, price.answer(wait)),
            )
            for one, product, price in zip(product_ids, products, prices, strict=True)
        ]
        for line in lines:
            self._count(line.lacks)
        return lines

    async def page(self, search: Search, explanation: Explanation | None = None) -> PageView:
        """
        One page of what is searched for; raises NothingKnown where inventory cannot be read.
        """
        loaders, until = self.loaders, _time_to_answer()
        is_known = loaders.last_pages.recall(search) is not None
        list_until = _part_of(until) if is_known else until
        found = await self._list(loaders.pages, loaders.last_pages, search, list_until, explanation)
        page = _value_of(found)
        wait = Wait(until=until)
        prices = [loaders.prices.begin(wait, product.id) for product in page.items]
        await wait.until_over()
        if explanation is not None:
            explanation.note("pricing", prices)
        items = [
            view_of(
                product.id, _as_found(product, found), self._price(product.id, price.answer(wait))
            )
            for product, price in zip(page.items, prices, strict=True)
        ]
        for item in items:
            self._count(item.lacks)
        return PageView(items, page.page, page.size, page.total, page.pages, _lacks_of(found))

    async def categories(self) -> Categories:
        """
        Every category; raises NothingKnown where inventory cannot be read.
        """
        loaders, until = self.loaders, _time_to_answer()
        found = await self._list(loaders.categories, loaders.last_categories, None, until)
        return Categories(_value_of(found), _lacks_of(found))

    async def picture(self, product_id: str) -> bytes:
        """
        A product's picture, as SVG; raises NotFound, or why inventory cannot be read.
        """
        wait = Wait()
        answer = (await self.loaders.pictures.asked(wait, product_id)).answer(wait)
        if isinstance(answer, Exception):
            raise _foreseen(answer)
        if answer is None:
            raise NotFound("product", product_id)
        return answer

    async def _list(
        self,
        lanes: Lanes[K, V],
        last_known: LastKnown[K, V],
        key: K,
        until: float | None,
        explanation: Explanation | None = None,
    ) -> V | Unavailable[V]:
        """
        What inventory tells now, or what it told last; raises NothingKnown or DeadlineExceeded.
        """
        wait = Wait(until=until)
        entry = await lanes.asked(wait, key)
        if explanation is not None:
            explanation.note("inventory", [entry])
        answer = entry.answer(wait)
        if not isinstance(answer, Exception):
            return answer
        found = Unavailable.because_of(_foreseen(answer), last_known.recall(key))
        self._count(_lacks_of(found))
        if found.last is None:
            raise nothing_known("the catalog", {"inventory": found}) from answer
        return found

    def _product(self, product_id: str, answer: Product | Exception) -> ProductFound:
        found = _found(answer, self.loaders.last_products, product_id)
        if found is None:
            self.loaders.forget_price(product_id)
        return found

    def _price(self, product_id: str, answer: Price | Exception) -> PriceFound:
        return _found(answer, self.loaders.last_prices, product_id)

    def _count(self, lacks: Sequence[Lack]) -> None:
        for lack in lacks:
            self.lacks[lack.part, lack.reason, lack.is_stale] += 1


def _found(answer: V | Exception, last_known: LastKnown[K, V], key: K) -> V | Unavailable[V] | None:
    """
    What the answer to a lookup says of a part: none, too, is an answer.
    """
    if not isinstance(answer, Exception):
        return answer
    if isinstance(answer, NoAnswer):
        return None
    return Unavailable.because_of(_foreseen(answer), last_known.recall(key))


def _time_to_answer() -> float | None:
    """
    The moment from which on is answered with what is there: a little before the request must end.
    """
    ends_at = deadline.expires_at()
    if ends_at is None:
        return None
    return ends_at - min((ends_at - time.monotonic()) * _MARGIN_PART, _MARGIN_S)


def _part_of(until: float | None) -> float | None:
    """
    The moment at which a list must be there, if its prices shall be there by ``until``.
    """
    if until is None:
        return None
    now = time.monotonic()
    return now + (until - now) * _LIST_PART


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
