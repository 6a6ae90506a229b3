"""
``/discounts``: for merchants. Codes are worth money, so nobody else may list them.
"""

from typing import Annotated, Final

from fastapi import APIRouter, Path
from pydantic import AfterValidator

from pricing.discounts.models import normalised_code
from pricing.discounts.schemas import (
    EXAMPLE_TERMS,
    DiscountRequest,
    DiscountResponse,
    DiscountsResponse,
)
from pricing.discounts.service import DiscountService
from servicekit.auth import current_principal, requires
from servicekit.errors import NotFound
from servicekit.openapi import error_responses, example
from servicekit.schemas import PageNumber, PageSize

#: Without regard to case: inside, codes are in capitals.
Code = Annotated[
    str,
    Path(pattern=r"^[A-Za-z0-9_-]{1,40}$", examples=["SUMMER20"]),
    AfterValidator(normalised_code),
]
_READING: Final = [requires("read", permission="catalog:write")]
_WRITING: Final = [requires("write", permission="catalog:write")]
_MISSING: Final = error_responses(NotFound("discount", "SUMMER99"))


def discounts_router(prefix: str, discounts: DiscountService) -> APIRouter:
    """
    The routes, below ``prefix``.
    """
    router = APIRouter(prefix=f"{prefix}/discounts", tags=["discounts"])

    @router.get("", summary="The codes, in alphabetical order", dependencies=_READING)
    async def every(page: PageNumber = 1, size: PageSize = 20) -> DiscountsResponse:
        found, total = await discounts.page(number=page, size=size)
        return DiscountsResponse.of_page(found, total, page=page, size=size)

    @router.get("/{code}", summary="A code", dependencies=_READING, responses=_MISSING)
    async def one(code: Code) -> DiscountResponse:
        return DiscountResponse.of(await discounts.get(code))

    @router.put(
        "/{code}",
        summary="Make a code, or change it; what is claimed of it stays claimed",
        dependencies=_WRITING,
        openapi_extra=example(EXAMPLE_TERMS),
    )
    async def save(code: Code, terms: DiscountRequest) -> DiscountResponse:
        by = current_principal().user_id
        return DiscountResponse.of(await discounts.save(terms.of(code), by=by))

    @router.delete(
        "/{code}",
        summary="Remove a code; it stays in quotes that were made with it",
        status_code=204,
        dependencies=_WRITING,
        responses=_MISSING,
    )
    async def remove(code: Code) -> None:
        await discounts.remove(code, by=current_principal().user_id)

    return router
