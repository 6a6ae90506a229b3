"""
``/orders``: placing an order, watching it, cancelling it.
"""

from collections.abc import Sequence
from functools import partial
from typing import Annotated, Final

from fastapi import APIRouter, Header, Path, Query, Request, Response
from pydantic import WithJsonSchema

from gateway.checkout import examples, wire
from gateway.checkout.errors import MalformedKey, refusal_of
from gateway.checkout.idempotency import Key, is_key, key_of, owner_of
from gateway.checkout.models import Event, Order, Wanted
from gateway.checkout.repository import Filters
from gateway.checkout.schemas import (
    ConfirmedOrderResponse,
    OrderRequest,
    OrderResponse,
    OrdersQuery,
    OrdersResponse,
    OrderWithTimelineResponse,
)
from gateway.checkout.service import Checkout, Told
from gateway.checkout.stream import EventStream, Streams
from servicekit import correlation, deadline
from servicekit.auth import current_principal, requires
from servicekit.errors import InvalidRequest, MalformedRequest, Problem
from servicekit.openapi import example
from servicekit.queries import check_said_once

#: What of a caller's time is left for the answer when the order is not through.
ANSWER_MARGIN_S: Final = 0.25
_JSON: Final = "application/json"
_KEY: Final = "Idempotency-Key"

OrderId = Annotated[str, Path(pattern="^[0-9a-f]{32}$", examples=[examples.ORDER_ID])]
IdempotencyKey = Annotated[
    str | None,
    Header(
        description="1 to 255 visible ASCII characters, such as a UUID: whatever is sent again with it "
        "is the same order, and not placed again. Kept for a day at least. A guest's counts at any address "
        "if it looks random, as a random UUID does, and otherwise at one"
    ),
    WithJsonSchema({"type": "string", "pattern": "^[!-~]{1,255}$"}),
]
Prefer = Annotated[
    str | None,
    Header(description="`respond-async`: do not wait until the order is through"),
    WithJsonSchema({"type": "string"}),
]
LastEventId = Annotated[
    str | None,
    Header(alias="Last-Event-ID", description="The number of the last event that is known"),
    WithJsonSchema({"type": "string", "pattern": "^[0-9]{1,9}$"}),
]


def checkout_router(prefix: str, checkout: Checkout, *, wait_s: float) -> APIRouter:
    """
    The routes, below ``prefix``. Whoever places or cancels an order waits at most ``wait_s`` for it.
    """
    router = APIRouter(prefix=prefix, tags=["orders"])
    _add_placing(router, checkout, wait_s)
    _add_reads(router, checkout)
    _add_changes(router, checkout, wait_s)
    _add_events(router, checkout)
    return router


def _add_placing(router: APIRouter, checkout: Checkout, wait_s: float) -> None:
    @router.post(
        "/orders",
        summary="Place an order",
        status_code=201,
        dependencies=[requires("write")],
        response_model=ConfirmedOrderResponse,
        responses=examples.placing_responses(OrderResponse),
        openapi_extra=example(examples.REQUEST),
    )
    async def place(
        request: Request,
        body: OrderRequest,
        idempotency_key: IdempotencyKey = None,  # noqa: ARG001  # for the documentation; see _key_of
        prefer: Prefer = None,  # noqa: ARG001  # for the documentation; see _prefers_async
    ) -> Response:
        wanted = body.wanted()
        is_async = _prefers_async(request)
        told = await checkout.place(
            current_principal(),
            wanted,
            key=_key_of(request, wanted),
            correlation_id=correlation.correlation_id() or correlation.new().correlation_id,
            wait_s=0 if is_async else _patience(wait_s),
        )
        return _placed(told, f"{router.prefix}/orders/{told.order.id}", is_async=is_async)


def _add_reads(router: APIRouter, checkout: Checkout) -> None:
    @router.get(
        "/orders",
        summary="One's own orders, the newest first; an administrator's are everybody's",
        dependencies=[requires("read", kinds=("user", "service"))],
        response_model=OrdersResponse,
        responses=examples.list_responses(),
    )
    async def page(request: Request, query: Annotated[OrdersQuery, Query()]) -> Response:
        check_said_once(request)
        found = await checkout.page(_filters(query), number=query.page, size=query.size)
        return Response(wire.page_json(found, number=query.page, size=query.size), media_type=_JSON)

    @router.get(
        "/orders/{order_id}",
        summary="An order, with what has happened to it",
        dependencies=[requires("read")],
        response_model=OrderWithTimelineResponse,
        responses=examples.order_responses(),
    )
    async def one(order_id: OrderId) -> Response:
        order, timeline = await checkout.get(current_principal(), order_id)
        return Response(wire.order_json(order, timeline), media_type=_JSON)


def _add_changes(router: APIRouter, checkout: Checkout, wait_s: float) -> None:
    @router.post(
        "/orders/{order_id}/cancel",
        summary="Cancel a confirmed order",
        dependencies=[requires("write")],
        response_model=OrderResponse,
        responses=examples.cancelling_responses(OrderResponse),
    )
    async def cancel(order_id: OrderId) -> Response:
        order = await checkout.cancel(current_principal(), order_id, wait_s=_patience(wait_s))
        if order.has_ended:
            return Response(wire.order_json(order), media_type=_JSON)
        return _on_its_way(order, f"{router.prefix}/orders/{order.id}")

    @router.post(
        "/orders/{order_id}/retry",
        summary="Try again at once what needs attention",
        status_code=202,
        dependencies=[requires("admin")],
        response_model=OrderResponse,
        responses=examples.retry_responses(),
    )
    async def retry(order_id: OrderId) -> Response:
        order = await checkout.retry(current_principal(), order_id)
        return _on_its_way(order, f"{router.prefix}/orders/{order.id}")


def _add_events(router: APIRouter, checkout: Checkout) -> None:
    streams = Streams()

    @router.get(
        "/orders/{order_id}/events",
        summary="What happens to an order, while it happens (server-sent events)",
        dependencies=[requires("read")],
        response_class=Response,
        responses=examples.event_responses(),
    )
    async def events(
        request: Request, order_id: OrderId, last_event_id: LastEventId = None
    ) -> Response:
        principal, after = current_principal(), _number_of(last_event_id)

        async def news(number: int, *, is_waiting: bool = True) -> tuple[Sequence[Event], bool]:
            return await checkout.news(principal, order_id, after=number, is_waiting=is_waiting)

        told, is_over = first = await news(after, is_waiting=False)
        if is_over and not told:
            return Response(status_code=204)
        lifecycle = request.app.state.lifecycle
        return EventStream(
            first,
            news,
            after=after,
            place=partial(streams.one, order_id),
            is_stopping=lambda: lifecycle.phase == "draining",
        )


def _placed(told: Told, location: str, *, is_async: bool) -> Response:
    order = told.order
    replayed = {"Idempotency-Replayed": "true"} if told.is_replayed else {}
    if order.answer is not None:
        body = wire.confirmed_json(order)
        return Response(body, 201, {"Location": location, **replayed}, media_type=_JSON)
    if order.reason is not None:
        refusal = refusal_of(order.id, order.status, order.reason)
        refusal.headers |= replayed
        if told.is_replayed:
            # The same key is answered alike for good: another helps, and no waiting.
            refusal.headers.pop("Retry-After", None)
        raise refusal
    response = _on_its_way(order, location)
    response.headers.update(replayed)
    if is_async:
        response.headers["Preference-Applied"] = "respond-async"
    return response


def _on_its_way(order: Order, location: str) -> Response:
    headers = {"Location": location, "Retry-After": "1"}
    return Response(wire.order_json(order), 202, headers, media_type=_JSON)


def _patience(wait_s: float) -> float:
    left_s = deadline.remaining_s()
    return wait_s if left_s is None else max(0.0, min(wait_s, left_s - ANSWER_MARGIN_S))


def _key_of(request: Request, wanted: Wanted) -> Key | None:
    told = request.headers.getlist(_KEY)
    if not told:
        return None
    if len(told) > 1 or not is_key(told[0]):
        raise MalformedKey
    address = request.client.host if request.client else ""
    return key_of(told[0], current_principal(), address=address, body_digest=wanted.digest)


def _prefers_async(request: Request) -> bool:
    # It may stand in several lines, which count as one (RFC 7240).
    preferences = ",".join(request.headers.getlist("prefer")).split(",")
    return any(one.partition(";")[0].strip().lower() == "respond-async" for one in preferences)


def _filters(query: OrdersQuery) -> Filters:
    principal = current_principal()
    is_admin = "admin" in principal.scopes
    if query.owner is not None and not is_admin:
        raise InvalidRequest(problems=[Problem("query.owner", "needs the scope admin")])
    owner = query.owner if is_admin else owner_of(principal)
    return Filters(owner, query.status, query.since, query.before)


def _number_of(last_event_id: str | None) -> int:
    if last_event_id is None:
        return 0
    if not (last_event_id.isascii() and last_event_id.isdigit() and len(last_event_id) <= 9):
        raise MalformedRequest("Last-Event-ID must be the number of an event.")
    return int(last_event_id)
