"""
What Prometheus is told of bearer tokens: how many were good, and why others were not.
"""

from collections.abc import Iterator

from prometheus_client import CollectorRegistry
from prometheus_client.metrics_core import CounterMetricFamily, Metric
from prometheus_client.registry import Collector

from servicekit.auth.refusals import REASONS
from servicekit.errors import AuthError, StorefrontError


class TokenMetrics(Collector):
    """
    Counts tokens by what came of them. Requests without a token are nobody's business here.

    A collector of its own, since every request with a token passes here.
    """

    def __init__(self, registry: CollectorRegistry) -> None:
        self.verified = 0
        self._unavailable = 0
        # From the first scrape on, or the first refusal of a kind would be no increase. Who must sign in
        # has no token.
        self._refused = {reason: 0 for reason in REASONS if reason != "sign_in_needed"}
        registry.register(self)

    def failed(self, error: StorefrontError) -> None:
        """
        A token was refused, or could not be looked at.
        """
        if isinstance(error, AuthError) and error.reason in self._refused:
            self._refused[error.reason] += 1
        else:
            self._unavailable += 1

    def collect(self) -> Iterator[Metric]:
        """
        What was counted so far, for a scrape.
        """
        family = CounterMetricFamily(
            "auth_tokens_checked",
            "Bearer tokens by what came of them",
            labels=("outcome", "reason"),
        )
        family.add_metric(("verified", "none"), self.verified)
        family.add_metric(("unavailable", "none"), self._unavailable)
        for reason, times in self._refused.items():
            family.add_metric(("refused", reason), times)
        yield family
