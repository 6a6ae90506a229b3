"""
What the catalog's lookups cost, and what its answers lacked: counted on the way, told when asked.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Final

from prometheus_client.metrics_core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)
from prometheus_client.registry import Collector, CollectorRegistry

from gateway.catalog.service import Catalog
from servicekit.batching.counts import BatcherStats

#: What a batcher counts: the name of the series, what it means, and where it stands.
_COUNTED: Final[tuple[tuple[str, str, Callable[[BatcherStats], int]], ...]] = (
    ("catalog_lookups", "Lookups of products or prices", lambda stats: stats.lookups),
    ("catalog_shared_lookups", "Lookups that joined another's", lambda stats: stats.shared),
    ("catalog_keys", "Keys that calls asked for", lambda stats: stats.keys),
    ("catalog_calls", "Calls, each for up to 200 keys", lambda stats: stats.calls),
)


class CatalogMetrics(Collector):
    """
    ``catalog_calls_total`` and its like: nothing is done for them but when they are read.
    """

    def __init__(self, registry: CollectorRegistry, catalog: Catalog) -> None:
        self._catalog = catalog
        registry.register(self)

    def collect(self) -> Iterator[Metric]:
        """
        The series as they stand.
        """
        loaders = self._catalog.loaders
        stats = {"inventory": loaders.products.stats(), "pricing": loaders.prices.stats()}
        for name, description, counted in _COUNTED:
            by_upstream = {upstream: counted(one) for upstream, one in stats.items()}
            yield _series(CounterMetricFamily, name, description, by_upstream)
        waiting = {upstream: one.waiting for upstream, one in stats.items()}
        yield _series(GaugeMetricFamily, "catalog_waiting", "Lookups that wait to go out", waiting)
        yield from self._batches()
        yield self._lists()
        yield self._lacks()

    def _batches(self) -> Iterator[Metric]:
        loaders = self._catalog.loaders
        keys = HistogramMetricFamily("catalog_batch_keys", "Keys of one call", labels=("upstream",))
        waits = HistogramMetricFamily(
            "catalog_batch_wait_seconds",
            "How long the first in line had waited when a call went out",
            labels=("upstream",),
        )
        loaders.products.batches.keys.add_to(keys, ("inventory",))
        loaders.prices.batches.keys.add_to(keys, ("pricing",))
        loaders.products.batches.waits_s.add_to(waits, ("inventory",))
        loaders.prices.batches.waits_s.add_to(waits, ("pricing",))
        yield keys
        yield waits

    def _lists(self) -> Metric:
        family = CounterMetricFamily(
            "catalog_lists",
            "Lists and pictures asked for, and calls made for them",
            labels=("list", "counted"),
        )
        loaders = self._catalog.loaders
        counts = {
            "page": (loaders.pages.lookups, loaders.pages.calls),
            "categories": (loaders.categories.lookups, loaders.categories.calls),
            "picture": (loaders.pictures.lookups, loaders.pictures.calls),
        }
        for name, (lookups, calls) in counts.items():
            family.add_metric((name, "lookups"), lookups)
            family.add_metric((name, "calls"), calls)
        return family

    def _lacks(self) -> Metric:
        family = CounterMetricFamily(
            "catalog_lacks",
            "Parts of answers that were missing, or were old",
            labels=("part", "reason", "stale"),
        )
        for (part, reason, is_stale), times in self._catalog.lacks.items():
            family.add_metric((part, reason, str(is_stale).lower()), times)
        return family


def _series(
    kind: type[CounterMetricFamily] | type[GaugeMetricFamily],
    name: str,
    description: str,
    by_upstream: Mapping[str, int],
) -> Metric:
    family = kind(name, description, labels=("upstream",))
    for upstream, number in by_upstream.items():
        family.add_metric((upstream,), number)
    return family
