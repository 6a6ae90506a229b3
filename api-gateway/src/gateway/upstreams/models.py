"""
What the services behind the gateway tell, checked as it is read.

They are read by msgspec, which checks and builds in one pass: a page view may hold 200 of
each, and reading them is most of what the gateway does (docs/decisions/0012).
"""

from typing import Annotated

from msgspec import Meta, Struct

ProductId = Annotated[str, Meta(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$")]
Count = Annotated[int, Meta(ge=0)]
#: Money: a decimal in a string, never a float.
Amount = Annotated[str, Meta(pattern=r"^[0-9]{1,18}(\.[0-9]{1,6})?$")]
Currency = Annotated[str, Meta(pattern=r"^[A-Z]{3}$")]


class Product(Struct, frozen=True, rename="camel", gc=False):
    """
    What inventory knows of a product.
    """

    id: ProductId
    sku: str
    name: str
    description: str
    category: str
    image_url: str
    stock_level: Count
    reserved: Count
    available: Count
    #: RFC 3339; passed on as it is.
    updated_at: str


class Price(Struct, frozen=True, rename="camel", gc=False):
    """
    What one piece of a product costs.
    """

    product_id: ProductId
    base_price: Amount
    currency: Currency


class ProductPage(Struct, frozen=True, rename="camel", gc=False):
    """
    One page of products.
    """

    items: list[Product]
    page: Count
    size: Count
    total: Count
    pages: Count
