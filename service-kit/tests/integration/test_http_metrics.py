"""
What is told of outgoing calls: in metrics, in the log and in ``/health``.
"""

from collections.abc import Iterator

import httpx
import pytest
import structlog
from prometheus_client import CollectorRegistry
from structlog.typing import EventDict

from servicekit.errors import CircuitOpen, OutcomeUnknown, UpstreamFailed
from servicekit.http import Policy, ServiceClient
from servicekit.http.metrics import UpstreamMetrics, breaker_details
from servicekit.testing import FakeClock

POLICY = Policy(breaker_threshold=2, breaker_open_for_s=60, max_attempts=2)


class Upstream(httpx.AsyncBaseTransport):
    """
    A network on which every call is answered by one status.
    """

    status = 200

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """
        Answer.
        """
        return httpx.Response(self.status, content=b"{}", request=request)


@pytest.fixture
def upstream() -> Upstream:
    """
    The other end.
    """
    return Upstream()


@pytest.fixture
def registry() -> CollectorRegistry:
    """
    Where the metrics go.
    """
    return CollectorRegistry()


@pytest.fixture
def client(upstream: Upstream, registry: CollectorRegistry, clock: FakeClock) -> ServiceClient:
    """
    A client that is measured.
    """

    async def no_pause(_seconds: float) -> None: ...

    return ServiceClient(
        "stock",
        "http://stock",
        caller="test",
        policy=POLICY,
        observer=UpstreamMetrics(registry),
        network=upstream,
        clock=clock.monotonic,
        sleep=no_pause,
    )


@pytest.fixture
def events() -> Iterator[list[EventDict]]:
    """
    What is logged.
    """
    with structlog.testing.capture_logs() as captured:
        yield captured


def value(registry: CollectorRegistry, name: str, **labels: str) -> float | None:
    """
    One sample of the metrics.
    """
    return registry.get_sample_value(name, {"upstream": "stock", **labels})


async def test_calls_are_counted_by_outcome(
    client: ServiceClient, upstream: Upstream, registry: CollectorRegistry
) -> None:
    """
    Each call is one observation, under how it ended; none is left in progress.
    """
    await client.get("/a")
    upstream.status = 500
    with pytest.raises(OutcomeUnknown):
        await client.post("/a")

    count = "upstream_call_duration_seconds_count"
    assert value(registry, count, method="GET", outcome="ok") == 1
    assert value(registry, count, method="POST", outcome="unknown") == 1
    assert value(registry, "upstream_calls_in_progress") == 0


async def test_an_opened_breaker_shows_everywhere(
    client: ServiceClient, upstream: Upstream, registry: CollectorRegistry, events: list[EventDict]
) -> None:
    """
    State, change and reason are in the metrics, in the log and in what ``/health`` tells.
    """
    upstream.status = 503
    with pytest.raises(UpstreamFailed):
        await client.get("/a")
    with pytest.raises(CircuitOpen):
        await client.get("/a")

    assert value(registry, "upstream_breaker_state") == 2
    assert value(registry, "upstream_breaker_transitions_total", to="open") == 1
    assert value(registry, "upstream_retries_total") == 1
    (opened,) = [event for event in events if event["event"] == "breaker.open"]
    assert (opened["upstream"], opened["log_level"]) == ("stock", "warning")
    assert "status 503" in opened["reason"]
    told = breaker_details([client])()
    assert isinstance(told, dict)
    assert told["stock"] == {
        "state": "open",
        "inStateForSeconds": 0.0,
        "transitions": 1,
        "lastOpenedBecause": opened["reason"],
        "retryAfterSeconds": 60.0,
    }


async def test_a_closed_breaker_shows_too(
    client: ServiceClient, upstream: Upstream, registry: CollectorRegistry, clock: FakeClock
) -> None:
    """
    When the upstream is back, the state goes back by way of half open.
    """
    upstream.status = 503
    with pytest.raises(UpstreamFailed):
        await client.get("/a")
    clock.advance(61)
    upstream.status = 200
    for _ in range(3):
        await client.get("/a")

    assert value(registry, "upstream_breaker_state") == 0
    assert value(registry, "upstream_breaker_transitions_total", to="half_open") == 1
    assert value(registry, "upstream_breaker_transitions_total", to="closed") == 1
