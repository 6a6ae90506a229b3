"""
What orders are refused by, and how.

::

    StorefrontError                       (servicekit.errors)
    ├── Conflict
    │   ├── OutOfStock                    409  OUT_OF_STOCK          details.items: what is short
    │   ├── NotCancellable                409  CONFLICT              details.status
    │   └── NothingToRetry                409  CONFLICT              details.status
    ├── NotFound
    │   └── NotSold                       404  NOT_FOUND             details.what, details.id
    ├── InvalidRequest
    │   ├── InvalidDiscount               422  INVALID_DISCOUNT      details.codes: [{code, reason}]
    │   ├── RefusedTerms                  422  INVALID_REQUEST       details.problems
    │   ├── IdempotencyMismatch           422  IDEMPOTENCY_MISMATCH
    │   └── MalformedRequest
    │       └── MalformedKey              400  INVALID_REQUEST       details.header
    └── ServiceUnavailable
        ├── OrdersNotTaken                503  SERVICE_UNAVAILABLE
        ├── OrderFailed                   503  SERVICE_UNAVAILABLE   details.reason
        └── Overloaded
            └── TooManyOrders             503  OVERLOADED

Those of an order that was accepted, and then came to nothing, name it in ``details.orderId``.
"""

from collections.abc import Mapping
from typing import Final

from pydantic import JsonValue

from gateway.checkout.models import Order, Reason, Status
from servicekit.errors import (
    Conflict,
    InvalidRequest,
    MalformedRequest,
    NotFound,
    Overloaded,
    ServiceUnavailable,
    StorefrontError,
)


class OutOfStock(Conflict):
    """
    Fewer units are left than the customer asked for. Nothing was taken.
    """

    code = "OUT_OF_STOCK"


class NotSold(NotFound):
    """
    A product of the order is not sold, or not in that currency.
    """

    def __init__(self, message: str, details: Mapping[str, JsonValue]) -> None:
        super().__init__("product")
        self.message = message
        self.details = dict(details)


class InvalidDiscount(InvalidRequest):
    """
    Codes cannot be used for this order; each is named with its reason.
    """

    code = "INVALID_DISCOUNT"


class RefusedTerms(InvalidRequest):
    """
    What was ordered can be read, and cannot be sold so, such as in a currency that the shop lacks.
    """


class IdempotencyMismatch(InvalidRequest):
    """
    The key stands for another order than this one.
    """

    code = "IDEMPOTENCY_MISMATCH"

    def __init__(self) -> None:
        super().__init__(
            "This Idempotency-Key was sent with another order before. Send a new key with a new "
            "order, or the order that it was sent with."
        )


class MalformedKey(MalformedRequest):
    """
    The header ``Idempotency-Key`` holds no key.
    """

    def __init__(self) -> None:
        super().__init__(
            "Idempotency-Key must stand once and have 1 to 255 visible ASCII characters."
        )
        self.details["header"] = "Idempotency-Key"


class NotCancellable(Conflict):
    """
    Only a confirmed order can be cancelled.
    """

    _WHAT_TO_DO: Final = {
        Status.REJECTED: "It was rejected, and nothing was taken: there is nothing to cancel.",
        Status.FAILED: "It has failed, and all of it is undone: there is nothing to cancel.",
    }
    _LATER: Final = "It is still being placed. Cancel it once it is confirmed."

    def __init__(self, order: Order) -> None:
        super().__init__(
            self._WHAT_TO_DO.get(order.status, self._LATER),
            details={"orderId": order.id, "status": order.status},
        )


class NothingToRetry(Conflict):
    """
    The order does not need attention.
    """

    def __init__(self, order: Order) -> None:
        super().__init__(
            "Only an order that needs attention can be tried again.",
            details={"orderId": order.id, "status": order.status},
        )


class OrdersNotTaken(ServiceUnavailable):
    """
    This replica takes no orders, at all or while it starts and stops.
    """

    def __init__(self) -> None:
        super().__init__("orders")
        self.message = "Orders are not taken here now."


class TooManyOrders(Overloaded):
    """
    As many orders as this replica carries through at once are on their way.
    """

    def __init__(self) -> None:
        super().__init__("the checkout")
        self.message = "More orders are on their way than can be carried through. Try again in 1 s."


class OrderFailed(ServiceUnavailable):
    """
    Something of ours did not work. Nothing is taken, and what had been held is given back.
    """

    def __init__(self, order_id: str, reason: Reason) -> None:
        super().__init__("the checkout")
        self.message = f"{reason.message} Nothing was taken: place the order again, with a new key."
        self.details = {"orderId": order_id, "reason": reason.code, "step": reason.step}


#: By the code of an order's reason: what its shopper is told.
_REJECTIONS: Final[Mapping[str, type[Conflict | InvalidRequest]]] = {
    "OUT_OF_STOCK": OutOfStock,
    "INVALID_DISCOUNT": InvalidDiscount,
    "INVALID_REQUEST": RefusedTerms,
}
#: The codes of reasons that are the shopper's to mend; all others are ours.
REJECTING: Final = frozenset({*_REJECTIONS, "NOT_FOUND"})


def refusal_of(order_id: str, status: Status, reason: Reason) -> StorefrontError:
    """
    What is told of an order that was rejected or has failed.
    """
    if status is Status.FAILED:
        return OrderFailed(order_id, reason)
    if reason.code == "NOT_FOUND":
        error: StorefrontError = NotSold(reason.message, reason.details)
    else:
        error = _REJECTIONS[reason.code](reason.message)
        error.details |= reason.details
    error.details["orderId"] = order_id
    return error
