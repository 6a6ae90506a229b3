"""
Answers of the reports, good and bad, as the documentation shows them.
"""

from typing import Any, Final

from gateway.reports.errors import NotAcceptable
from gateway.reports.forms import OFFERED
from servicekit.errors import CircuitOpen, InvalidRequest, Overloaded, Problem, UpstreamFailed
from servicekit.openapi import OpenApi, error_responses

Example = dict[str, Any]

_PERIOD: Final = {"from": "2026-11-01T00:00:00Z", "to": "2026-12-01T00:00:00Z"}
_SINCE: Final = {"completeSince": "2026-10-22T12:00:00Z"}
_SOLD: Final[Example] = {
    "status": "CONFIRMED",
    "currency": "USD",
    "orders": 31,
    "revenue": "2480.69",
    "cancelled": None,
}
_REJECTED: Final[Example] = {
    "status": "REJECTED",
    "currency": None,
    "orders": 2,
    "revenue": None,
    "cancelled": None,
}
_JSON: Final[dict[str, Example]] = {
    "orders": {
        "report": "orders",
        **_PERIOD,
        **_SINCE,
        "items": [{"day": "2026-11-21", **_SOLD}, {"day": "2026-11-21", **_REJECTED}],
        "totals": [_SOLD, _REJECTED],
    },
    "top-products": {
        "report": "top-products",
        **_PERIOD,
        "limit": 100,
        "items": [
            {
                "productId": "TEST-001",
                "currency": "USD",
                "orders": 17,
                "units": 21,
                "revenue": "1659.00",
            }
        ],
    },
    "discounts": {
        "report": "discounts",
        **_PERIOD,
        "items": [{"code": "SUMMER20", "currency": "USD", "orders": 9, "amount": "142.20"}],
    },
    "stock-value": {
        "report": "stock-value",
        "readFrom": "2026-11-21T12:00:00Z",
        "items": [
            {
                "productId": "TEST-001",
                "sku": "TEST-001",
                "stockLevel": 140,
                "reserved": 3,
                "price": "79.00",
                "currency": "USD",
                "value": "11060.00",
                "lack": None,
            },
            {
                "productId": "TEST-002",
                "sku": "TEST-002",
                "stockLevel": 8,
                "reserved": 0,
                "price": None,
                "currency": None,
                "value": None,
                "lack": "NO_PRICE",
            },
        ],
        "totals": [{"currency": "USD", "products": 1, "units": 140, "value": "11060.00"}],
        "lacking": {"NO_PRICE": 1, "UNREADABLE": 0},
        "complete": False,
    },
    "troubles": {
        "report": "troubles",
        **_PERIOD,
        **_SINCE,
        "statuses": ["REJECTED", "FAILED"],
        "items": [
            {
                "orderId": "5f2b6c8e9d014a7bb3c1f0e2d4a59687",
                "status": "REJECTED",
                "owner": "user-17",
                "createdAt": "2026-11-21T11:59:58.120000Z",
                "updatedAt": "2026-11-21T11:59:58.154000Z",
                "endedAt": "2026-11-21T11:59:58.154000Z",
                "reasonCode": "OUT_OF_STOCK",
                "reason": {"message": "There are too few units.", "details": {}},
                "failedStep": "reserve-stock",
                "attentionSince": None,
                "attention": None,
                "correlationId": "0b0f7f2e-6a30-4c5e-9a52-9d1f3c2a7b11",
                "steps": [
                    {"name": "accepted", "at": "2026-11-21T11:59:58.120000Z"},
                    {"name": "reserve-stock.refused", "at": "2026-11-21T11:59:58.141000Z"},
                    {"name": "rejected", "at": "2026-11-21T11:59:58.154000Z"},
                ],
            }
        ],
    },
}
_CSV: Final[dict[str, str]] = {
    "orders": "day,status,currency,orders,revenue,cancelled\r\n"
    "2026-11-21,CONFIRMED,USD,31,2480.69,\r\n",
    "top-products": "productId,currency,orders,units,revenue\r\nTEST-001,USD,17,21,1659.00\r\n",
    "discounts": "code,currency,orders,amount\r\nSUMMER20,USD,9,142.20\r\n",
    "stock-value": "productId,sku,stockLevel,reserved,price,currency,value,lack\r\n"
    "TEST-001,TEST-001,140,3,79.00,USD,11060.00,\r\n",
    "troubles": "orderId,status,owner,createdAt,updatedAt,endedAt,reasonCode,reason,failedStep,"
    "attentionSince,attention,correlationId,steps\r\n",
}
_COMPLETE: Final[OpenApi] = {
    "X-Complete-Since": {
        "description": "From when on the orders are all there that were rejected or have failed: "
        "`completeSince`, which CSV has no place for",
        "schema": {"type": "string", "format": "date-time"},
    }
}
_ANY: Final = (
    NotAcceptable(OFFERED),
    InvalidRequest(
        "The query cannot be accepted.",
        problems=[Problem("query.from", "must be before to, which is now where it is left out")],
    ),
    Overloaded("the reports", retry_after_s=5),
)
_OF_OTHERS: Final = (
    UpstreamFailed("inventory-reports"),
    CircuitOpen("pricing-reports", retry_after_s=12),
)


def responses_of(name: str) -> dict[int | str, OpenApi]:
    """
    What is documented of one report.
    """
    errors = (*_ANY, *_OF_OTHERS) if name == "stock-value" else _ANY
    good = {
        "application/json": {"example": _JSON[name]},
        "text/csv": {"schema": {"type": "string"}, "example": _CSV[name]},
    }
    headers = {"headers": _COMPLETE} if "completeSince" in _JSON[name] else {}
    return {200: {"content": good, **headers}, **error_responses(*errors)}
