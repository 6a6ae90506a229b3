"""
The inventory service, as the catalog reads it.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from msgspec import Struct, json

from gateway.upstreams.models import Count, Product, ProductPage, Text, is_product_id
from gateway.upstreams.reading import Items, KeyedItems, content_of, distrusted, joined, read
from servicekit.errors import UpstreamRefused
from servicekit.http import Reply, ServiceClient, segment

PRODUCTS_PATH: Final = "/api/v1/products"
CATEGORIES_PATH: Final = "/api/v1/categories"
PICTURE_TYPE: Final = "image/svg+xml"

#: Not ``//evil/x``, an address of another's; browsers read a backslash as a slash, and skip these blanks.
_IS_WEB: Final = re.compile(r"/(?![/\\\t\n\r])|https?://").match


@dataclass(frozen=True, slots=True)
class Search:
    """
    A page of what is looked for: which one, from 1, and how many on it.
    """

    page: int
    size: int
    category: str | None = None
    q: str | None = None
    sort: str | None = None
    is_in_stock: bool = False


class Category(Struct, frozen=True, gc=False):
    """
    A category, and how many products are in it.
    """

    name: Text
    count: Count


class Inventory:
    """
    Reads products. Raises what the client raises, and UpstreamFailed for what cannot be used.

    What cannot be asked for in batches may go by clients of its own, so that neither its crowds nor
    its failures stand in the way of products; without them, all goes by ``client``.
    """

    def __init__(
        self,
        client: ServiceClient,
        *,
        lists: ServiceClient | None = None,
        pictures: ServiceClient | None = None,
    ) -> None:
        self._client = client
        self._lists = lists or client
        self._pictures = pictures or client

    async def products(self, ids: Sequence[str]) -> dict[str, Product | Exception]:
        """
        The products of 1 to 200 ids by one call. Unknown ones are left out; of one that cannot be
        read there is an UpstreamFailed.
        """
        reply = await self._client.get(PRODUCTS_PATH, params={"ids": joined(ids)})
        return PRODUCTS.read(reply, ids)

    async def page(self, search: Search) -> ProductPage:
        """
        One page by one call. A page with something unreadable on it is not used at all.
        """
        params = {
            "page": search.page,
            "size": search.size,
            "category": search.category,
            "q": search.q,
            "sort": search.sort,
            "inStock": search.is_in_stock or None,
        }
        reply = await self._lists.get(PRODUCTS_PATH, params=params)
        page = read(_PAGE, reply)
        _check_page(page, search, reply)
        return page

    async def categories(self) -> list[tuple[str, int]]:
        """
        Every category, and how many products are in it.
        """
        reply = await self._lists.get(CATEGORIES_PATH)
        items = read(_CATEGORIES, reply).items
        if len({item.name for item in items}) != len(items):
            raise distrusted(reply, "a category is told twice")
        return [(item.name, item.count) for item in items]

    async def picture(self, product_id: str) -> bytes | None:
        """
        The picture that inventory draws of a product, as SVG; None if there is none.
        """
        try:
            reply = await self._pictures.get(f"/pictures/{segment(product_id)}.svg")
        except UpstreamRefused as refusal:
            if refusal.upstream_status == 404:
                return None
            raise
        if not reply.headers.get("Content-Type", "").startswith(PICTURE_TYPE):
            raise distrusted(reply, "no picture")
        return content_of(reply)


def _keyed(products: Sequence[Product]) -> dict[str, Product | Exception]:
    return {product.id: product for product in products}


def _are_sound(products: Sequence[Product]) -> bool:
    return all(
        one.available + one.reserved <= one.stock_level and _IS_WEB(one.image_url)
        for one in products
    )


def _check_page(page: ProductPage, search: Search, reply: Reply) -> None:
    """
    Refuse a page that is another one than was asked for. Its total may be of a moment earlier.
    """
    ids = [product.id for product in page.items]
    if (page.page, page.size) != (search.page, search.size) or len(ids) > search.size:
        raise distrusted(reply, "another page than was asked for")
    if search.category is not None and any(one.category != search.category for one in page.items):
        raise distrusted(reply, "a product of another category")
    if len({*ids}) != len(ids) or not all(map(is_product_id, ids)):
        raise distrusted(reply, "an id is told twice, or is none")
    if not _are_sound(page.items):
        raise distrusted(reply, "an item contradicts itself")


#: Reads the answer to a batch of ids.
PRODUCTS: Final = KeyedItems(Items[Product], Product, key="id", keyed=_keyed, are_sound=_are_sound)
_PAGE: Final = json.Decoder(ProductPage)
_CATEGORIES: Final = json.Decoder(Items[Category])
