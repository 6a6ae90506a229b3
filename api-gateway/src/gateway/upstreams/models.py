"""
What the services behind the gateway tell of products and prices.

They are read by msgspec, which checks types and bounds and builds in one pass (decision 12). What
it can only check by a call into Python for each field is checked for a whole batch at once, by the
client that reads it; what comes out of a client has the forms that are named here.
"""

import re
from datetime import datetime
from typing import Annotated, Final

from msgspec import Meta, Struct

#: What a product may be called.
PRODUCT_ID: Final = r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}"
is_product_id = re.compile(PRODUCT_ID).fullmatch

#: Far above what inventory takes. Such a text may be kept as last known, so it must have an end.
Text = Annotated[str, Meta(max_length=10_000)]
#: The largest that JavaScript reads exactly.
Count = Annotated[int, Meta(ge=0, le=2**53 - 1)]
#: RFC 3339 with its offset.
Moment = Annotated[datetime, Meta(tz=True)]


class Product(Struct, frozen=True, rename="camel", gc=False):
    """
    What inventory knows of a product. It promises no more units than it has:
    ``available + reserved <= stock_level``.
    """

    id: str
    sku: Text
    name: Text
    description: Text
    category: Text
    #: A path of the shop's own, or an address of the web; nothing that a browser would run.
    image_url: Text
    stock_level: Count
    reserved: Count
    available: Count
    updated_at: Moment


class Price(Struct, frozen=True, rename="camel", gc=False):
    """
    What one piece of a product costs.
    """

    product_id: str
    #: Up to 18 digits and 6 decimals, such as ``19.99``: no sign, no exponent, no needless zeros in
    #: front. Never a float.
    base_price: str
    #: Three capital letters. Which ones is pricing's to say.
    currency: str


class ProductPage(Struct, frozen=True, rename="camel", gc=False):
    """
    One page of products.
    """

    items: list[Product]
    page: Count
    size: Count
    total: Count
    pages: Count
