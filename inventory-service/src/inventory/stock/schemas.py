"""
What the stock routes take and answer.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Final, Self

from pydantic import ConfigDict, Field, JsonValue, field_validator, model_validator

from inventory.ledger.models import MAX_QUANTITY
from inventory.product_ids import ID_PATTERN
from inventory.shapes import Item
from inventory.stock.models import Reservation, Status, Wanted
from servicekit.schemas import AnswerModel, RequestModel, Whole

MAX_ITEMS: Final = 100
_ORDER: Final = "7f9c2ba4e88f827d616045507605853e"
_EXAMPLE: Final[dict[str, JsonValue]] = {
    "reservationId": "5f0a5d0e-6f0c-4f3c-9a2f-0d1f6b1f7c11",
    "orderId": _ORDER,
    "productId": "TEST-001",
    "quantity": 2,
    "status": "RESERVED",
    "expiresAt": "2026-07-01T12:15:00Z",
}

OrderId = Annotated[str, Field(pattern=r"^[A-Za-z0-9._:-]{1,128}$", examples=[_ORDER])]
ReservationId = Annotated[
    str,
    Field(
        pattern=r"^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$",
        examples=["5f0a5d0e-6f0c-4f3c-9a2f-0d1f6b1f7c11"],
    ),
]


class ItemRequest(RequestModel):
    """
    So many units of a product.
    """

    product_id: Annotated[str, Field(pattern=ID_PATTERN, examples=["TEST-001"])]
    quantity: Annotated[int, Whole(ge=1, le=MAX_QUANTITY), Field(examples=[2])]

    def wanted(self) -> Wanted:
        """
        The item that is meant.
        """
        return Wanted(self.product_id, self.quantity)


class ReserveRequest(ItemRequest):
    """
    Units of one product for an order.
    """

    order_id: OrderId


class ReserveOrderRequest(RequestModel):
    """
    All the lines of an order.
    """

    order_id: OrderId
    items: Annotated[list[ItemRequest], Field(min_length=1, max_length=MAX_ITEMS)]

    @field_validator("items")
    @classmethod
    def _each_product_once(cls, items: list[ItemRequest]) -> list[ItemRequest]:
        if len({item.product_id for item in items}) < len(items):
            raise ValueError("must name each product once")
        return items

    def wanted(self) -> list[Wanted]:
        """
        The items that are meant.
        """
        return [item.wanted() for item in self.items]


class TargetRequest(RequestModel):
    """
    One reservation, or all of an order.
    """

    model_config = ConfigDict(
        json_schema_extra={
            "oneOf": [{"required": ["reservationId"]}, {"required": ["orderId"]}],
            "examples": [{"orderId": _ORDER}, {"reservationId": _EXAMPLE["reservationId"]}],
        }
    )

    # Empty where it is left out; neither may be null.
    reservation_id: Annotated[ReservationId, Field(default_factory=str)]
    order_id: Annotated[OrderId, Field(default_factory=str)]

    @model_validator(mode="after")
    def _exactly_one(self) -> Self:
        if bool(self.reservation_id) == bool(self.order_id):
            raise ValueError("must have either reservationId or orderId")
        return self


class ReservationResponse(AnswerModel):
    """
    Units that are held for an order, or were.
    """

    model_config = ConfigDict(json_schema_extra={"examples": [_EXAMPLE]})

    reservation_id: str
    order_id: str
    product_id: str
    quantity: int
    status: Status
    expires_at: datetime


class ReservationsResponse(AnswerModel):
    """
    Reservations of an order.
    """

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"orderId": _ORDER, "reservations": [_EXAMPLE]}]}
    )

    order_id: str
    reservations: list[ReservationResponse]


def reservation_item(reservation: Reservation) -> Item:
    """
    As ReservationResponse describes it.
    """
    return {
        "reservationId": reservation.id,
        "orderId": reservation.order_id,
        "productId": reservation.product_id,
        "quantity": reservation.quantity,
        "status": reservation.status,
        "expiresAt": reservation.expires_at,
    }


def reservations_item(order_id: str, reservations: Sequence[Reservation]) -> Item:
    """
    As ReservationsResponse describes it.
    """
    return {"orderId": order_id, "reservations": [*map(reservation_item, reservations)]}
