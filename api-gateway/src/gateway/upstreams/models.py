"""
What the services behind the gateway tell of products, prices, reservations and quotes.

They are read by msgspec, which checks types and bounds and builds in one pass (decision 12). What
it can only check by a call into Python for each field is checked for a whole batch at once, by the
client that reads it; what comes out of a client has the forms that are named here.
"""

import re
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Final

from msgspec import Meta, Struct

#: What a product may be called.
PRODUCT_ID: Final = r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}"
is_product_id = re.compile(PRODUCT_ID).fullmatch
#: Whether a text has the form of a currency's code. Which ones there are is pricing's to say.
is_currency = re.compile("[A-Z]{3}").fullmatch

#: Far above what inventory takes. Such a text may be kept as last known, so it must have an end.
Text = Annotated[str, Meta(max_length=10_000)]
#: The largest that JavaScript reads exactly.
Count = Annotated[int, Meta(ge=0, le=2**53 - 1)]
#: RFC 3339 with its offset.
Moment = Annotated[datetime, Meta(tz=True)]
#: What another service calls something of its own. We only tell it on.
Name = Annotated[str, Meta(pattern=r"^[A-Za-z0-9._:-]{1,128}\Z")]


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


@dataclass(frozen=True, slots=True)
class Item:
    """
    So many units of a product, as an order asks for them.
    """

    product_id: str
    quantity: int


class Reservation(Struct, frozen=True, rename="camel", gc=False):
    """
    Units of a product that are held for an order, at least until just before ``expires_at``.
    """

    reservation_id: Name
    product_id: str
    quantity: Count
    expires_at: Moment


class AppliedDiscount(Struct, frozen=True, rename="camel", gc=False):
    """
    What a code took off, of one line or of the whole order; it may be nothing.
    """

    code: Text
    amount: str
    description: Text


class Sums(Struct, frozen=True, rename="camel", gc=False, kw_only=True):
    """
    ``subtotal`` less ``discount`` plus ``tax`` is ``final_price``, to the last minor unit.

    Amounts are decimal numbers such as ``19.99``, from 0 on, all with the decimals of the quote's
    currency; in minor units each fits 64 bits with a sign.
    """

    subtotal: str
    discounts: list[AppliedDiscount]
    #: The sum of ``discounts``.
    discount: str
    tax: str
    final_price: str


class QuoteLine(Sums, frozen=True, rename="camel", gc=False, kw_only=True):
    """
    What a line of an order costs. ``discounts`` are those that took something off it.
    """

    product_id: str
    quantity: Count
    #: Of one piece, without tax.
    base_price: str


class Quote(Sums, frozen=True, rename="camel", gc=False, kw_only=True):
    """
    What an order costs until just before ``valid_until``: the sums of its lines, which are in the
    order asked for. ``discounts`` is each code that was given, in the order applied.
    """

    quote_id: Name
    valid_until: Moment
    currency: str
    lines: list[QuoteLine]
