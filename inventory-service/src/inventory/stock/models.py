"""
What becomes of an order's reservations, and what may be asked when.

::

    (nothing) ── reserve ──▸ RESERVED ── commit ──▸ COMMITTED ── return ──▸ RETURNED
                                │  └──── release ─▸ RELEASED
                                └─────── time ────▸ EXPIRED

An order has one line for each product, for good: whatever is asked a second time finds its line.

=============  ==========================================  =========================================
asked          lines that move, and lines that stay        refused, with nothing changed
=============  ==========================================  =========================================
reserve        none yet: a new line; RESERVED, COMMITTED   RELEASED, EXPIRED, RETURNED by the line's
               stay                                        state, then OTHER_QUANTITY, OTHER_ITEMS
release        RESERVED moves; RELEASED, EXPIRED and       COMMITTED
               RETURNED stay: nothing is held
commit         RESERVED moves; COMMITTED stays             RELEASED, EXPIRED, RETURNED
return         COMMITTED moves; RETURNED stays             NOT_COMMITTED
=============  ==========================================  =========================================

- A release by order closes the order (the tombstone): every later reserve is RELEASED, whether
  anything had been reserved or not. A release by reservation closes its own line only.
- By order, all lines move or none. To commit or return an order that has none is refused as if it
  had been released (RELEASED, NOT_COMMITTED); one that was never heard of is not found.
- An order form says what all the lines are. After one, a single reserve of another product is
  refused (OTHER_ITEMS), and so is a form with other items or quantities. Before one, single
  reserves add lines, and a form that contains them as they are adds the rest.
"""

import enum
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

from inventory.errors import OrderConflict, OutOfStock, Reason, Shortage
from inventory.ledger.models import Amounts, Kind, Posting
from servicekit.errors import NotFound


class Status(enum.StrEnum):
    """
    What became of a reservation.
    """

    RESERVED = "RESERVED"
    COMMITTED = "COMMITTED"
    RELEASED = "RELEASED"
    EXPIRED = "EXPIRED"
    RETURNED = "RETURNED"


#: Nothing comes after these, and their product cannot be reserved for the order again.
_ENDED: Final[dict[Status, Reason]] = {
    Status.RELEASED: "RELEASED",
    Status.EXPIRED: "EXPIRED",
    Status.RETURNED: "RETURNED",
}


@dataclass(frozen=True, slots=True)
class Wanted:
    """
    So many units of a product.
    """

    product_id: str
    quantity: int


@dataclass(frozen=True, slots=True)
class Reservation:
    """
    A line of an order: units that are held for it, or were.
    """

    id: str
    order_id: str
    product_id: str
    line: int
    quantity: int
    status: Status
    expires_at: datetime
    created_at: datetime

    def is_due(self, now: datetime) -> bool:
        """
        Whether it has expired, seen or not.
        """
        return self.status is Status.RESERVED and self.expires_at <= now

    def posting(self, kind: Kind) -> Posting:
        """
        The movement of all its units.
        """
        return Posting.of_order(
            kind,
            product_id=self.product_id,
            quantity=self.quantity,
            order_id=self.order_id,
            reservation_id=self.id,
        )


@dataclass(frozen=True, slots=True)
class Deed:
    """
    A change of reservations: which it moves and where to, which are as they should be already, and
    why all others are refused (by what they are where ``refusal`` is None).
    """

    kind: Kind
    moves: Status
    to: Status
    settled: frozenset[Status]
    refusal: Reason | None

    def moved_of(self, order: "Order", lines: Sequence[Reservation]) -> list[Reservation]:
        """
        The lines that move; raises OrderConflict where not all of them can or have.
        """
        for line in lines:
            if line.status is not self.moves and line.status not in self.settled:
                reason = self.refusal or _ENDED[line.status]
                raise OrderConflict(reason, order_id=order.id, product_id=line.product_id)
        return [line for line in lines if line.status is self.moves]


RELEASE: Final = Deed(
    Kind.RELEASED,
    Status.RESERVED,
    Status.RELEASED,
    settled=frozenset(_ENDED),
    refusal="COMMITTED",
)
COMMIT: Final = Deed(
    Kind.COMMITTED,
    Status.RESERVED,
    Status.COMMITTED,
    settled=frozenset({Status.COMMITTED}),
    refusal=None,
)
RETURN: Final = Deed(
    Kind.RETURNED,
    Status.COMMITTED,
    Status.RETURNED,
    settled=frozenset({Status.RETURNED}),
    refusal="NOT_COMMITTED",
)
EXPIRE: Final = Deed(
    Kind.EXPIRED, Status.RESERVED, Status.EXPIRED, settled=frozenset(), refusal=None
)


@dataclass(frozen=True, slots=True)
class Order:
    """
    What has been asked for an order so far. ``is_whole``: an order form has said all its lines.
    """

    id: str
    is_released: bool
    is_whole: bool
    lines: tuple[Reservation, ...] = ()

    def line(self, reservation_id: str) -> Reservation:
        """
        The line of this reservation.
        """
        for line in self.lines:
            if line.id == reservation_id:
                return line
        raise NotFound("reservation", reservation_id)

    def lines_for(self, items: Iterable[Wanted]) -> list[Reservation]:
        """
        The lines of these products, in the order of ``items``.
        """
        by_product = {line.product_id: line for line in self.lines}
        return [by_product[item.product_id] for item in items]

    def products_with(self, items: Iterable[Wanted]) -> set[str]:
        """
        The products of its lines and of ``items``.
        """
        return {line.product_id for line in self.lines} | {item.product_id for item in items}

    def due(self, now: datetime) -> list[Reservation]:
        """
        The lines that have expired without anybody having seen it.
        """
        return [line for line in self.lines if line.is_due(now)]

    def with_status(self, moved: Collection[Reservation], status: Status) -> "Order":
        """
        The order once ``moved`` are ``status``.
        """
        ids = {line.id for line in moved}
        lines = (replace(line, status=status) if line.id in ids else line for line in self.lines)
        return replace(self, lines=tuple(lines))

    def missing(self, item: Wanted) -> list[Wanted]:
        """
        What a single reserve has to add: ``item``, or nothing if its line is there.
        """
        line = self._open_line(item)
        if line is None:
            if self.is_whole:
                raise OrderConflict("OTHER_ITEMS", order_id=self.id, product_id=item.product_id)
            return [item]
        if line.quantity != item.quantity:
            raise OrderConflict("OTHER_QUANTITY", order_id=self.id, product_id=item.product_id)
        return []

    def missing_of_form(self, items: Sequence[Wanted]) -> list[Wanted]:
        """
        What an order form has to add: the items that have no line yet.
        """
        new = [item for item in items if self._open_line(item) is None]
        reserved = {Wanted(line.product_id, line.quantity) for line in self.lines}
        if not reserved <= set(items) or (new and self.is_whole):
            raise OrderConflict("OTHER_ITEMS", order_id=self.id)
        return new

    def _open_line(self, item: Wanted) -> Reservation | None:
        if self.is_released:
            raise OrderConflict("RELEASED", order_id=self.id)
        line = next((line for line in self.lines if line.product_id == item.product_id), None)
        if line is not None and line.status in _ENDED:
            reason = _ENDED[line.status]
            raise OrderConflict(reason, order_id=self.id, product_id=line.product_id)
        return line


def check_stock(items: Sequence[Wanted], amounts: dict[str, Amounts], *, is_order: bool) -> None:
    """
    Raise NotFound for a product that is not there, or OutOfStock with every item that is short.
    """
    for item in items:
        if item.product_id not in amounts or amounts[item.product_id].is_removed:
            raise NotFound("product", item.product_id)
    short = [
        Shortage(item.product_id, wanted=item.quantity, left=amounts[item.product_id].available)
        for item in items
        if amounts[item.product_id].available < item.quantity
    ]
    if short:
        raise OutOfStock(short, is_order=is_order)
