"""
``/prices``: for everybody to read, for merchants to set.
"""

from typing import Annotated, Final

from fastapi import APIRouter, Query, Response
from pydantic import AfterValidator

from pricing.errors import NoPrice
from pricing.moments import MomentAskedAbout
from pricing.names import ID, not_reserved
from pricing.prices import wire
from pricing.prices.schemas import (
    EXAMPLE_SET,
    PriceRequest,
    PriceResponse,
    PricesResponse,
    SetPriceResponse,
    VersionsResponse,
)
from pricing.prices.service import PriceService
from pricing.routing import CurrencyInQuery, ProductIdInPath, json_answer
from servicekit.auth import PUBLIC, current_principal, requires
from servicekit.openapi import error_responses, example
from servicekit.schemas import PageNumber, PageSize

MAX_IDS: Final = 200
_MISSING: Final = error_responses(NoPrice(["TEST-999"], currency="USD"))


def _none_reserved(ids: str) -> str:
    for one in ids.split(","):
        not_reserved(one)
    return ids


Ids = Annotated[
    str,
    Query(
        pattern=f"^{ID}(,{ID}){{0,{MAX_IDS - 1}}}$",
        description=f"1 to {MAX_IDS} product ids, with commas between them",
        examples=["TEST-001,TEST-002"],
    ),
    AfterValidator(_none_reserved),
]
At = Annotated[MomentAskedAbout | None, Query(description="RFC 3339; by default now")]


def prices_router(prefix: str, prices: PriceService, *, default_currency: str) -> APIRouter:
    """
    The routes, below ``prefix``.
    """
    router = APIRouter(prefix=f"{prefix}/prices", tags=["prices"])
    _add_reading(router, prices, default_currency)
    _add_setting(router, prices)
    return router


def _add_reading(router: APIRouter, prices: PriceService, default_currency: str) -> None:
    @router.get(
        "",
        summary="The prices of several products; those without one are left out",
        dependencies=[PUBLIC],
        response_model=PricesResponse,
    )
    async def several(ids: Ids, at: At = None, currency: CurrencyInQuery = None) -> Response:
        product_ids = ids.split(",")
        return json_answer(await prices.several(product_ids, currency or default_currency, at=at))

    @router.get(
        "/{product_id:pricing_product_id}",
        summary="A product's price, now or at a moment",
        dependencies=[PUBLIC],
        response_model=PriceResponse,
        responses=_MISSING,
    )
    async def one(
        product_id: ProductIdInPath, at: At = None, currency: CurrencyInQuery = None
    ) -> Response:
        return json_answer(await prices.one(product_id, currency or default_currency, at=at))

    @router.get(
        "/{product_id:pricing_product_id}/versions",
        summary="Every price that a product has had and will have",
        dependencies=[PUBLIC],
        response_model=VersionsResponse,
        responses=_MISSING,
    )
    async def versions(
        product_id: ProductIdInPath,
        page: PageNumber = 1,
        size: PageSize = 20,
        currency: CurrencyInQuery = None,
    ) -> Response:
        in_currency = currency or default_currency
        found = await prices.history(product_id, in_currency, page=page, size=size)
        return json_answer(wire.versions_json(found, page=page, size=size))


def _add_setting(router: APIRouter, prices: PriceService) -> None:
    @router.put(
        "/{product_id:pricing_product_id}",
        summary="Set a product's price from now or a later moment on",
        dependencies=[requires("write", permission="catalog:write")],
        response_model=SetPriceResponse,
        openapi_extra=example(EXAMPLE_SET),
    )
    async def set_price(product_id: ProductIdInPath, price: PriceRequest) -> Response:
        by = current_principal().user_id
        return json_answer(wire.set_price_json(await prices.set(price.of(product_id), by=by)))
