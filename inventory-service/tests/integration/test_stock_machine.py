"""
The service against a model of the contract: any calls, in any order, any number of times.

Hypothesis makes the calls up, and shrinks a failure to the few that matter. All is asked through the
API; every run has products and orders of its own, in one database.
"""

import asyncio
import itertools
from collections.abc import Callable, Coroutine, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, TypeVar

import httpx
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from inventory_app import RESERVATION_S, RunningInventory, running_inventory, settings_for
from stock_model import Answer, Movement, StockModel, comparable

from servicekit.testing.clock import FakeClock

T = TypeVar("T")

AMOUNTS = (("stockChange", "stockLevelAfter"), ("reservedChange", "reservedAfter"))
NAMES = ("lamp", "mug", "kite")
_PRODUCTS = st.sampled_from(NAMES)
_ORDERS = st.sampled_from(["first", "second", "third"])
_QUANTITIES = st.integers(1, 4)
_ITEMS = st.dictionaries(_PRODUCTS, _QUANTITIES, min_size=1)
SETTINGS = settings(
    max_examples=30,
    stateful_step_count=30,
    deadline=None,
    report_multiple_bugs=False,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
_DEEDS = st.sampled_from(["release", "commit", "return"])


@dataclass(frozen=True, slots=True)
class World:
    """
    The service, for code that is not async.
    """

    inventory: RunningInventory
    wait_for: Callable[[Coroutine[Any, Any, Any]], Any]
    runs: Iterator[int] = field(default_factory=itertools.count)


@contextmanager
def world_on(database_url: str) -> Iterator[World]:
    """
    The service on this database, with a clock that stands still.
    """
    running = running_inventory(settings_for(database_url), FakeClock())
    with asyncio.Runner() as runner:
        inventory = runner.run(running.__aenter__())
        try:
            yield World(inventory, runner.run)
        finally:
            runner.run(running.__aexit__(None, None, None))


def test_any_calls_in_any_order_agree_with_the_model(migrated_url: str) -> None:
    """
    Stock is never negative or sold twice, the ledger adds up, what is repeated changes nothing,
    and every answer is the model's: on SQLite and on PostgreSQL.
    """
    with world_on(migrated_url) as world:

        class MachineInThisWorld(StockMachine):
            def __init__(self) -> None:
                super().__init__(world)

        run_state_machine_as_test(MachineInThisWorld, settings=SETTINGS)


class StockMachine(RuleBasedStateMachine):
    """
    Does everything twice, and compares.
    """

    def __init__(self, world: World) -> None:
        super().__init__()
        self.inventory = world.inventory
        self._run = world.wait_for
        self.prefix = f"run{next(world.runs)}-"
        self.model = StockModel(reservation_s=RESERVATION_S)
        #: What was answered first, by order and product.
        self.first: dict[tuple[str, str], Mapping[str, object]] = {}
        self.last: Callable[[], None] | None = None
        #: Once they differ, there is nothing more to compare.
        self.agrees = True

    @initialize(stock=st.tuples(*(st.integers(0, 9) for _ in NAMES)))
    def products(self, stock: tuple[int, ...]) -> None:
        """
        A run begins with three products.
        """
        for name, units in zip(NAMES, stock, strict=True):
            self._run(self.inventory.product(self.prefix + name, stock=units))
            self.model.add(name, units)

    @rule(order=_ORDERS, product=_PRODUCTS | st.just("ghost"), quantity=_QUANTITIES)
    def reserve(self, order: str, product: str, quantity: int) -> None:
        """
        One line, of a product that is perhaps not there.
        """
        self._compare(
            "/stock/reserve",
            {"orderId": self.prefix + order, **self._item(product, quantity)},
            lambda: self.model.reserve(order, product, quantity, self._now),
        )

    @rule(order=_ORDERS, items=_ITEMS)
    def reserve_order(self, order: str, items: dict[str, int]) -> None:
        """
        All lines or none.
        """
        lines = [self._item(product, quantity) for product, quantity in items.items()]
        self._compare(
            "/stock/reservations",
            {"orderId": self.prefix + order, "items": lines},
            lambda: self.model.reserve_order(order, items, self._now),
        )

    @rule(order=_ORDERS, deed=_DEEDS)
    def end_order(self, order: str, deed: str) -> None:
        """
        All lines of an order, whether it has any or not.
        """
        self._compare(
            f"/stock/{deed}",
            {"orderId": self.prefix + order},
            lambda: self._model_of(deed)(order, None, self._now),
        )

    @precondition(lambda self: self.first)
    @rule(chosen=st.integers(0, 8), deed=_DEEDS)
    def end_line(self, chosen: int, deed: str) -> None:
        """
        One reservation, by its id.
        """
        order, product = sorted(self.first)[chosen % len(self.first)]
        self._compare(
            f"/stock/{deed}",
            {"reservationId": self.first[order, product]["reservationId"]},
            lambda: self._model_of(deed)(order, product, self._now),
        )

    @rule(product=_PRODUCTS, change=st.integers(-4, 4).filter(bool), key=st.sampled_from("abc"))
    def adjust(self, product: str, change: int, key: str) -> None:
        """
        Units that were found, or were never there.
        """
        self._compare(
            f"/products/{self.prefix}{product}/adjustments",
            {"change": change, "reason": "counted", "adjustmentId": key},
            lambda: self.model.adjust(product, change, key),
        )

    @precondition(lambda self: self.last)
    @rule()
    def once_more(self) -> None:
        """
        The same call again, as after an answer that got lost.
        """
        assert self.last is not None
        self.last()

    @rule(seconds=st.sampled_from([1, RESERVATION_S // 2, RESERVATION_S]))
    def wait(self, seconds: int) -> None:
        """
        Time passes, and nobody looks.
        """
        self.inventory.clock.advance(seconds)

    @rule()
    def sweep(self) -> None:
        """
        Somebody looks.
        """
        assert self._run(self.inventory.services.stock.sweep()) == self.model.sweep(self._now)

    @invariant()
    def amounts_agree(self) -> None:
        """
        Stock and reserved units are the model's, after every step.
        """
        ids = ",".join(self.prefix + name for name in self.model.products)
        answer = self._run(self.inventory.public.get("/products", params={"ids": ids}))

        told = [
            (one["stockLevel"], one["reserved"], one["available"]) for one in answer.json()["items"]
        ]
        assert told == [
            (one.stock, one.reserved, one.available) for one in self.model.products.values()
        ]
        assert all(stock >= reserved >= 0 for stock, reserved, _ in told)

    def teardown(self) -> None:
        """
        In the end orders and ledgers are the model's, line by line, and nothing is held for ever.
        """
        if self.agrees:
            for order in self.model.orders:
                self._compare_order(order)
        self.inventory.clock.advance(RESERVATION_S)
        expired = self._run(self.inventory.services.stock.sweep())
        if self.agrees:
            assert expired == self.model.sweep(self._now)
            self.amounts_agree()
            for name in self.model.products:
                self._compare_ledger(name)
            assert not self._run(self.inventory.services.ledger.audit())

    def _compare(
        self, path: str, body: Mapping[str, object], expected: Callable[[], Answer]
    ) -> None:
        def both() -> None:
            client = self.inventory.service if "/stock/" in path else self.inventory.merchant
            answer = self._run(client.post(path, json=body))
            self.agrees = False
            assert self._told(answer) == expected()
            self.agrees = True

        self.last = both
        both()

    def _told(self, answer: httpx.Response) -> Answer:
        body = answer.json()
        if not answer.is_success:
            error = body["error"]
            reason = error.get("details", {}).get("reason")
            return Answer(answer.status_code, code=error["code"], reason=reason)
        lines = [body] if "status" in body else body.get("reservations", ())
        return Answer(answer.status_code, tuple(self._line(line) for line in lines))

    def _line(self, line: Mapping[str, Any]) -> tuple[str, int, str]:
        order = line["orderId"].removeprefix(self.prefix)
        product = line["productId"].removeprefix(self.prefix)
        fixed = {name: value for name, value in line.items() if name != "status"}
        assert self.first.setdefault((order, product), fixed) == fixed
        return product, line["quantity"], line["status"]

    def _compare_order(self, order: str) -> None:
        of_order = {"orderId": self.prefix + order}
        answer = self._run(self.inventory.service.get("/stock/reservations", params=of_order))

        told = tuple(self._line(line) for line in answer.json()["reservations"])
        assert told == self.model.seen(order, self._now)

    def _compare_ledger(self, name: str) -> None:
        movements = [*reversed(self._run(self.inventory.movements(self.prefix + name)))]

        told = [
            Movement(
                one["kind"],
                one["stockChange"],
                one["reservedChange"],
                one["orderId"] and one["orderId"].removeprefix(self.prefix),
            )
            for one in movements
        ]
        assert comparable(told) == comparable(self.model.products[name].ledger)
        for change, after in AMOUNTS:
            sums = itertools.accumulate(one[change] for one in movements)
            assert [one[after] for one in movements] == [*sums]

    def _item(self, product: str, quantity: int) -> dict[str, object]:
        return {"productId": self.prefix + product, "quantity": quantity}

    def _model_of(self, deed: str) -> Callable[[str, str | None, float], Answer]:
        return {
            "release": self.model.release,
            "commit": self.model.commit,
            "return": self.model.give_back,
        }[deed]

    @property
    def _now(self) -> float:
        return self.inventory.clock.time()
