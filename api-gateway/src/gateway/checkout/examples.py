"""
Every kind of answer that the routes of orders give, as the documentation shows it.
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final

from gateway.checkout.errors import (
    IdempotencyMismatch,
    InvalidDiscount,
    MalformedKey,
    NotCancellable,
    NothingToRetry,
    NotSold,
    OrderFailed,
    OrdersNotTaken,
    OutOfStock,
    RefusedTerms,
    TooManyOrders,
)
from gateway.checkout.models import Order, Reason, Status, Wanted
from gateway.checkout.stream import MEDIA_TYPE
from servicekit.errors import AuthError, InvalidRequest, NotFound, Overloaded, StorefrontError
from servicekit.openapi import OpenApi, error_responses

Example = dict[str, Any]

ORDER_ID: Final = "7f9c2ba4e88f827d616045507605853e"
_MOMENT: Final = datetime(2026, 7, 1, 12, tzinfo=UTC)
_AT: Final = "2026-07-01T12:00:00Z"

REQUEST: Final[Example] = {
    "items": [{"productId": "TEST-001", "quantity": 2}],
    "discountCodes": ["SUMMER20"],
}
_SOLD: Final[Example] = {
    "items": [
        {
            "productId": "TEST-001",
            "quantity": 2,
            "reservationId": "5f0a5d0e-6f0c-4f3c-9a2f-0d1f6b1f7c11",
            "unitPrice": "79.00",
            "discount": "31.60",
            "tax": "0.00",
            "lineTotal": "126.40",
        }
    ],
    "discounts": [{"code": "SUMMER20", "amount": "31.60", "description": "20 % off everything"}],
    "subtotal": "158.00",
    "discount": "31.60",
    "tax": "0.00",
    "totalPrice": "126.40",
    "currency": "USD",
    "quoteId": "0b0f7f2e-6a30-4c5e-9a52-9d1f3c2a7b11",
}
_UNSOLD: Final[Example] = {
    **dict.fromkeys(_SOLD),
    "items": [
        {**dict.fromkeys(_SOLD["items"][0]), "productId": "TEST-001", "quantity": 2},
    ],
    "discounts": [],
}
_STATE: Final[Example] = {
    "discountCodes": ["SUMMER20"],
    "reason": None,
    "attention": None,
    "owner": "2c704115-925b-4c57-abb5-a8b17fa22047",
    "createdAt": _AT,
    "updatedAt": _AT,
    "endedAt": None,
}
_CONFIRMED: Final[Example] = {
    "orderId": ORDER_ID,
    "status": "CONFIRMED",
    **_SOLD,
    **_STATE,
    "endedAt": _AT,
}
_PENDING: Final[Example] = {"orderId": ORDER_ID, "status": "PENDING", **_UNSOLD, **_STATE}
_CANCELLING: Final[Example] = {**_CONFIRMED, "status": "CANCELLING", "endedAt": None}
_HELD_UP: Final[Example] = {
    **_PENDING,
    "status": "NEEDS_ATTENTION",
    "attention": {"since": _AT, "step": "reserve-stock", "why": "CIRCUIT_OPEN"},
}
_REJECTED: Final[Example] = {
    **_PENDING,
    "status": "REJECTED",
    "reason": {
        "code": "OUT_OF_STOCK",
        "message": "There is not enough left of TEST-001.",
        "details": {"items": [{"productId": "TEST-001", "wanted": 2, "left": 1}]},
        "step": "reserve-stock",
    },
    "endedAt": _AT,
}
_TIMELINE: Final[list[Example]] = [
    {"seq": 1, "name": "accepted", "at": _AT, "facts": {}},
    {"seq": 2, "name": "reserve-stock.done", "at": _AT, "facts": {"attempts": 1}},
    {"seq": 3, "name": "quote-price.done", "at": _AT, "facts": {"attempts": 1}},
    {"seq": 4, "name": "commit-stock.done", "at": _AT, "facts": {"attempts": 1}},
    {"seq": 5, "name": "confirmed", "at": _AT, "facts": {}},
]
_EVENTS: Final = (
    "id: 2\nevent: reserve-stock.done\n"
    'data: {"seq":2,"name":"reserve-stock.done","at":"2026-07-01T12:00:00Z","facts":{"attempts":1}}\n\n'
)


def _order(status: Status) -> Order:
    return Order(
        id=ORDER_ID,
        owner=None,
        status=status,
        created_at=_MOMENT,
        updated_at=_MOMENT,
        wanted=Wanted(()),
        correlation_id="",
    )


def _named(error: StorefrontError, **details: Any) -> StorefrontError:  # noqa: ANN401  # JSON
    error.details |= {**details, "orderId": ORDER_ID}
    return error


_REFUSALS: Final = (
    MalformedKey(),
    AuthError(reason="sign_in_needed"),
    _named(NotSold("There is no product 'TEST-999'.", {"what": "product", "id": "TEST-999"})),
    _named(OutOfStock(_REJECTED["reason"]["message"]), **_REJECTED["reason"]["details"]),
    _named(
        InvalidDiscount("Remove or change these discount codes: EXPIRED10 has expired."),
        codes=[{"code": "EXPIRED10", "reason": "EXPIRED"}],
    ),
    _named(
        RefusedTerms("1 value of the request cannot be accepted."),
        problems=[{"field": "body.currency", "problem": "must be one of EUR, USD"}],
    ),
    InvalidRequest("1 value of the request cannot be accepted."),
    IdempotencyMismatch(),
    OrderFailed(
        ORDER_ID,
        Reason(
            "CIRCUIT_OPEN", "The order could not be carried through in time.", {}, "reserve-stock"
        ),
    ),
    TooManyOrders(),
    OrdersNotTaken(),
)
_MISSING: Final = NotFound("order", ORDER_ID)
_WHERE: Final[OpenApi] = {
    "Location": {"description": "Where the order is.", "schema": {"type": "string"}}
}
_REPLAYED: Final[OpenApi] = {
    "Idempotency-Replayed": {
        "description": "`true`: this key has placed the order before; it was not placed again.",
        "schema": {"type": "string"},
    }
}
_LATER: Final[OpenApi] = {
    **_WHERE,
    **_REPLAYED,
    "Retry-After": {"description": "When to ask again; s.", "schema": {"type": "string"}},
    "Preference-Applied": {
        "description": "`respond-async` where that was preferred.",
        "schema": {"type": "string"},
    },
}


def placing_responses(schema: type) -> dict[int | str, OpenApi]:
    """
    What is documented of placing an order; ``schema`` is of one that is on its way.
    """
    created = {k: v for k, v in _CONFIRMED.items() if k in {*_SOLD, "orderId", "status"}}
    return {
        201: {
            "headers": {**_WHERE, **_REPLAYED},
            **_shown({"confirmed": {**created, "createdAt": _AT}}),
        },
        202: {
            "description": "It is on its way",
            "model": schema,
            "headers": _LATER,
            **_shown({"on its way": _PENDING, "held up": _HELD_UP}),
        },
        **error_responses(*_REFUSALS),
    }


def order_responses() -> dict[int | str, OpenApi]:
    """
    What is documented of reading an order.
    """
    shown = {
        "confirmed": {**_CONFIRMED, "timeline": _TIMELINE},
        "rejected": {**_REJECTED, "timeline": _TIMELINE[:1]},
        "held up": {**_HELD_UP, "timeline": _TIMELINE[:1]},
    }
    return {200: _shown(shown), **error_responses(_MISSING)}


def list_responses() -> dict[int | str, OpenApi]:
    """
    What is documented of a list of orders.
    """
    page = {"items": [_CONFIRMED], "page": 1, "size": 20, "total": 1, "pages": 1}
    return {200: _shown({"a page": page}), **error_responses(AuthError(reason="sign_in_needed"))}


def cancelling_responses(schema: type) -> dict[int | str, OpenApi]:
    """
    What is documented of cancelling an order.
    """
    refusals = [NotCancellable(_order(one)) for one in (Status.PENDING, Status.REJECTED)]
    return {
        200: _shown({"cancelled": {**_CONFIRMED, "status": "CANCELLED"}}),
        202: {
            "description": "It is being cancelled",
            "model": schema,
            "headers": {name: _LATER[name] for name in ("Location", "Retry-After")},
            **_shown({"on its way": _CANCELLING}),
        },
        **error_responses(_MISSING, *refusals),
    }


def retry_responses() -> dict[int | str, OpenApi]:
    """
    What is documented of trying an order again.
    """
    refusals = error_responses(_MISSING, NothingToRetry(_order(Status.CONFIRMED)))
    return {202: _shown({"being tried": _HELD_UP}), **refusals}


def event_responses() -> dict[int | str, OpenApi]:
    """
    What is documented of an order's live events.
    """
    return {
        200: {
            "description": "Events until the order has ended",
            "content": {MEDIA_TYPE: {"example": _EVENTS}},
        },
        204: {"description": "There are no more: the order has ended. Do not come back."},
        **error_responses(_MISSING, Overloaded("the events of orders")),
    }


def _shown(examples: Mapping[str, Example]) -> OpenApi:
    told = {name: {"summary": name, "value": value} for name, value in examples.items()}
    return {"content": {"application/json": {"examples": told}}}
