"""
``/products`` and ``/categories``: what a storefront shows.
"""

from collections.abc import Sequence
from typing import Annotated, Final

from fastapi import APIRouter, Header, Path, Query, Request, Response
from pydantic import WithJsonSchema

from gateway.catalog import examples, wire
from gateway.catalog.answers import finished, passing
from gateway.catalog.etags import etag_of, is_known
from gateway.catalog.explanation import Explanation, explaining_errors, explanation_asked
from gateway.catalog.models import Lack
from gateway.catalog.query_names import check_query_names
from gateway.catalog.quick import quick_product
from gateway.catalog.schemas import (
    ID_PATTERN,
    BulkCheckRequest,
    BulkCheckResponse,
    CatalogCategoriesResponse,
    CatalogPageResponse,
    CatalogProductResponse,
    Sort,
)
from gateway.catalog.service import Catalog
from gateway.upstreams.inventory import PICTURE_TYPE, Search
from servicekit.auth import PUBLIC, requires
from servicekit.lean import Finished, lean
from servicekit.schemas import PageNumber
from servicekit.text import PlainText

#: A picture changes with its product's name, which is seldom. It is looked at and never run, also
#: when it is opened by itself: whatever a service behind this one may have been made to send.
_PICTURE_HEADERS: Final = {
    "Cache-Control": "public, max-age=3600",
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; sandbox",
    "X-Content-Type-Options": "nosniff",
}
_LIST_QUERY: Final = frozenset({"page", "size", "category", "q", "sort", "inStock"})

ProductId = Annotated[str, Path(pattern=ID_PATTERN, examples=["TEST-001"])]
PageSize = Annotated[int, Query(ge=1, le=100, description="How many on a page")]
Category = Annotated[PlainText | None, Query(max_length=40, description="Only this category")]
SearchText = Annotated[
    PlainText | None,
    Query(max_length=100, description="Part of a name, a description or an SKU, in any case"),
]
InStock = Annotated[bool, Query(alias="inStock", description="Only what can be ordered now")]
IfNoneMatch = Annotated[
    list[str] | None,
    Header(description="Tags of answers that you have: one of them is 304"),
    # The header may stand several times, and each line is a list of tags.
    WithJsonSchema({"type": "string"}),
]
Explain = Annotated[
    str | None,
    Header(description="Say how the answer came about. Needs the scope admin"),
    # Without the null of what may be left out: as a header it would be the word.
    WithJsonSchema({"type": "string", "enum": ["1"]}),
]


def catalog_router(prefix: str, catalog: Catalog) -> APIRouter:
    """
    The routes, below ``prefix``.
    """
    router = APIRouter(prefix=prefix, tags=["catalog"], dependencies=[requires("read")])
    _add_one(router, catalog)
    _add_page(router, catalog)
    _add_bulk(router, catalog)
    _add_categories(router, catalog)
    return router


def pictures_router(catalog: Catalog) -> APIRouter:
    """
    The pictures that ``imageUrl`` names where inventory draws them: pages show them without a token.
    """
    router = APIRouter(tags=["catalog"], dependencies=[PUBLIC])

    @router.get(
        "/pictures/{product_id}.svg",
        summary="A picture of a product",
        response_class=Response,
        responses=examples.picture_responses(),
    )
    async def picture(product_id: ProductId, if_none_match: IfNoneMatch = None) -> Response:
        drawn = await catalog.picture(product_id)
        etag = etag_of(drawn)
        headers = {"ETag": etag, **_PICTURE_HEADERS}
        if if_none_match and is_known(if_none_match, etag):
            return Response(status_code=304, headers=headers)
        return Response(drawn, media_type=PICTURE_TYPE, headers=headers)

    return router


def _add_one(router: APIRouter, catalog: Catalog) -> None:
    @router.get(
        "/products/{product_id}",
        summary="A product, with its price and its stock",
        response_model=CatalogProductResponse,
        responses=examples.product_responses(),
    )
    @lean(quick_product(catalog))
    async def one(
        request: Request,
        product_id: ProductId,
        if_none_match: IfNoneMatch = None,
        x_explain: Explain = None,
    ) -> Response:
        check_query_names(request)
        explanation = explanation_asked(x_explain)
        with explaining_errors(explanation):
            view = await catalog.one(product_id, explanation)
        body = wire.product_json(view)
        if explanation is not None:
            return _explained(body, explanation, [view.lacks])
        return _answer(body, if_none_match, is_complete=not view.lacks)


def _add_page(router: APIRouter, catalog: Catalog) -> None:
    @router.get(
        "/products",
        summary="Products by page, filtered and sorted",
        response_model=CatalogPageResponse,
        responses=examples.list_responses(examples.PAGES),
    )
    async def page(  # noqa: PLR0917  # FastAPI passes all of them by name
        request: Request,
        page: PageNumber = 1,
        size: PageSize = 20,
        category: Category = None,
        q: SearchText = None,
        sort: Sort = "id",
        is_in_stock: InStock = False,  # noqa: FBT002  # as above
        if_none_match: IfNoneMatch = None,
        x_explain: Explain = None,
    ) -> Response:
        check_query_names(request, _LIST_QUERY)
        explanation = explanation_asked(x_explain)
        search = Search(
            page=page, size=size, category=category, q=q, sort=sort, is_in_stock=is_in_stock
        )
        with explaining_errors(explanation):
            found = await catalog.page(search, explanation)
        body = wire.page_json(found)
        if explanation is not None:
            return _explained(body, explanation, [view.lacks for view in found.items])
        return _answer(body, if_none_match, is_complete=found.is_complete)


def _add_bulk(router: APIRouter, catalog: Catalog) -> None:
    @router.post(
        "/products/bulk-check",
        summary="Up to 200 products by their ids, each found, missing or failed by itself",
        response_model=BulkCheckResponse,
        responses=examples.check_responses(),
    )
    async def bulk_check(
        request: Request, body: BulkCheckRequest, x_explain: Explain = None
    ) -> Response:
        check_query_names(request)
        explanation = explanation_asked(x_explain)
        lines = await catalog.bulk(body.product_ids, explanation)
        answer = wire.checked_json(lines)
        if explanation is not None:
            return _explained(answer, explanation, [line.lacks for line in lines])
        return _response(passing(answer))


def _add_categories(router: APIRouter, catalog: Catalog) -> None:
    @router.get(
        "/categories",
        summary="The categories, and how many products are in each",
        response_model=CatalogCategoriesResponse,
        responses=examples.list_responses(examples.CATEGORIES),
    )
    async def categories(request: Request, if_none_match: IfNoneMatch = None) -> Response:
        check_query_names(request)
        found = await catalog.categories()
        return _answer(wire.categories_json(found), if_none_match, is_complete=not found.lacks)


def _explained(body: bytes, explanation: Explanation, lacks: Sequence[Sequence[Lack]]) -> Response:
    return _response(passing(wire.explained_json(body, explanation.told(lacks))))


def _answer(body: bytes, if_none_match: Sequence[str] | None, *, is_complete: bool) -> Response:
    return _response(finished(body, if_none_match or ()) if is_complete else passing(body))


def _response(answer: Finished) -> Response:
    response = Response(answer.body, answer.status)
    response.raw_headers = answer.headers
    return response
