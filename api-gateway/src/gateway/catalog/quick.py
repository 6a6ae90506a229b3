"""
One product, as it is asked for a thousand times for each order.

A plain request for a product comes here, past what FastAPI would do for it; all others, and all
that is odd about a request, go to the ordinary route (``servicekit.lean``). A test holds the
answers of both to each other.
"""

from typing import Final

from starlette.types import Scope

from gateway.catalog import wire
from gateway.catalog.answers import finished, passing
from gateway.catalog.service import Catalog
from gateway.upstreams.models import is_product_id
from servicekit.lean import Finished, Quick

_EXPLAIN: Final = b"x-explain"
_IF_NONE_MATCH: Final = b"if-none-match"


def quick_product(catalog: Catalog) -> Quick:
    """
    Answers a plain request for one product.
    """

    async def answer(product_id: str, scope: Scope) -> Finished | None:
        if not is_product_id(product_id):
            return None
        known = []
        for name, value in scope["headers"]:
            if name == _EXPLAIN:
                return None
            if name == _IF_NONE_MATCH:
                known.append(value.decode("latin-1"))
        view = await catalog.one(product_id)
        body = wire.product_json(view)
        return passing(body) if view.lacks else finished(body, known)

    return answer
