"""
The pricing service, as the catalog reads it.
"""

import re
from collections.abc import Sequence
from typing import Final

from gateway.upstreams.models import Price, is_currency
from gateway.upstreams.reading import Items, KeyedItems, joined
from servicekit.http import ServiceClient

PRICES_PATH: Final = "/api/v1/prices"

#: Addresses below ``/prices``. No product is called so, and pricing refuses the whole of a request
#: that asks for one: whoever asks us for the product "quote" must not spoil the batch for others.
_ADDRESSES: Final = frozenset({"calculate", "quote", "quotes"})

_IS_AMOUNT: Final = re.compile(r"(?:0|[1-9][0-9]{0,17})(?:\.[0-9]{1,6})?").fullmatch


class Pricing:
    """
    Reads prices, in the currency of the shop: pricing says which. Raises what the client raises,
    and UpstreamFailed for what cannot be used.
    """

    def __init__(self, client: ServiceClient) -> None:
        self._client = client

    async def prices(self, ids: Sequence[str]) -> dict[str, Price | Exception]:
        """
        The prices of 1 to 200 products by one call. Those without one are left out; of one that
        cannot be read there is an UpstreamFailed.
        """
        askable = _without_addresses(ids)
        if ids and not askable:
            return {}
        reply = await self._client.get(PRICES_PATH, params={"ids": joined(askable)})
        return PRICES.read(reply, askable)


def _without_addresses(ids: Sequence[str]) -> Sequence[str]:
    if _ADDRESSES.isdisjoint(map(str.lower, ids)):
        return ids
    return [one for one in ids if one.lower() not in _ADDRESSES]


def _keyed(prices: Sequence[Price]) -> dict[str, Price | Exception]:
    return {price.product_id: price for price in prices}


def _are_sound(prices: Sequence[Price]) -> bool:
    # Most have the same currency.
    return all(map(is_currency, {price.currency for price in prices})) and all(
        map(_IS_AMOUNT, [price.base_price for price in prices])
    )


#: Reads the answer to a batch of ids.
PRICES: Final = KeyedItems(Items[Price], Price, key="productId", keyed=_keyed, are_sound=_are_sound)
