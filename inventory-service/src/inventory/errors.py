"""
The refusals of this service that the kit's tree lacks.

::

    StorefrontError                    (servicekit.errors)
    └── Conflict
        ├── OutOfStock                 409  OUT_OF_STOCK     what is short, how much was wanted and is left
        ├── OrderConflict              409  CONFLICT         details.reason: see Reason
        ├── Taken                      409  CONFLICT         details.reason = TAKEN, details.field
        ├── UnitsReserved              409  CONFLICT         details.reason = UNITS_RESERVED
        ├── AdjustmentRefused          409  CONFLICT         details.reason = BELOW_RESERVED or ABOVE_LIMIT
        └── OtherAdjustment            409  CONFLICT         details.reason = OTHER_ADJUSTMENT

What is not there (product, reservation, order) is the kit's ``NotFound``. A client
decides by ``code`` and ``details.reason``; sentences are for people.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal

from pydantic import JsonValue

from servicekit.errors import Conflict

Reason = Literal[
    "RELEASED",
    "EXPIRED",
    "COMMITTED",
    "RETURNED",
    "NOT_COMMITTED",
    "OTHER_QUANTITY",
    "OTHER_ITEMS",
]

_SENTENCES: Final[dict[Reason, str]] = {
    "RELEASED": "The stock of this order was released. Place a new order.",
    "EXPIRED": "The reservation has expired, and its stock was given back. Place a new order.",
    "COMMITTED": "The stock of this order is committed. Return it instead of releasing it.",
    "RETURNED": "The stock of this order was returned. Place a new order.",
    "NOT_COMMITTED": "Only committed stock can be returned.",
    "OTHER_QUANTITY": "This order has reserved another quantity of the product.",
    "OTHER_ITEMS": "This order has reserved other items.",
}


@dataclass(frozen=True, slots=True)
class Shortage:
    """
    A product of which fewer units are left than were asked for.
    """

    product_id: str
    wanted: int
    left: int

    def facts(self) -> dict[str, JsonValue]:
        """
        As a client reads it.
        """
        return {"productId": self.product_id, "wanted": self.wanted, "left": self.left}


class OutOfStock(Conflict):
    """
    Fewer units are left than were asked for; nothing was reserved.

    An order of several lines is told every line that is short.
    """

    code = "OUT_OF_STOCK"

    def __init__(self, shortages: Sequence[Shortage], *, is_order: bool) -> None:
        names = ", ".join(shortage.product_id for shortage in shortages)
        super().__init__(f"There is not enough left of {names}.")
        facts = [shortage.facts() for shortage in shortages]
        self.details |= {"items": [*facts]} if is_order else facts[0]


class OrderConflict(Conflict):
    """
    What was asked does not fit what has become of the order.
    """

    def __init__(self, reason: Reason, *, order_id: str, product_id: str | None = None) -> None:
        product: dict[str, JsonValue] = {"productId": product_id} if product_id else {}
        super().__init__(
            _SENTENCES[reason], details={"reason": reason, "orderId": order_id, **product}
        )
        self.reason = reason


class Taken(Conflict):
    """
    Another product, which may have been removed, has this id or SKU.
    """

    def __init__(self, field: str) -> None:
        super().__init__(
            f"Another product has this {field}, or had it before it was removed.",
            details={"reason": "TAKEN", "field": field},
        )


class UnitsReserved(Conflict):
    """
    A product cannot be removed while orders hold units of it.
    """

    def __init__(self, product_id: str, *, reserved: int) -> None:
        super().__init__(
            "Orders have reserved units of this product. Remove it when they are through.",
            details={"reason": "UNITS_RESERVED", "productId": product_id, "reserved": reserved},
        )


class AdjustmentRefused(Conflict):
    """
    The stock level would fall below what is reserved, or rise above what is counted.
    """

    def __init__(
        self,
        reason: Literal["BELOW_RESERVED", "ABOVE_LIMIT"],
        *,
        product_id: str,
        change: int,
        stock_level: int,
        reserved: int,
    ) -> None:
        limit = "below what is reserved" if reason == "BELOW_RESERVED" else "too high"
        super().__init__(
            f"The stock level would be {limit}.",
            details={
                "reason": reason,
                "productId": product_id,
                "change": change,
                "stockLevel": stock_level,
                "reserved": reserved,
            },
        )


class OtherAdjustment(Conflict):
    """
    The adjustment's id stands for another change of this product.
    """

    def __init__(self, adjustment_id: str) -> None:
        super().__init__(
            "This adjustmentId was used for another change of this product.",
            details={"reason": "OTHER_ADJUSTMENT", "adjustmentId": adjustment_id},
        )
