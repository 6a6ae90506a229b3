"""
What the checkout counts and times. Labels are of closed sets.
"""

from prometheus_client import Gauge, Histogram

from gateway.checkout.models import Status
from servicekit.metrics.buckets import LATENCY_BUCKETS_S
from servicekit.telemetry import Telemetry


class CheckoutMetrics:
    """
    Orders by what became of them, the seconds until their callers were told, and how many are held up.
    """

    def __init__(self, telemetry: Telemetry, *, max_running: int) -> None:
        self._orders = telemetry.counter(
            "orders_total", "Orders by what became of them in this replica", ("outcome",)
        )
        self._answers = Histogram(
            "order_answer_seconds",
            "Time until whoever places an order is answered",
            ("status",),
            buckets=LATENCY_BUCKETS_S,
            registry=telemetry.registry,
        )
        Gauge(
            "saga_limit",
            "Works in this replica from which on no new order is taken",
            registry=telemetry.registry,
        ).set(max_running)
        # From the first scrape on, or the first of a kind would be no increase.
        for status in Status:
            self._orders.labels(_outcome(status))
            self._answers.labels(status.value)
        #: Of all replicas, as last counted.
        self.needing_attention = Gauge(
            "orders_needing_attention",
            "Orders that do not end by themselves within the time allowed",
            registry=telemetry.registry,
        )

        #: Orders whose work was over, and they were not.
        self.carried_on = telemetry.counter(
            "orders_carried_on", "Orders whose work had to be begun again though it was over"
        )
        self._stranded = Gauge(
            "orders_stranded",
            "Open orders that nobody goes on with",
            ("why",),
            registry=telemetry.registry,
        )
        self.stranded()

    def stranded(self, *, stopped: int = 0, foreign: int = 0, unreadable: int = 0) -> None:
        """
        Of all replicas, as last counted: with works that are over, or of another release, or with rows
        that only another release can read.
        """
        self._stranded.labels("stopped").set(stopped)
        self._stranded.labels("foreign").set(foreign)
        self._stranded.labels("unreadable").set(unreadable)

    def became(self, status: Status) -> None:
        """
        An order was accepted (PENDING) or has become what it is.
        """
        self._orders.labels(_outcome(status)).inc()

    def answered(self, status: Status, seconds: float) -> None:
        """
        Its caller was told so.
        """
        self._answers.labels(status.value).observe(seconds)


def _outcome(status: Status) -> str:
    return "ACCEPTED" if status is Status.PENDING else status.value
