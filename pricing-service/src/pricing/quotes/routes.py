"""
``/prices/calculate`` for everybody, and ``/prices/quote`` for the services that take orders.
"""

from typing import Final
from uuid import UUID

from fastapi import APIRouter, Response

from pricing.errors import InvalidDiscount, NoPrice, QuoteConflict
from pricing.quotes.schemas import (
    EXAMPLE_CALCULATION,
    EXAMPLE_QUOTE,
    CalculationRequest,
    CalculationResponse,
    QuoteRequest,
    QuoteResponse,
    ReleaseRequest,
    ReleaseResponse,
)
from pricing.quotes.service import QuoteService
from pricing.refusals import Reason, Refusal
from pricing.routing import json_answer
from servicekit.auth import PUBLIC, requires
from servicekit.errors import NotFound
from servicekit.openapi import error_responses, example

_REFUSALS: Final = (
    NoPrice(["TEST-999"], currency="USD"),
    InvalidDiscount([Refusal("EXPIRED10", Reason.EXPIRED), Refusal("TYPO", Reason.UNKNOWN)]),
)
_CONFLICTS: Final = (QuoteConflict("ord-6f1c2a", "OTHER_ITEMS"), QuoteConflict("ord-1", "RELEASED"))
_QUOTING: Final = [requires("write", kinds=("service",), permission="prices:quote")]
_READING: Final = [requires("read", kinds=("service",), permission="prices:quote")]


def quotes_router(prefix: str, quotes: QuoteService, *, default_currency: str) -> APIRouter:
    """
    The routes, below ``prefix``.
    """
    router = APIRouter(prefix=f"{prefix}/prices", tags=["quotes"])
    _add_calculation(router, quotes, default_currency)
    _add_quoting(router, quotes, default_currency)
    _add_reading(router, quotes)
    return router


def _add_calculation(router: APIRouter, quotes: QuoteService, default_currency: str) -> None:
    @router.post(
        "/calculate",
        summary="What so many pieces of a product cost",
        dependencies=[PUBLIC],
        response_model=CalculationResponse,
        responses=error_responses(*_REFUSALS),
        openapi_extra=example(EXAMPLE_CALCULATION),
    )
    async def calculate(request: CalculationRequest) -> Response:
        return json_answer(await quotes.calculate(request.wanted(default_currency)))


def _add_quoting(router: APIRouter, quotes: QuoteService, default_currency: str) -> None:
    @router.post(
        "/quote",
        summary="What an order costs; the answer holds for a while",
        dependencies=_QUOTING,
        response_model=QuoteResponse,
        responses=error_responses(*_REFUSALS, *_CONFLICTS),
        openapi_extra=example(EXAMPLE_QUOTE),
    )
    async def quote(request: QuoteRequest) -> Response:
        wanted = request.wanted(default_currency)
        return json_answer(await quotes.quote(wanted, order_id=request.order_id))

    @router.post(
        "/quotes/release",
        summary="Give back the uses of codes that an order has claimed",
        dependencies=_QUOTING,
        response_model=ReleaseResponse,
        openapi_extra=example({"orderId": "ord-6f1c2a"}),
    )
    async def release(request: ReleaseRequest) -> Response:
        return json_answer(await quotes.release(request.order_id))


def _add_reading(router: APIRouter, quotes: QuoteService) -> None:
    @router.get(
        "/quotes/{quote_id:uuid}",
        summary="A quote as it was told",
        dependencies=_READING,
        response_model=QuoteResponse,
        responses=error_responses(NotFound("quote")),
    )
    async def one(quote_id: UUID) -> Response:
        return json_answer(await quotes.get(str(quote_id)))
