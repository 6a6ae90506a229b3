"""
An order as a row of the database: what is written of it, and how it is read again.
"""

from typing import Any

from sqlalchemy import Row

from gateway.checkout.models import Attention, End, Order, Reason, Status, Wanted
from gateway.upstreams.models import Item


def new_row(order: Order) -> dict[str, object]:
    """
    What is written when it is accepted.
    """
    return {
        "id": order.id,
        "owner": order.owner,
        "status": order.status.value,
        "created_at": order.created_at,
        "updated_at": order.updated_at,
        "day": order.created_at.date().isoformat(),  # in UTC, as every moment
        "items": [[one.product_id, one.quantity] for one in order.wanted.items],
        "discount_codes": list(order.wanted.codes),
        "wanted_currency": order.wanted.currency,
        "correlation_id": order.correlation_id,
        "traceparent": order.traceparent,
    }


def end_row(end: End) -> dict[str, object]:
    """
    What is written when its placing ends.
    """
    sold, reason = end.sold, end.reason
    return {
        "id": end.order_id,
        "status": end.status.value,
        "updated_at": end.at,
        "ended_at": end.at,
        "currency": sold and sold.currency,
        "subtotal": sold and sold.subtotal,
        "total": sold and sold.total,
        "answer": sold and sold.answer,
        "reason_code": reason and reason.code,
        "reason": reason and {"message": reason.message, "details": dict(reason.details)},
        "failed_step": reason and reason.step,
    }


def order_of(row: Row[Any]) -> Order:
    """
    The order that was written.
    """
    return Order(
        id=row.id,
        owner=row.owner,
        status=Status(row.status),
        created_at=row.created_at,
        updated_at=row.updated_at,
        wanted=Wanted(
            tuple(Item(product_id, quantity) for product_id, quantity in row.items),
            tuple(row.discount_codes),
            row.wanted_currency,
        ),
        correlation_id=row.correlation_id,
        traceparent=row.traceparent,
        ended_at=row.ended_at,
        answer=row.answer,
        reason=_reason(row),
        attention=_attention(row),
    )


def order_if_readable(row: Row[Any]) -> Order | None:
    """
    The same; None for what a release wrote that has more words than this one.
    """
    try:
        order = order_of(row)
    except (KeyError, TypeError, ValueError):
        return None
    is_plain = all(type(item.quantity) is int for item in order.wanted.items)
    return order if is_plain else None


def _reason(row: Row[Any]) -> Reason | None:
    if row.reason_code is None:
        return None
    return Reason(row.reason_code, row.reason["message"], row.reason["details"], row.failed_step)


def _attention(row: Row[Any]) -> Attention | None:
    if row.attention_since is None:
        return None
    return Attention(row.attention_since, row.attention["step"], row.attention["why"])
