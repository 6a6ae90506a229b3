"""
``/products/{id}/movements``: the ledger of a product.
"""

from fastapi import APIRouter, Response

from inventory.ledger.schemas import MovementsResponse
from inventory.ledger.service import LedgerService
from inventory.web import CATALOG_READ, ProductId, page_answer
from servicekit.errors import NotFound
from servicekit.openapi import error_responses
from servicekit.schemas import PageNumber, PageSize


def ledger_router(prefix: str, ledger: LedgerService) -> APIRouter:
    """
    The routes, below ``prefix``.
    """
    router = APIRouter(prefix=prefix, tags=["stock"], dependencies=[CATALOG_READ])

    @router.get(
        "/products/{product_id}/movements",
        summary="What moved of a product, the newest first",
        response_model=MovementsResponse,
        responses=error_responses(NotFound("product", "TEST-001")),
    )
    async def movements(
        product_id: ProductId, page: PageNumber = 1, size: PageSize = 20
    ) -> Response:
        found = await ledger.movements(product_id, number=page, size=size)
        return page_answer(found, number=page, size=size)

    return router
