"""
The reports, each put together from what checkout, inventory and pricing tell.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import aclosing
from datetime import datetime, timedelta
from typing import Final, TypeVar

from pydantic import JsonValue

from gateway.checkout.sales import Sales
from gateway.checkout.sales_models import Amount, DayOfOrders, Span, Trouble, TroubleStatus
from gateway.reports.models import (
    Batches,
    DiscountLine,
    OrdersLine,
    ProductLine,
    Report,
    Step,
    StockLine,
    TroubleLine,
)
from gateway.reports.stock_value import StockValue
from gateway.upstreams.inventory import Inventory
from gateway.upstreams.pricing import Pricing
from servicekit.clock import Now, utc_now
from servicekit.errors import Overloaded

#: How many are made at once. Each holds a connection of the database or calls other services for as
#: long as its client takes, and shoppers need both.
MAX_AT_ONCE: Final = 3
RETRY_AFTER_S: Final = 5
_BATCH: Final = 500

Row = TypeVar("Row")


class Reports:
    """
    Makes reports. Nothing is read before a report's batches are.
    """

    def __init__(
        self,
        sales: Sales,
        inventory: Inventory,
        pricing: Pricing,
        *,
        keeps_unsold: timedelta,
        now: Now = utc_now,
    ) -> None:
        self._sales = sales
        self._inventory = inventory
        self._pricing = pricing
        self._keeps_unsold = keeps_unsold
        self._running = 0
        #: By this a span ends where nobody says when.
        self.now = now

    def orders(self, span: Span) -> Report:
        """
        How many orders each day brought, what has become of them, and what they come to.
        """
        totals = _Totals()

        async def batches() -> Batches:
            for batch in _in_batches(await self._sales.by_day(span)):
                yield [totals.line(row) for row in batch]

        return Report(
            "orders",
            OrdersLine,
            _head("orders", span),
            self._bounded(batches()),
            totals.told,
            complete_since=self._complete_since(),
        )

    def top_products(self, span: Span, *, limit: int) -> Report:
        """
        What was sold most.
        """

        async def batches() -> Batches:
            for batch in _in_batches(await self._sales.products(span, limit=limit)):
                yield [
                    ProductLine(
                        row.product_id, row.total.currency, row.orders, row.units, str(row.total)
                    )
                    for row in batch
                ]

        head = _head("top-products", span) | {"limit": limit}
        return Report("top-products", ProductLine, head, self._bounded(batches()))

    def discounts(self, span: Span) -> Report:
        """
        Which codes were used.
        """

        async def batches() -> Batches:
            for batch in _in_batches(await self._sales.discounts(span)):
                yield [
                    DiscountLine(row.code, row.amount.currency, row.orders, str(row.amount))
                    for row in batch
                ]

        head = _head("discounts", span)
        return Report("discounts", DiscountLine, head, self._bounded(batches()))

    def troubles(self, span: Span, statuses: Sequence[TroubleStatus]) -> Report:
        """
        Of which orders nothing came, and why.
        """

        async def batches() -> Batches:
            async with aclosing(self._sales.troubles(span, statuses)) as found:
                async for batch in found:
                    yield [_trouble_line(trouble) for trouble in batch]

        head = _head("troubles", span) | {"statuses": [*statuses]}
        rows, since = self._bounded(batches()), self._complete_since()
        return Report("troubles", TroubleLine, head, rows, complete_since=since)

    def stock_value(self) -> Report:
        """
        What the stock is worth now.
        """
        value = StockValue(self._inventory, self._pricing)
        head: dict[str, JsonValue] = {"report": "stock-value", "readFrom": _told(self.now())}
        return Report("stock-value", StockLine, head, self._bounded(value.batches()), value.told)

    def _complete_since(self) -> str:
        """
        From when on orders are all there that were rejected or have failed: older ones may be dropped.

        As the setting stands now: nothing remembers what was dropped while it was shorter.
        """
        return _told(self.now() - self._keeps_unsold)

    async def _bounded(self, batches: Batches) -> Batches:
        """
        The same batches, unless too many reports are read now; raises Overloaded.
        """
        if self._running >= MAX_AT_ONCE:
            raise Overloaded("the reports", retry_after_s=RETRY_AFTER_S)
        self._running += 1
        try:
            async with aclosing(batches):
                async for batch in batches:
                    yield batch
        finally:
            self._running -= 1


class _Totals:
    """
    What the lines of the orders report come to.
    """

    def __init__(self) -> None:
        self._orders: Counter[tuple[str, str | None]] = Counter()
        self._minor: Counter[tuple[str, str | None]] = Counter()

    def line(self, row: DayOfOrders) -> OrdersLine:
        """
        The line of one day, added to the totals.
        """
        currency = row.total.currency if row.total else None
        key = row.status.value, currency
        self._orders[key] += row.orders
        self._minor[key] += row.total.minor if row.total else 0
        return OrdersLine(row.day, row.status, currency, row.orders, *_money(row.status, row.total))

    def told(self) -> dict[str, JsonValue]:
        """
        The same lines without their days.
        """
        return {"totals": [self._told(*key) for key in sorted(self._orders, key=str)]}

    def _told(self, status: str, currency: str | None) -> JsonValue:
        minor = self._minor[status, currency]
        total = Amount(minor, currency) if currency else None
        revenue, cancelled = _money(status, total)
        return {
            "status": status,
            "currency": currency,
            "orders": self._orders[status, currency],
            "revenue": revenue,
            "cancelled": cancelled,
        }


def _money(status: str, total: Amount | None) -> tuple[str | None, str | None]:
    """
    What was earned, and what was to be earned and is not.
    """
    if total is None:
        return None, None
    return (str(total), None) if status == "CONFIRMED" else (None, str(total))


def _trouble_line(trouble: Trouble) -> TroubleLine:
    return TroubleLine(
        order_id=trouble.order_id,
        status=trouble.status,
        owner=trouble.owner,
        created_at=trouble.created_at,
        updated_at=trouble.updated_at,
        ended_at=trouble.ended_at,
        reason_code=trouble.reason_code,
        reason=trouble.reason,
        failed_step=trouble.failed_step,
        attention_since=trouble.attention_since,
        attention=trouble.attention,
        correlation_id=trouble.correlation_id,
        steps=[Step(one.name, one.at) for one in trouble.happened],
    )


def _head(name: str, span: Span) -> dict[str, JsonValue]:
    return {"report": name, "from": _told(span.start), "to": _told(span.end)}


def _told(moment: datetime) -> str:
    return moment.isoformat().replace("+00:00", "Z")


def _in_batches(rows: Sequence[Row]) -> Iterator[Sequence[Row]]:
    for first in range(0, len(rows), _BATCH):
        yield rows[first : first + _BATCH]
