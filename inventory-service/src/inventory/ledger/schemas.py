"""
How the ledger reads.
"""

from datetime import datetime

from pydantic import ConfigDict, JsonValue

from inventory.ledger.models import Entry, Kind
from inventory.shapes import Item
from servicekit.schemas import AnswerModel, PageOf

EXAMPLE_MOVEMENT: dict[str, JsonValue] = {
    "id": 42,
    "productId": "TEST-001",
    "kind": "ADJUSTED",
    "stockChange": -2,
    "reservedChange": 0,
    "stockLevelAfter": 138,
    "reservedAfter": 3,
    "orderId": None,
    "reservationId": None,
    "adjustmentId": "stocktaking-2026-07",
    "who": "user:5f0a5d0e-6f0c-4f3c-9a2f-0d1f6b1f7c11",
    "why": "Two were broken",
    "correlationId": "0b0f7f2e-6a30-4c5e-9a52-9d1f3c2a7b11",
    "at": "2026-07-01T12:00:00Z",
}


class MovementResponse(AnswerModel):
    """
    A change of a product's amounts, and the amounts after it. It is never changed or deleted.
    """

    model_config = ConfigDict(json_schema_extra={"examples": [EXAMPLE_MOVEMENT]})

    id: int
    product_id: str
    kind: Kind
    stock_change: int
    reserved_change: int
    stock_level_after: int
    reserved_after: int
    order_id: str | None
    reservation_id: str | None
    adjustment_id: str | None
    who: str
    why: str | None
    correlation_id: str | None
    at: datetime


class MovementsResponse(PageOf[MovementResponse]):
    """
    One page of a product's movements.
    """

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {"items": [EXAMPLE_MOVEMENT], "page": 1, "size": 20, "total": 1, "pages": 1}
            ]
        }
    )


def movement_item(entry: Entry) -> Item:
    """
    As MovementResponse describes it.
    """
    movement = entry.movement
    posting, after, origin = movement.posting, movement.after, movement.origin
    return {
        "id": entry.id,
        "productId": posting.product_id,
        "kind": posting.kind,
        "stockChange": posting.stock_change,
        "reservedChange": posting.reserved_change,
        "stockLevelAfter": after.stock_level,
        "reservedAfter": after.reserved,
        "orderId": posting.order_id,
        "reservationId": posting.reservation_id,
        "adjustmentId": posting.adjustment_id,
        "who": origin.who,
        "why": posting.why,
        "correlationId": origin.correlation_id,
        "at": movement.at,
    }
