"""
``/stock``: what services do with stock in the course of an order.
"""

from typing import Annotated, Any

from fastapi import APIRouter, Path, Query, Response

from inventory.errors import OrderConflict, OutOfStock, Shortage
from inventory.stock.models import COMMIT, RELEASE, RETURN, Deed
from inventory.stock.schemas import (
    OrderId,
    ReservationId,
    ReservationResponse,
    ReservationsResponse,
    ReserveOrderRequest,
    ReserveRequest,
    TargetRequest,
    reservation_item,
    reservations_item,
)
from inventory.stock.service import StockService
from inventory.web import answer, origin
from servicekit.auth import requires
from servicekit.errors import NotFound
from servicekit.openapi import error_responses

_SERVICES = requires("write", kinds=("service",), permission="stock:write")
_PRODUCT = NotFound("product", "TEST-001")
_RESERVATION = NotFound("reservation", "5f0a5d0e-6f0c-4f3c-9a2f-0d1f6b1f7c11")
_SHORT = [Shortage("TEST-001", wanted=2, left=1)]
_RELEASED = OrderConflict("RELEASED", order_id="7f9c2ba4")

_DEEDS: tuple[tuple[str, Deed, str, dict[int | str, dict[str, Any]]], ...] = (
    (
        "release",
        RELEASE,
        "Give reserved stock back; by order, nothing can be reserved for it later",
        error_responses(_RESERVATION, OrderConflict("COMMITTED", order_id="7f9c2ba4")),
    ),
    (
        "commit",
        COMMIT,
        "Take reserved stock out for good",
        error_responses(
            NotFound("order", "7f9c2ba4"), _RELEASED, OrderConflict("EXPIRED", order_id="7f9c2ba4")
        ),
    ),
    (
        "return",
        RETURN,
        "Give committed stock back",
        error_responses(
            NotFound("order", "7f9c2ba4"), OrderConflict("NOT_COMMITTED", order_id="7f9c2ba4")
        ),
    ),
)


def stock_router(prefix: str, stock: StockService) -> APIRouter:
    """
    The routes, below ``prefix``.
    """
    router = APIRouter(prefix=f"{prefix}/stock", tags=["stock"], dependencies=[_SERVICES])
    _add_reserve(router, stock)
    for path, deed, summary, errors in _DEEDS:
        _add_deed(router, stock, path, deed, summary=summary, responses=errors)
    _add_reads(router, stock)
    return router


def _add_reserve(router: APIRouter, stock: StockService) -> None:
    @router.post(
        "/reserve",
        summary="Hold units of a product for an order",
        status_code=201,
        response_model=ReservationResponse,
        responses=error_responses(_PRODUCT, OutOfStock(_SHORT, is_order=False), _RELEASED),
    )
    async def reserve(body: ReserveRequest) -> Response:
        reservation = await stock.reserve(body.order_id, body.wanted(), origin())
        location = f"{router.prefix}/reservations/{reservation.id}"
        return answer(reservation_item(reservation), status=201, location=location)

    @router.post(
        "/reservations",
        summary="Hold all lines of an order, or none",
        status_code=201,
        response_model=ReservationsResponse,
        responses=error_responses(_PRODUCT, OutOfStock(_SHORT, is_order=True), _RELEASED),
    )
    async def reserve_order(body: ReserveOrderRequest) -> Response:
        reservations = await stock.reserve_order(body.order_id, body.wanted(), origin())
        location = f"{router.prefix}/reservations?orderId={body.order_id}"
        content = reservations_item(body.order_id, reservations)
        return answer(content, status=201, location=location)


def _add_deed(
    router: APIRouter,
    stock: StockService,
    path: str,
    deed: Deed,
    *,
    summary: str,
    responses: dict[int | str, dict[str, Any]],
) -> None:
    @router.post(
        f"/{path}",
        name=path,
        summary=summary,
        response_model=ReservationsResponse,
        responses=responses,
    )
    async def change(body: TargetRequest) -> Response:
        if body.order_id:
            lines = await stock.change_order(deed, body.order_id, origin())
            return answer(reservations_item(body.order_id, lines))
        line = await stock.change_reservation(deed, body.reservation_id, origin())
        return answer(reservations_item(line.order_id, [line]))


def _add_reads(router: APIRouter, stock: StockService) -> None:
    @router.get(
        "/reservations",
        summary="The reservations of an order; none where nothing was ever reserved",
        response_model=ReservationsResponse,
    )
    async def of_order(order_id: Annotated[OrderId, Query(alias="orderId")]) -> Response:
        return answer(reservations_item(order_id, await stock.of_order(order_id)))

    @router.get(
        "/reservations/{reservation_id}",
        summary="What became of a reservation",
        response_model=ReservationResponse,
        responses=error_responses(_RESERVATION),
    )
    async def get(reservation_id: Annotated[ReservationId, Path()]) -> Response:
        return answer(reservation_item(await stock.get(reservation_id)))
