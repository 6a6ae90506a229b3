"""
What stock is meant to do, in a few plain dictionaries: no database, no concurrency, no cleverness.

The state machine does everything twice, here and in the service, and compares. It is written
from the contract, not from the service's code.
"""

import itertools
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

RESERVED, RELEASED, COMMITTED = "RESERVED", "RELEASED", "COMMITTED"
EXPIRED, RETURNED = "EXPIRED", "RETURNED"
_OVER = frozenset({RELEASED, EXPIRED, RETURNED})


class Movement(NamedTuple):
    """
    A line of the ledger.
    """

    kind: str
    stock_change: int
    reserved_change: int
    order: str | None


def comparable(ledger: list[Movement]) -> list[Movement]:
    """
    The ledger with reservations that expired one after the other sorted: one sweep may meet them in
    any order.
    """
    runs = itertools.groupby(ledger, key=lambda movement: movement.kind == EXPIRED)
    return [one for expired, run in runs for one in (sorted(run) if expired else run)]


@dataclass
class Product:
    """
    Units, and how they came to be.
    """

    stock: int = 0
    reserved: int = 0
    ledger: list[Movement] = field(default_factory=list)

    @property
    def available(self) -> int:
        """
        What can still be reserved.
        """
        return self.stock - self.reserved

    def move(self, kind: str, stock: int, reserved: int, order: str | None = None) -> None:
        """
        Change the units, and write it down.
        """
        self.stock += stock
        self.reserved += reserved
        self.ledger.append(Movement(kind, stock, reserved, order))


@dataclass
class Line:
    """
    One product of one order.
    """

    product: str
    quantity: int
    expires_at: float
    status: str = RESERVED

    def is_due(self, now: float) -> bool:
        """
        Whether it is held for too long.
        """
        return self.status == RESERVED and self.expires_at <= now


@dataclass
class Order:
    """
    All lines by product. It is whole once a call has said what all of them are.
    """

    lines: dict[str, Line] = field(default_factory=dict)
    is_whole: bool = False
    is_released: bool = False

    def require_same(self, items: Mapping[str, int], *, whole: bool) -> None:
        """
        Refuse what does not fit what was said of the order before.
        """
        known = {product: line.quantity for product, line in self.lines.items()}
        is_other = any(known.get(product, units) != units for product, units in items.items())
        is_more = self.is_whole and not items.keys() <= known.keys()
        is_less = whole and not known.keys() <= items.keys()
        if is_more or is_less or (whole and is_other):
            raise Refused(_conflict("OTHER_ITEMS"))
        if is_other:
            raise Refused(_conflict("OTHER_QUANTITY"))


class Answer(NamedTuple):
    """
    What the service is to answer: lines as (product, quantity, status), or a refusal.
    """

    status: int
    lines: tuple[tuple[str, int, str], ...] = ()
    code: str | None = None
    reason: str | None = None


class Refused(Exception):
    """
    Ends an operation.
    """

    def __init__(self, answer: Answer) -> None:
        self.answer = answer


Lines = list[Line]
_NOT_FOUND = Answer(404, code="NOT_FOUND")


class StockModel:
    """
    Every operation of the contract, one at a time. Moments are seconds of any clock.

    Whatever is asked of an order, its lines that are due expire first. They stay expired where the
    answer is a refusal, which changes nothing else.
    """

    def __init__(self, *, reservation_s: float) -> None:
        self.products: dict[str, Product] = {}
        self.orders: dict[str, Order] = {}
        self._adjustments: dict[tuple[str, str], int] = {}
        self._reservation_s = reservation_s

    def add(self, product: str, stock: int) -> None:
        """
        A new product.
        """
        self.products[product] = Product()
        self.products[product].move("INITIAL", stock, 0)

    def reserve(self, order: str, product: str, quantity: int, now: float) -> Answer:
        """
        One line of an order.
        """

        def operation() -> Lines:
            return self._reserve(order, {product: quantity}, now, whole=False)

        return self._answer(order, now, operation, status=201)

    def reserve_order(self, order: str, items: Mapping[str, int], now: float) -> Answer:
        """
        All lines of an order, or none.
        """
        return self._answer(
            order, now, lambda: self._reserve(order, items, now, whole=True), status=201
        )

    def release(self, order: str, product: str | None, now: float) -> Answer:
        """
        Give back what is held: of one line, or of the whole order, which then is closed for good.
        """
        return self._answer(order, now, lambda: self._release(order, product))

    def commit(self, order: str, product: str | None, now: float) -> Answer:
        """
        Sell what is held: one line, or all lines or none.
        """
        return self._answer(order, now, lambda: self._commit(order, product))

    def give_back(self, order: str, product: str | None, now: float) -> Answer:
        """
        Take back what was sold: one line, or all lines or none.
        """
        return self._answer(order, now, lambda: self._give_back(order, product))

    def adjust(self, product: str, change: int, key: str) -> Answer:
        """
        Count units in or out, once for each ``key`` of a product.
        """
        before = self._adjustments.get((product, key))
        if before is not None:
            return Answer(201) if before == change else _conflict("OTHER_ADJUSTMENT")
        if self.products[product].available + change < 0:
            return _conflict("BELOW_RESERVED")
        self.products[product].move("ADJUSTED", change, 0)
        self._adjustments[product, key] = change
        return Answer(201)

    def sweep(self, now: float) -> int:
        """
        Expire what is due; how many reservations that were.
        """
        return sum(self._expire(name, now) for name in self.orders)

    def seen(self, order: str, now: float) -> tuple[tuple[str, int, str], ...]:
        """
        The lines of an order as a reader sees them: what is due is expired.
        """
        lines = self.orders[order].lines.values() if order in self.orders else ()
        return tuple(
            (one.product, one.quantity, EXPIRED if one.is_due(now) else one.status) for one in lines
        )

    def _answer(
        self, order: str, now: float, operation: Callable[[], Lines], *, status: int = 200
    ) -> Answer:
        self._expire(order, now)
        try:
            lines = operation()
        except Refused as refused:
            return refused.answer
        return Answer(status, tuple((one.product, one.quantity, one.status) for one in lines))

    def _expire(self, name: str, now: float) -> int:
        lines = self.orders[name].lines.values() if name in self.orders else ()
        due = [line for line in lines if line.is_due(now)]
        self._move(name, due, EXPIRED, stock=0, reserved=-1)
        return len(due)

    def _reserve(self, name: str, items: Mapping[str, int], now: float, *, whole: bool) -> Lines:
        order = self.orders.get(name, Order())
        if order.is_released:
            raise Refused(_conflict(RELEASED))
        for product in items:
            if product in order.lines and order.lines[product].status in _OVER:
                raise Refused(_conflict(order.lines[product].status))
        order.require_same(items, whole=whole)
        new = {product: units for product, units in items.items() if product not in order.lines}
        if not new.keys() <= self.products.keys():
            raise Refused(_NOT_FOUND)
        if any(self.products[product].available < units for product, units in new.items()):
            raise Refused(Answer(409, code="OUT_OF_STOCK"))
        for product, units in new.items():
            order.lines[product] = line = Line(product, units, now + self._reservation_s)
            self._move(name, [line], RESERVED, stock=0, reserved=+1)
        order.is_whole = order.is_whole or whole
        self.orders[name] = order
        return [order.lines[product] for product in items]

    def _release(self, name: str, product: str | None) -> Lines:
        lines = self._lines(name, product) if product or name in self.orders else []
        if any(line.status == COMMITTED for line in lines):
            raise Refused(_conflict(COMMITTED))
        held = [line for line in lines if line.status == RESERVED]
        self._move(name, held, RELEASED, stock=0, reserved=-1)
        if product is None:
            self.orders.setdefault(name, Order()).is_released = True
        return lines

    def _commit(self, name: str, product: str | None) -> Lines:
        lines = self._lines(name, product)
        if not lines:
            raise Refused(_conflict(RELEASED))
        for line in lines:
            if line.status in _OVER:
                raise Refused(_conflict(line.status))
        held = [line for line in lines if line.status == RESERVED]
        self._move(name, held, COMMITTED, stock=-1, reserved=-1)
        return lines

    def _give_back(self, name: str, product: str | None) -> Lines:
        lines = self._lines(name, product)
        if not lines or any(line.status not in {COMMITTED, RETURNED} for line in lines):
            raise Refused(_conflict("NOT_COMMITTED"))
        sold = [line for line in lines if line.status == COMMITTED]
        self._move(name, sold, RETURNED, stock=+1, reserved=0)
        return lines

    def _move(self, name: str, lines: Lines, status: str, *, stock: int, reserved: int) -> None:
        for line in lines:
            line.status = status
            units = line.quantity
            self.products[line.product].move(status, stock * units, reserved * units, name)

    def _lines(self, name: str, product: str | None) -> Lines:
        if name not in self.orders:
            raise Refused(_NOT_FOUND)
        return [one for one in self.orders[name].lines.values() if product in {None, one.product}]


def _conflict(reason: str) -> Answer:
    return Answer(409, code="CONFLICT", reason=reason)
