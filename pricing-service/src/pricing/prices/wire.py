"""
Prices as the JSON that is sent: straight to bytes, since reading prices is what is asked for most.

A test holds what is written here to the models in ``schemas``, which the documentation shows.
"""

from collections.abc import Iterable
from typing import Final

import orjson

from pricing.moments import FOREVER
from pricing.money import format_amount
from pricing.prices.models import Price, PriceVersion, SetPrice, VersionPage
from servicekit.schemas import pages_of

_OPTIONS: Final = orjson.OPT_UTC_Z


def price_json(price: Price) -> bytes:
    """
    One price.
    """
    return orjson.dumps(_price(price), option=_OPTIONS)


def prices_json(prices: Iterable[bytes]) -> bytes:
    """
    A list of prices that are JSON already.
    """
    return b'{"items":[' + b",".join(prices) + b"]}"


def set_price_json(new: SetPrice) -> bytes:
    """
    The answer to whoever has set a price.
    """
    told = {**_version(new.version), "category": new.category}
    return orjson.dumps(told, option=_OPTIONS)


def versions_json(found: VersionPage, *, page: int, size: int) -> bytes:
    """
    One page of a product's history.
    """
    return orjson.dumps(
        {
            "items": [_version(version) for version in found.versions],
            "page": page,
            "size": size,
            "total": found.total,
            "pages": pages_of(found.total, size),
        },
        option=_OPTIONS,
    )


def _price(price: Price) -> dict[str, object]:
    return {
        "productId": price.product_id,
        "basePrice": format_amount(price.amount, price.currency),
        "currency": price.currency,
        "validFrom": price.valid_from,
        "validUntil": None if price.valid_until >= FOREVER else price.valid_until,
        "priceType": price.type,
    }


def _version(version: PriceVersion) -> dict[str, object]:
    return {**_price(version.price), "setAt": version.set_at}
