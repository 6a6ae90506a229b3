"""
Every kind of answer that the catalog gives, as the documentation shows it.
"""

from collections.abc import Mapping
from typing import Any, Final

from gateway.catalog.errors import NothingKnown
from servicekit.errors import NotFound, UpstreamFailed
from servicekit.openapi import OpenApi, error_responses

Example = dict[str, Any]

_FOUND: Final[Example] = {
    "id": "TEST-001",
    "sku": "TEST-001",
    "name": "Aurora Wireless Earbuds",
    "description": "Small earbuds that block out the train and last a working day with their case.",
    "category": "electronics",
    "imageUrl": "/pictures/TEST-001.svg",
    "stockLevel": 140,
    "reserved": 3,
    "available": 137,
    "updatedAt": "2026-07-01T12:00:00Z",
}
_PRICE: Final[Example] = {"price": "79.00", "currency": "USD"}
_NO_PRICE: Final[Example] = {"price": None, "currency": None}


def _lack(part: str, reason: str, age_s: int | None = None) -> Example:
    return {"part": part, "reason": reason, "stale": age_s is not None, "ageSeconds": age_s}


COMPLETE: Final[Example] = {**_FOUND, **_PRICE, "complete": True, "unavailable": []}
STALE_PRICE: Final[Example] = {
    **_FOUND,
    **_PRICE,
    "complete": False,
    "unavailable": [_lack("pricing", "CIRCUIT_OPEN", 12)],
}
WITHOUT_PRICE: Final[Example] = {
    **_FOUND,
    **_NO_PRICE,
    "complete": False,
    "unavailable": [_lack("pricing", "NOT_FOUND")],
}
WITHOUT_INVENTORY: Final[Example] = {
    **dict.fromkeys(_FOUND),
    "id": "TEST-001",
    **_PRICE,
    "complete": False,
    "unavailable": [_lack("inventory", "DEADLINE_EXCEEDED")],
}
_PLACE: Final[Example] = {"page": 1, "size": 20, "total": 1, "pages": 1}

PRODUCTS: Final[dict[str, Example]] = {
    "complete": {"summary": "Both parts were read now", "value": COMPLETE},
    "stale price": {"summary": "The last known price stands in", "value": STALE_PRICE},
    "without price": {"summary": "It has no price", "value": WITHOUT_PRICE},
    "without inventory": {
        "summary": "Only the price could be read, and nothing else is known from before",
        "value": WITHOUT_INVENTORY,
    },
}
PAGES: Final[dict[str, Example]] = {
    "complete": {
        "summary": "A page",
        "value": {"items": [COMPLETE], **_PLACE, "complete": True, "unavailable": []},
    },
    "without prices": {
        "summary": "Pricing could not be read",
        "value": {"items": [STALE_PRICE], **_PLACE, "complete": False, "unavailable": []},
    },
}
CHECKS: Final[dict[str, Example]] = {
    "found, missing, failed": {
        "summary": "Each line by itself",
        "value": {
            "items": [
                {
                    "productId": "TEST-001",
                    "status": "found",
                    "reason": None,
                    "unavailable": [],
                    "product": COMPLETE,
                },
                {
                    "productId": "TEST-999",
                    "status": "missing",
                    "reason": "NOT_FOUND",
                    "unavailable": [],
                    "product": None,
                },
                {
                    "productId": "TEST-002",
                    "status": "failed",
                    "reason": "UPSTREAM_ERROR",
                    "unavailable": [
                        _lack("inventory", "UPSTREAM_ERROR"),
                        _lack("pricing", "CIRCUIT_OPEN"),
                    ],
                    "product": None,
                },
            ],
            "complete": False,
        },
    }
}
CATEGORIES: Final[dict[str, Example]] = {
    "complete": {
        "summary": "Every category",
        "value": {
            "items": [{"name": "electronics", "count": 10}],
            "complete": True,
            "unavailable": [],
        },
    }
}
_MISSING: Final = NotFound("product", "TEST-999")
_NOTHING: Final = NothingKnown(
    "the product",
    parts=[("inventory", "CIRCUIT_OPEN"), ("pricing", "DEADLINE_EXCEEDED")],
    retry_after_s=42,
)
_NO_LIST: Final = NothingKnown(
    "the catalog", parts=[("inventory", "CIRCUIT_OPEN")], retry_after_s=42
)
_BROKEN: Final = UpstreamFailed("inventory-pictures")
_ETAG: Final[OpenApi] = {
    "ETag": {
        "description": "Only of a complete answer: send it back in If-None-Match.",
        "schema": {"type": "string"},
    }
}
_UNCHANGED: Final[OpenApi] = {
    "description": "The complete answer is the one of If-None-Match. No body.",
    "headers": _ETAG,
}


def product_responses() -> dict[int | str, OpenApi]:
    """
    What is documented of reading a product.
    """
    return {**_list_of(PRODUCTS), **error_responses(_MISSING, _NOTHING)}


def list_responses(examples: Mapping[str, Example]) -> dict[int | str, OpenApi]:
    """
    What is documented of reading a list.
    """
    return {**_list_of(examples), **error_responses(_NO_LIST)}


def picture_responses() -> dict[int | str, OpenApi]:
    """
    What is documented of a picture.
    """
    return {
        200: {"headers": _ETAG, "content": {"image/svg+xml": {"example": "<svg/>"}}},
        304: _UNCHANGED,
        **error_responses(_MISSING, _BROKEN),
    }


def check_responses() -> dict[int | str, OpenApi]:
    """
    What is documented of a bulk check.
    """
    return {200: {"content": _content(CHECKS)}}


def _list_of(examples: Mapping[str, Example]) -> dict[int | str, OpenApi]:
    return {200: {"headers": _ETAG, "content": _content(examples)}, 304: _UNCHANGED}


def _content(examples: Mapping[str, Example]) -> OpenApi:
    return {"application/json": {"examples": dict(examples)}}
