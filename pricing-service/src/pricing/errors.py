"""
The refusals of this service that the kit's tree lacks.

::

    StorefrontError                    (servicekit.errors)
    ├── NotFound
    │   └── NoPrice                    404  NOT_FOUND         details.ids
    ├── InvalidRequest
    │   └── InvalidDiscount            422  INVALID_DISCOUNT  details.codes: [{code, reason}]
    └── Conflict
        └── QuoteConflict              409  CONFLICT          details.reason

A code that was never there and one that was removed are refused alike.
"""

from collections.abc import Sequence
from typing import Literal

from pricing.refusals import Reason, Refusal
from servicekit.errors import Conflict, InvalidRequest, NotFound

_WHY: dict[Reason, str] = {
    Reason.UNKNOWN: "is not known",
    Reason.REPEATED: "was given more than once",
    Reason.NOT_YET_VALID: "does not hold yet",
    Reason.EXPIRED: "has expired",
    Reason.USED_UP: "is used up",
    Reason.CURRENCY: "is for another currency",
    Reason.MINIMUM_ORDER: "asks for a larger order",
    Reason.NOT_APPLICABLE: "fits nothing in this order",
    Reason.NOT_STACKABLE: "cannot be combined with other codes",
}


class NoPrice(NotFound):
    """
    Products have no price at the moment and in the currency asked for; all of them are named.
    """

    def __init__(self, product_ids: Sequence[str], *, currency: str) -> None:
        super().__init__("price", product_ids[0])
        self.message = f"There is no price in {currency} of {', '.join(product_ids)}."
        self.details |= {"ids": list(product_ids), "currency": currency}


class InvalidDiscount(InvalidRequest):
    """
    Codes cannot be used for this order; each is named with its reason.
    """

    code = "INVALID_DISCOUNT"

    def __init__(self, refusals: Sequence[Refusal]) -> None:
        sentences = [f"{refusal.code} {_WHY[refusal.reason]}" for refusal in refusals]
        super().__init__(f"Remove or change these discount codes: {'; '.join(sentences)}.")
        self.details["codes"] = [
            {"code": refusal.code, "reason": refusal.reason.value} for refusal in refusals
        ]


class QuoteConflict(Conflict):
    """
    The order cannot be quoted like this: it was given up, or quoted for something else.
    """

    def __init__(self, order_id: str, reason: Literal["RELEASED", "OTHER_ITEMS"]) -> None:
        told = {
            "RELEASED": "has given its discounts back and cannot be quoted any more",
            "OTHER_ITEMS": "was quoted for other items, codes or another currency before",
        }
        super().__init__(
            f"The order {order_id!r} {told[reason]}; use another orderId.",
            details={"orderId": order_id, "reason": reason},
        )
