"""
One product, as it is asked for a thousand times for each order.

A plain request for a product comes here, past what FastAPI would do for it; all others, and all
that is odd about a request, go to the ordinary route (``servicekit.lean``). A test holds the
answers of both to each other.
"""

import re
from typing import Final

from starlette.types import Scope

from gateway.catalog import wire
from gateway.catalog.etags import etag_of, is_known
from gateway.catalog.schemas import ID_PATTERN
from gateway.catalog.service import Catalog
from servicekit.lean import Finished, Quick

_IS_ID: Final = re.compile(ID_PATTERN.removeprefix("^").removesuffix("$")).fullmatch
_EXPLAIN: Final = b"x-explain"
_IF_NONE_MATCH: Final = b"if-none-match"
_TYPE: Final = (b"content-type", b"application/json")
_ASK_AGAIN: Final = (b"cache-control", b"no-cache")
_KEEP_NOT: Final = (b"cache-control", b"no-store")


def quick_product(catalog: Catalog) -> Quick:
    """
    Answers a plain request for one product.
    """

    async def answer(product_id: str, scope: Scope) -> Finished | None:
        if not _IS_ID(product_id):
            return None
        known = []
        for name, value in scope["headers"]:
            if name == _EXPLAIN:
                return None
            if name == _IF_NONE_MATCH:
                known.append(value.decode("latin-1"))
        view = await catalog.one(product_id)
        body = wire.product_json(view)
        length = (b"content-length", b"%d" % len(body))
        if view.lacks:
            return Finished(200, [length, _TYPE, _KEEP_NOT], body)
        etag = etag_of(body)
        tag = (b"etag", etag.encode())
        if known and is_known(known, etag):
            return Finished(304, [tag, _ASK_AGAIN], b"")
        return Finished(200, [length, _TYPE, tag, _ASK_AGAIN], body)

    return answer
