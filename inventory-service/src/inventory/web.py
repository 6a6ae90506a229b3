"""
What the routes of this service have in common.
"""

from typing import Annotated

import orjson
from fastapi import Path, Response

from inventory.origin import Origin
from inventory.product_ids import ID_PATTERN
from inventory.shapes import Item, Page
from servicekit import correlation
from servicekit.auth import current_principal, requires
from servicekit.schemas import pages_of

ProductId = Annotated[str, Path(pattern=ID_PATTERN, examples=["TEST-001"])]

#: Whoever runs the catalog.
CATALOG_WRITE = requires("write", permission="catalog:write")
CATALOG_READ = requires("read", permission="catalog:write")


def origin() -> Origin:
    """
    The caller of the request in progress, as the ledger notes it.
    """
    principal = current_principal()
    return Origin(f"{principal.kind}:{principal.user_id}", correlation.correlation_id())


def answer(content: object, *, status: int = 200, location: str | None = None) -> Response:
    """
    ``content`` as JSON, in one step.
    """
    return Response(
        orjson.dumps(content, option=orjson.OPT_UTC_Z),
        status_code=status,
        headers={"Location": location} if location else None,
        media_type="application/json",
    )


def page_answer(found: Page, *, number: int, size: int) -> Response:
    """
    One page of a list, and its place among the others.
    """
    content: Item = {
        "items": found.items,
        "page": number,
        "size": size,
        "total": found.total,
        "pages": pages_of(found.total, size),
    }
    return answer(content)
