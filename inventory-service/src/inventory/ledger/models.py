"""
Amounts of a product, and movements between them.

Every change of an amount is a movement in the ledger, and the movements of a product add up to
its amounts: ``stock_level >= reserved >= 0`` before and after each.
"""

import enum
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

from inventory.origin import Origin

#: Bounds of one movement and of one product: sums of them stay within 64 bits.
MAX_QUANTITY: Final = 1_000_000
MAX_STOCK_LEVEL: Final = 1_000_000_000


class Kind(enum.StrEnum):
    """
    Why an amount changed.
    """

    INITIAL = "INITIAL"
    ADJUSTED = "ADJUSTED"
    RESERVED = "RESERVED"
    RELEASED = "RELEASED"
    EXPIRED = "EXPIRED"
    COMMITTED = "COMMITTED"
    RETURNED = "RETURNED"


#: What one unit of an order's movement does to the stock level and to what is reserved.
_EFFECTS: Final[dict[Kind, tuple[int, int]]] = {
    Kind.RESERVED: (0, +1),
    Kind.RELEASED: (0, -1),
    Kind.EXPIRED: (0, -1),
    Kind.COMMITTED: (-1, -1),
    Kind.RETURNED: (+1, 0),
}


@dataclass(frozen=True, slots=True)
class Posting:
    """
    A movement that is to be made.
    """

    product_id: str
    kind: Kind
    stock_change: int
    reserved_change: int = 0
    order_id: str | None = None
    reservation_id: str | None = None
    adjustment_id: str | None = None
    why: str | None = None

    @classmethod
    def of_order(
        cls, kind: Kind, *, product_id: str, quantity: int, order_id: str, reservation_id: str
    ) -> "Posting":
        """
        What ``kind`` does with ``quantity`` units of an order's reservation.
        """
        stock, reserved = _EFFECTS[kind]
        return cls(
            product_id=product_id,
            kind=kind,
            stock_change=stock * quantity,
            reserved_change=reserved * quantity,
            order_id=order_id,
            reservation_id=reservation_id,
        )


@dataclass(frozen=True, slots=True)
class Amounts:
    """
    How many units of a product there are, and how many of them orders hold.
    """

    product_id: str
    stock_level: int
    reserved: int
    is_removed: bool = False

    @property
    def available(self) -> int:
        """
        Units that can still be reserved.
        """
        return self.stock_level - self.reserved

    def after(self, posting: Posting) -> "Amounts":
        """
        The amounts once ``posting`` is made.
        """
        return replace(
            self,
            stock_level=self.stock_level + posting.stock_change,
            reserved=self.reserved + posting.reserved_change,
        )


@dataclass(frozen=True, slots=True)
class Movement:
    """
    A posting that was made, and the amounts after it.
    """

    posting: Posting
    after: Amounts
    origin: Origin
    at: datetime


@dataclass(frozen=True, slots=True)
class Entry:
    """
    A movement as it stands in the ledger, by its number.
    """

    id: int
    movement: Movement


def made(
    postings: Iterable[Posting], amounts: Iterable[Amounts], origin: Origin, at: datetime
) -> list[Movement]:
    """
    The movements of ``postings``, one after the other, beginning with ``amounts``.
    """
    present = {one.product_id: one for one in amounts}
    movements = []
    for posting in postings:
        after = present[posting.product_id] = present[posting.product_id].after(posting)
        movements.append(Movement(posting, after, origin, at))
    return movements
