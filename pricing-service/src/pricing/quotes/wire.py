"""
Quotes as the JSON that is sent and kept: what was told once is told again to the byte.

A test holds what is written here to the models in ``schemas``, which the documentation shows.
"""

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from typing import Final

import orjson

from pricing.discounts.engine import AppliedDiscount, PricedLine, PricedOrder
from pricing.money import format_amount
from pricing.quotes.models import Quote

_OPTIONS: Final = orjson.OPT_UTC_Z


def quote_json(quote: Quote) -> str:
    """
    The whole quote.
    """
    told = {
        "quoteId": quote.id,
        "validUntil": quote.valid_until,
        "currency": quote.currency,
        "lines": [_line(line, quote.currency) for line in quote.order.lines],
        "discounts": _discounts(quote.order.discounts, quote.currency),
        **_sums(quote.order, quote.currency),
    }
    return orjson.dumps(told, option=_OPTIONS).decode()


def calculation_json(order: PricedOrder, currency: str) -> bytes:
    """
    The price of an order of one line.
    """
    (line,) = order.lines
    told = {
        "productId": line.product_id,
        "quantity": line.quantity,
        "basePrice": format_amount(line.unit_price, currency),
        "subtotal": format_amount(line.subtotal, currency),
        "discounts": _discounts(order.discounts, currency),
        "tax": format_amount(line.tax, currency),
        "finalPrice": format_amount(line.total, currency),
        "currency": currency,
    }
    return orjson.dumps(told)


def release_json(order_id: str, released_at: datetime) -> bytes:
    """
    That an order has given back what it had claimed.
    """
    return orjson.dumps({"orderId": order_id, "releasedAt": released_at}, option=_OPTIONS)


def _line(line: PricedLine, currency: str) -> dict[str, object]:
    return {
        "productId": line.product_id,
        "quantity": line.quantity,
        "basePrice": format_amount(line.unit_price, currency),
        "subtotal": format_amount(line.subtotal, currency),
        "discounts": _discounts(line.discounts, currency),
        "discount": format_amount(line.discount, currency),
        "taxRate": _rate(line.tax_rate),
        "tax": format_amount(line.tax, currency),
        "finalPrice": format_amount(line.total, currency),
    }


def _discounts(applied: Sequence[AppliedDiscount], currency: str) -> list[dict[str, str]]:
    return [
        {
            "code": discount.code,
            "amount": format_amount(discount.amount, currency),
            "description": discount.description,
        }
        for discount in applied
    ]


def _sums(order: PricedOrder, currency: str) -> dict[str, str]:
    return {
        "subtotal": format_amount(order.subtotal, currency),
        "discount": format_amount(order.discount, currency),
        "tax": format_amount(order.tax, currency),
        "finalPrice": format_amount(order.total, currency),
    }


def _rate(rate: Decimal) -> str:
    return f"{rate.normalize():f}"
