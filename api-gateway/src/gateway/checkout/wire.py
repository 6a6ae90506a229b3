"""
Orders as the JSON that is sent. What stands here in one order is in that order for good: an answer that
is told again is the same to the byte, whatever a database does with the keys of objects.

A test holds what is written here to the models in ``schemas``, which the documentation shows.
"""

from collections.abc import Mapping, Sequence
from typing import Final

import orjson
from pydantic import JsonValue

from gateway.checkout.models import ENDED, Event, Order, Page, Status
from servicekit.schemas import pages_of

_OPTIONS: Final = orjson.OPT_UTC_Z

_ITEM: Final = (
    *("productId", "quantity", "reservationId", "unitPrice", "discount", "tax", "lineTotal"),
)
_DISCOUNT: Final = ("code", "amount", "description")
_SUMS: Final = ("subtotal", "discount", "tax", "totalPrice", "currency", "quoteId")


def confirmed_json(order: Order) -> bytes:
    """
    What the shopper is told when the order is confirmed, and whenever it is sent again.
    """
    told = _head(order, Status.CONFIRMED) | _sold(order.answer or {})
    return orjson.dumps(told | {"createdAt": order.created_at}, option=_OPTIONS)


def order_json(order: Order, timeline: Sequence[Event] | None = None) -> bytes:
    """
    An order as it stands, with its timeline where that is given.
    """
    return orjson.dumps(_order(order, timeline), option=_OPTIONS)


def page_json(page: Page, *, number: int, size: int) -> bytes:
    """
    A page of orders.
    """
    told = {
        "items": [_order(order, None) for order in page.orders],
        "page": number,
        "size": size,
        "total": page.total,
        "pages": pages_of(page.total, size),
    }
    return orjson.dumps(told, option=_OPTIONS)


def event_text(event: Event) -> bytes:
    """
    An event as a server sends it (https://html.spec.whatwg.org/multipage/server-sent-events.html).
    """
    told = orjson.dumps(_event(event), option=_OPTIONS).decode()
    return f"id: {event.seq}\nevent: {event.name}\ndata: {told}\n\n".encode()


def _order(order: Order, timeline: Sequence[Event] | None) -> dict[str, object]:
    sold = _sold(order.answer) if order.answer is not None else _unsold(order)
    told = _head(order, order.status) | sold | _state(order)
    return told if timeline is None else told | {"timeline": [_event(one) for one in timeline]}


def _head(order: Order, status: Status) -> dict[str, object]:
    return {"orderId": order.id, "status": status.value}


def _sold(answer: Mapping[str, JsonValue]) -> dict[str, object]:
    items, discounts = answer["items"], answer["discounts"]
    # Written by endings.placed_by.
    assert isinstance(items, list)  # noqa: S101
    assert isinstance(discounts, list)  # noqa: S101
    return {
        "items": [_picked(one, _ITEM) for one in items],
        "discounts": [_picked(one, _DISCOUNT) for one in discounts],
        **_picked(dict(answer), _SUMS),
    }


def _unsold(order: Order) -> dict[str, object]:
    lacking = dict.fromkeys(_ITEM)
    return {
        "items": [
            {**lacking, "productId": one.product_id, "quantity": one.quantity}
            for one in order.wanted.items
        ],
        "discounts": [],
        **dict.fromkeys(_SUMS),
        "currency": order.wanted.currency,
    }


def _state(order: Order) -> dict[str, object]:
    return {
        "discountCodes": order.wanted.codes,
        "reason": _reason(order),
        "attention": _attention(order),
        "owner": order.owner,
        "createdAt": order.created_at,
        "updatedAt": order.updated_at,
        "endedAt": order.ended_at if order.status in ENDED else None,
    }


def _reason(order: Order) -> dict[str, object] | None:
    reason = order.reason
    if reason is None:
        return None
    return {
        "code": reason.code,
        "message": reason.message,
        "details": reason.details,
        "step": reason.step,
    }


def _attention(order: Order) -> dict[str, object] | None:
    attention = order.attention
    if attention is None or order.status is not Status.NEEDS_ATTENTION:
        return None
    return {"since": attention.since, "step": attention.step, "why": attention.why}


def _event(event: Event) -> dict[str, object]:
    return {"seq": event.seq, "name": event.name, "at": event.at, "facts": event.facts}


def _picked(value: JsonValue, names: Sequence[str]) -> dict[str, object]:
    assert isinstance(value, dict)  # noqa: S101  # as above
    return {name: value[name] for name in names}
