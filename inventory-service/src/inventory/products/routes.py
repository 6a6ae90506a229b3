"""
``/products``, ``/categories``, ``/stock/low`` and ``/pictures``: the catalog.
"""

from typing import Annotated

from fastapi import APIRouter, Query, Request, Response

from inventory.errors import AdjustmentRefused, OtherAdjustment, Taken, UnitsReserved
from inventory.ledger.schemas import MovementResponse, movement_item
from inventory.products.models import Search, Sort
from inventory.products.pictures import picture
from inventory.products.schemas import (
    AdjustmentRequest,
    CategoriesResponse,
    NewProductRequest,
    ProductPatchRequest,
    ProductResponse,
    ProductsResponse,
    ids_of,
)
from inventory.products.service import ProductService
from inventory.shapes import Page
from inventory.web import (
    CATALOG_READ,
    CATALOG_WRITE,
    ProductId,
    answer,
    origin,
    page_answer,
)
from servicekit.auth import PUBLIC
from servicekit.errors import InvalidRequest, NotFound, Problem
from servicekit.openapi import error_responses
from servicekit.schemas import PageNumber, PageSize
from servicekit.text import PlainText

_MISSING = NotFound("product", "TEST-001")
_REFUSED = AdjustmentRefused(
    "BELOW_RESERVED", product_id="TEST-001", change=-9, stock_level=10, reserved=2
)
#: A picture changes with its product's name, which is seldom.
_PICTURE_HEADERS = {
    "Cache-Control": "public, max-age=3600",
    # A picture is looked at, never run: also when it is opened by itself.
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; sandbox",
    "X-Content-Type-Options": "nosniff",
}

Ids = Annotated[
    str | None,
    Query(
        max_length=20_000,
        description="Up to 200 ids with commas between them: these products, in this order, and "
        "no others. Unknown ones are left out. Stands alone.",
        examples=["TEST-001,TEST-002"],
    ),
]
Category = Annotated[PlainText | None, Query(max_length=40, description="Only this category")]
SearchText = Annotated[
    PlainText | None,
    Query(max_length=100, description="Part of a name, a description or an SKU, in any case"),
]
InStock = Annotated[bool, Query(alias="inStock", description="Only what can be reserved")]
Threshold = Annotated[
    int | None,
    Query(ge=0, le=1_000_000, description="Available units; without it, the service's setting"),
]


def products_router(
    prefix: str, products: ProductService, *, low_stock_threshold: int
) -> APIRouter:
    """
    The routes, below ``prefix``.
    """
    router = APIRouter(prefix=prefix, tags=["products"])
    _add_reads(router, products)
    _add_low(router, products, low_stock_threshold)
    _add_writes(router, products)
    _add_adjustments(router, products)
    return router


def pictures_router(products: ProductService) -> APIRouter:
    """
    The pictures that ``imageUrl`` names.
    """
    router = APIRouter(tags=["products"], dependencies=[PUBLIC])

    @router.get(
        "/pictures/{product_id}.svg",
        summary="A picture of a product",
        response_class=Response,
        responses={
            200: {"content": {"image/svg+xml": {"example": "<svg/>"}}},
            **error_responses(_MISSING),
        },
    )
    async def get_picture(product_id: ProductId) -> Response:
        words = await products.described(product_id)
        drawn = picture(product_id, words.name, words.category)
        return Response(drawn, media_type="image/svg+xml", headers=_PICTURE_HEADERS)

    return router


def _add_reads(router: APIRouter, products: ProductService) -> None:
    @router.get(
        "/products",
        summary="Products, by page or by their ids",
        dependencies=[PUBLIC],
        response_model=ProductsResponse,
    )
    async def page(  # noqa: PLR0917  # FastAPI passes all of them by name
        request: Request,
        page: PageNumber = 1,
        size: PageSize = 20,
        category: Category = None,
        q: SearchText = None,
        sort: Sort = "id",
        is_in_stock: InStock = False,  # noqa: FBT002  # as above
        ids: Ids = None,
    ) -> Response:
        if ids is not None:
            _check_alone(request)
            return await _some(products, ids_of(ids))
        search = Search(category=category, q=q, sort=sort, is_in_stock=is_in_stock)
        found = await products.page(search, number=page, size=size)
        return page_answer(found, number=page, size=size)

    @router.get(
        "/products/{product_id}",
        summary="A product",
        dependencies=[PUBLIC],
        response_model=ProductResponse,
        responses=error_responses(_MISSING),
    )
    async def get(product_id: ProductId) -> Response:
        return answer(await products.get(product_id))

    @router.get(
        "/categories",
        summary="The categories, and how many products are in each",
        dependencies=[PUBLIC],
        response_model=CategoriesResponse,
    )
    async def categories() -> Response:
        found = await products.categories()
        return answer({"items": [{"name": name, "count": count} for name, count in found]})


def _add_low(router: APIRouter, products: ProductService, default_threshold: int) -> None:
    @router.get(
        "/stock/low",
        summary="Products of which few are available, the fewest first",
        dependencies=[CATALOG_READ],
        response_model=ProductsResponse,
    )
    async def low(
        threshold: Threshold = None, page: PageNumber = 1, size: PageSize = 20
    ) -> Response:
        limit = default_threshold if threshold is None else threshold
        found = await products.low(limit, number=page, size=size)
        return page_answer(found, number=page, size=size)


def _add_writes(router: APIRouter, products: ProductService) -> None:
    @router.post(
        "/products",
        summary="Add a product",
        status_code=201,
        dependencies=[CATALOG_WRITE],
        response_model=ProductResponse,
        responses=error_responses(Taken("sku")),
    )
    async def create(body: NewProductRequest) -> Response:
        product = await products.create(body.new_product(), origin())
        location = f"{router.prefix}/products/{body.id}"
        return answer(product, status=201, location=location)

    @router.patch(
        "/products/{product_id}",
        summary="Change a product",
        dependencies=[CATALOG_WRITE],
        response_model=ProductResponse,
        responses=error_responses(_MISSING, Taken("sku")),
    )
    async def change(product_id: ProductId, body: ProductPatchRequest) -> Response:
        return answer(await products.change(product_id, body.change(), origin()))

    @router.delete(
        "/products/{product_id}",
        summary="Remove a product; its movements stay",
        status_code=204,
        dependencies=[CATALOG_WRITE],
        responses=error_responses(_MISSING, UnitsReserved("TEST-001", reserved=2)),
    )
    async def remove(product_id: ProductId) -> None:
        await products.remove(product_id, origin())


def _add_adjustments(router: APIRouter, products: ProductService) -> None:
    @router.post(
        "/products/{product_id}/adjustments",
        summary="Count more or fewer units; each adjustmentId once",
        status_code=201,
        dependencies=[CATALOG_WRITE],
        response_model=MovementResponse,
        responses=error_responses(_MISSING, _REFUSED, OtherAdjustment("stocktaking-2026-07")),
    )
    async def adjust(product_id: ProductId, body: AdjustmentRequest) -> Response:
        entry = await products.adjust(product_id, body.adjustment(), origin())
        return answer(movement_item(entry), status=201)


async def _some(products: ProductService, ids: list[str]) -> Response:
    found = await products.some(ids)
    return page_answer(Page(found, len(found)), number=1, size=len(ids))


def _check_alone(request: Request) -> None:
    others = request.query_params.keys() & {"page", "size", "category", "q", "sort", "inStock"}
    if others:
        names = ", ".join(sorted(others))
        problem = f"cannot be combined with {names}"
        raise InvalidRequest(problems=[Problem("query.ids", problem)])
