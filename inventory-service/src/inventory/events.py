"""
What this service tells of itself: log events and counts of what happens to stock.
"""

import structlog

from inventory.errors import OutOfStock
from inventory.ledger.models import Kind
from servicekit.errors import StorefrontError
from servicekit.telemetry import Telemetry

log = structlog.get_logger()


class StockEvents:
    """
    Tells the log and the metrics, once a transaction has ended. Labels are of closed sets.
    """

    def __init__(self, telemetry: Telemetry) -> None:
        self._moved = telemetry.counter(
            "stock_reservations_total", "Reservations by what became of them", ("outcome",)
        )
        self._refused = telemetry.counter(
            "stock_refusals_total", "Stock movements that were refused", ("reason",)
        )
        self._failed = telemetry.counter(
            "stock_sweep_failures_total", "Orders whose expired stock could not be given back"
        )
        self._adjusted = telemetry.counter(
            "stock_adjustments_total", "Stock levels that were changed by hand"
        )

    def moved(self, kind: Kind, count: int, *, order_id: str | None = None) -> None:
        """
        ``count`` reservations were reserved, released, committed, returned or have expired.
        """
        if count:
            self._moved.labels(kind.value.lower()).inc(count)
            log.info("stock.moved", outcome=kind.value, order_id=order_id, reservations=count)

    def refused(self, refusal: StorefrontError, *, order_id: str) -> None:
        """
        A reservation could not be made or moved.
        """
        is_short = isinstance(refusal, OutOfStock)
        reason = "OUT_OF_STOCK" if is_short else str(refusal.details.get("reason", refusal.code))
        self._refused.labels(reason).inc()
        log.info("stock.refused", order_id=order_id, reason=reason)

    def sweep_failed(self) -> None:
        """
        An order's expired reservations could not be given back.
        """
        self._failed.inc()

    def adjusted(self, product_id: str, *, change: int, by: str) -> None:
        """
        Somebody counted anew.
        """
        self._adjusted.inc()
        log.info("stock.adjusted", product_id=product_id, change=change, by=by)

    def product_changed(self, event: str, product_id: str, *, by: str) -> None:
        """
        The catalog has changed.
        """
        log.info(event, product_id=product_id, by=by)
