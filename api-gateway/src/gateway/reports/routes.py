"""
``/reports``: for administrators, as JSON or as CSV.
"""

from typing import Annotated

from fastapi import APIRouter, Query, Request

from gateway.checkout.sales_models import TROUBLES, Span
from gateway.reports import schemas
from gateway.reports.answers import ReportAnswer
from gateway.reports.examples import responses_of
from gateway.reports.forms import form_of
from gateway.reports.models import Report
from gateway.reports.period import span_of
from gateway.reports.service import Reports
from servicekit.auth import requires
from servicekit.queries import check_said_once

Period = Annotated[schemas.PeriodQuery, Query()]
TopProducts = Annotated[schemas.TopProductsQuery, Query()]
Troubles = Annotated[schemas.TroublesQuery, Query()]
Form = Annotated[schemas.FormQuery, Query()]


def reports_router(prefix: str, reports: Reports) -> APIRouter:
    """
    The routes, below ``prefix``.
    """
    router = APIRouter(
        prefix=f"{prefix}/reports", tags=["reports"], dependencies=[requires("admin")]
    )
    _add_sales(router, reports)
    _add_stock(router, reports)
    _add_troubles(router, reports)
    return router


def _add_sales(router: APIRouter, reports: Reports) -> None:
    @router.get(
        "/orders",
        summary="Orders by day and by what has become of them, with their revenue",
        response_model=schemas.OrdersReportResponse,
        responses=responses_of("orders"),
    )
    async def orders(request: Request, query: Period) -> ReportAnswer:
        return _answer(request, query, reports, reports.orders(_span(query, reports)))

    @router.get(
        "/top-products",
        summary="The products that were sold most",
        response_model=schemas.TopProductsReportResponse,
        responses=responses_of("top-products"),
    )
    async def top_products(request: Request, query: TopProducts) -> ReportAnswer:
        report = reports.top_products(_span(query, reports), limit=query.limit)
        return _answer(request, query, reports, report)

    @router.get(
        "/discounts",
        summary="The codes that were used, and what they took off",
        response_model=schemas.DiscountsReportResponse,
        responses=responses_of("discounts"),
    )
    async def discounts(request: Request, query: Period) -> ReportAnswer:
        return _answer(request, query, reports, reports.discounts(_span(query, reports)))


def _add_stock(router: APIRouter, reports: Reports) -> None:
    @router.get(
        "/stock-value",
        summary="What the stock is worth now",
        response_model=schemas.StockValueReportResponse,
        responses=responses_of("stock-value"),
    )
    async def stock_value(request: Request, query: Form) -> ReportAnswer:
        return _answer(request, query, reports, reports.stock_value())


def _add_troubles(router: APIRouter, reports: Reports) -> None:
    @router.get(
        "/troubles",
        summary="Orders that were rejected, failed, were cancelled or need attention, and why",
        response_model=schemas.TroublesReportResponse,
        responses=responses_of("troubles"),
    )
    async def troubles(request: Request, query: Troubles) -> ReportAnswer:
        report = reports.troubles(_span(query, reports), query.status or TROUBLES)
        return _answer(request, query, reports, report)


def _span(query: schemas.PeriodQuery, reports: Reports) -> Span:
    return span_of(query.from_, query.to, now=reports.now())


def _answer(
    request: Request, query: schemas.FormQuery, reports: Reports, report: Report
) -> ReportAnswer:
    check_said_once(request, but={"status"})
    form = form_of(query.format, request.headers.getlist("accept"))
    return ReportAnswer(report, form, at=reports.now())
