"""
What a fake inventory does with stock in the course of an order. Written from the contract, and held
to the real service by the contract tests.
"""

import uuid
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final, NamedTuple

import httpx
import orjson
from fake_faults import error_answer, json_answer
from fake_upstream import are_items, invalid, is_order

from servicekit.clock import Now

RESERVATION_LIFE: Final = timedelta(minutes=15)
RESERVED, RELEASED, COMMITTED = "RESERVED", "RELEASED", "COMMITTED"
EXPIRED, RETURNED = "EXPIRED", "RETURNED"
_OVER: Final = frozenset({RELEASED, EXPIRED, RETURNED})
#: What one unit of a movement does to the stock level and to what is reserved.
_EFFECTS: Final = {
    RESERVED: (0, +1),
    RELEASED: (0, -1),
    EXPIRED: (0, -1),
    COMMITTED: (-1, -1),
    RETURNED: (+1, 0),
}

JsonObject = dict[str, Any]


class Movement(NamedTuple):
    """
    A line of the ledger.
    """

    kind: str
    order_id: str
    product_id: str
    quantity: int


@dataclass
class Line:
    """
    One product of one order.
    """

    order_id: str
    product_id: str
    quantity: int
    expires_at: datetime
    status: str = RESERVED
    id: str = field(default_factory=lambda: str(uuid.uuid4()))

    def told(self) -> JsonObject:
        """
        As a client reads it.
        """
        return {
            "reservationId": self.id,
            "orderId": self.order_id,
            "productId": self.product_id,
            "quantity": self.quantity,
            "status": self.status,
            "expiresAt": self.expires_at.isoformat().replace("+00:00", "Z"),
        }


@dataclass
class Order:
    """
    All that was asked for an order. ``is_released`` is the tombstone.
    """

    lines: list[Line] = field(default_factory=list)
    is_released: bool = False


class _Refused(Exception):
    def __init__(self, answer: httpx.Response) -> None:
        self.answer = answer


class FakeStock:
    """
    Moves the stock of ``products``, and writes down every movement.
    """

    def __init__(self, products: dict[str, JsonObject], now: Now) -> None:
        self._products = products
        self._now = now
        self._orders: dict[str, Order] = {}
        self.movements: list[Movement] = []

    def reserve(self, request: httpx.Request) -> httpx.Response:
        """
        Hold all lines of an order, or none.
        """
        body = orjson.loads(request.content)
        if not are_items(body["items"]):
            return invalid("items", part="body")
        wanted = {item["productId"]: item["quantity"] for item in body["items"]}
        return self._answered(body["orderId"], lambda name: self._reserve(name, wanted), status=201)

    def release(self, request: httpx.Request) -> httpx.Response:
        """
        Give back what is held, and close the order for good.
        """
        return self._answered(_order_in(request), self._release)

    def commit(self, request: httpx.Request) -> httpx.Response:
        """
        Sell what is held, all lines or none.
        """
        return self._answered(_order_in(request), self._commit)

    def give_back(self, request: httpx.Request) -> httpx.Response:
        """
        Take back what was sold, all lines or none.
        """
        return self._answered(_order_in(request), self._give_back)

    def sweep(self) -> None:
        """
        Expire what is due.
        """
        for name in self._orders:
            self._expire_due(name)

    def expire(self, order_id: str) -> None:
        """
        Expire what is held for an order, due or not.
        """
        self._move(self._orders[order_id].lines, RESERVED, EXPIRED)

    def statuses(self, order_id: str) -> dict[str, str]:
        """
        What became of each product of an order; nothing for one that is not known.
        """
        return {line.product_id: line.status for line in self._lines_of(order_id)}

    def is_closed(self, order_id: str) -> bool:
        """
        Nothing can be reserved for the order any more.
        """
        return order_id in self._orders and self._orders[order_id].is_released

    @property
    def held(self) -> dict[str, int]:
        """
        How many units of each product orders hold now.
        """
        return self._units(RESERVED)

    @property
    def sold(self) -> dict[str, int]:
        """
        How many units of each product orders have bought and not given back.
        """
        return self._units(COMMITTED)

    def _units(self, status: str) -> dict[str, int]:
        units = Counter[str]()
        for name in self._orders:
            for line in self._lines_of(name):
                units[line.product_id] += line.quantity if line.status == status else 0
        return {product: count for product, count in units.items() if count}

    def _answered(
        self, order_id: str, work: Callable[[str], list[Line]], *, status: int = 200
    ) -> httpx.Response:
        if not is_order(order_id):
            return invalid("orderId", part="body")
        self._expire_due(order_id)
        try:
            lines = work(order_id)
        except _Refused as refusal:
            return refusal.answer
        told = {"orderId": order_id, "reservations": [line.told() for line in lines]}
        return json_answer(told, status)

    def _reserve(self, name: str, wanted: dict[str, int]) -> list[Line]:
        order = self._orders.get(name, Order())
        if order.is_released:
            raise _conflict(RELEASED, name)
        known = {line.product_id: line for line in order.lines}
        for product in wanted:
            if product in known and known[product].status in _OVER:
                raise _conflict(known[product].status, name, product)
        if order.lines and {one: line.quantity for one, line in known.items()} != wanted:
            raise _conflict("OTHER_ITEMS", name)
        if not order.lines:
            self._check_stock(wanted)
            until = self._now() + RESERVATION_LIFE
            order.lines = [Line(name, product, wanted[product], until) for product in wanted]
            self._orders[name] = order
            self._note(RESERVED, order.lines)
        by_product = {line.product_id: line for line in order.lines}
        return [by_product[product] for product in wanted]

    def _check_stock(self, wanted: dict[str, int]) -> None:
        for product in wanted:
            if product not in self._products:
                raise _not_found("product", product)
        short = [
            {"productId": product, "wanted": units, "left": self._products[product]["available"]}
            for product, units in wanted.items()
            if self._products[product]["available"] < units
        ]
        if short:
            raise _Refused(error_answer(409, "OUT_OF_STOCK", "Not enough left.", {"items": short}))

    def _release(self, name: str) -> list[Line]:
        for line in self._lines_of(name):
            if line.status == COMMITTED:
                raise _conflict(COMMITTED, name, line.product_id)
        order = self._orders.setdefault(name, Order())
        order.is_released = True
        return self._move(order.lines, RESERVED, RELEASED)

    def _commit(self, name: str) -> list[Line]:
        lines = self._known(name)
        if not lines:
            raise _conflict(RELEASED, name)
        for line in lines:
            if line.status in _OVER:
                raise _conflict(line.status, name, line.product_id)
        return self._move(lines, RESERVED, COMMITTED)

    def _give_back(self, name: str) -> list[Line]:
        lines = self._known(name)
        if not lines:
            raise _conflict("NOT_COMMITTED", name)
        for line in lines:
            if line.status not in {COMMITTED, RETURNED}:
                raise _conflict("NOT_COMMITTED", name, line.product_id)
        return self._move(lines, COMMITTED, RETURNED)

    def _expire_due(self, name: str) -> None:
        due = [line for line in self._lines_of(name) if line.expires_at <= self._now()]
        self._move(due, RESERVED, EXPIRED)

    def _move(self, lines: list[Line], before: str, after: str) -> list[Line]:
        moved = [line for line in lines if line.status == before]
        for line in moved:
            line.status = after
        self._note(after, moved)
        return lines

    def _note(self, kind: str, lines: Iterable[Line]) -> None:
        stock, reserved = _EFFECTS[kind]
        for line in lines:
            self.movements.append(Movement(kind, line.order_id, line.product_id, line.quantity))
            product = self._products[line.product_id]
            level = product["stockLevel"] + stock * line.quantity
            held = product["reserved"] + reserved * line.quantity
            amounts = {"stockLevel": level, "reserved": held, "available": level - held}
            moment = self._now().isoformat().replace("+00:00", "Z")
            self._products[line.product_id] = product | amounts | {"updatedAt": moment}

    def _known(self, name: str) -> list[Line]:
        if name not in self._orders:
            raise _not_found("order", name)
        return self._orders[name].lines

    def _lines_of(self, name: str) -> list[Line]:
        return self._orders[name].lines if name in self._orders else []


def _order_in(request: httpx.Request) -> str:
    return str(orjson.loads(request.content)["orderId"])


def _conflict(reason: str, order_id: str, product_id: str | None = None) -> _Refused:
    product = {"productId": product_id} if product_id else {}
    details = {"reason": reason, "orderId": order_id, **product}
    return _Refused(error_answer(409, "CONFLICT", f"The order: {reason}.", details))


def _not_found(what: str, key: str) -> _Refused:
    details = {"what": what, "id": key}
    return _Refused(error_answer(404, "NOT_FOUND", f"There is no {what} {key!r}.", details))
