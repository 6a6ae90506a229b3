"""
Which products the load asks for.
"""

from typing import Final

#: Steps by a prime: every product once before any comes again, and none beside its neighbour.
_SCATTERED: Final = """
local count = %(start)d
function request()
  count = count + 1
  return wrk.format("GET", string.format("/api/v1/products/TEST-%%03d", count * 7919 %% %(products)d + 1))
end
"""


def scattered(products: int, *, start: int = 0) -> str:
    """
    A script for wrk that asks for one of ``products`` after the other, in a scattered order.

    It never asks for a product that is just being asked for (where there are as many as
    connections), which is what a gateway that shares lookups gains least from.
    """
    return _SCATTERED % {"products": products, "start": start}
