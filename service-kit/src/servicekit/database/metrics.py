"""
What Prometheus is told of a database: connections in use, and what is written together.
"""

from collections.abc import Iterator
from typing import Final

from prometheus_client import CollectorRegistry
from prometheus_client.metrics_core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)
from prometheus_client.registry import Collector

from servicekit.database.engine import Database
from servicekit.database.together import MAX_ROWS
from servicekit.metrics.buckets import Buckets

_ROWS: Final = (1, 2, 5, 10, 20, 50, MAX_ROWS)


class PoolMetrics(Collector):
    """
    How many connections are in use, looked at when it is asked for.
    """

    def __init__(self, registry: CollectorRegistry, database: Database) -> None:
        self._database = database
        registry.register(self)

    def collect(self) -> Iterator[Metric]:
        """
        The two numbers, for a scrape.
        """
        in_use, limit = self._database.connections()
        yield GaugeMetricFamily(
            "database_connections_in_use", "Connections to the database that are in use", in_use
        )
        yield GaugeMetricFamily(
            "database_connections_limit", "Connections to the database at most", limit
        )


class GroupMetrics(Collector):
    """
    Who watches what ``Together`` writes. All is noted on the event loop.
    """

    def __init__(self, registry: CollectorRegistry) -> None:
        self._rows = Buckets(_ROWS)
        self._apart = 0
        registry.register(self)

    def written(self, rows: int) -> None:
        """
        So many rows were committed together.
        """
        self._rows.observe(rows)

    def taken_apart(self) -> None:
        """
        A transaction of several failed, and each gets one of its own.
        """
        self._apart += 1

    def collect(self) -> Iterator[Metric]:
        """
        What was noted so far, for a scrape.
        """
        family = HistogramMetricFamily(
            "database_group_rows", "Rows that were written in one shared transaction"
        )
        self._rows.add_to(family)
        yield family
        yield CounterMetricFamily(
            "database_groups_apart", "Shared transactions that had to be taken apart", self._apart
        )
