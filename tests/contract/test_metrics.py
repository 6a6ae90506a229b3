"""
What every service tells Prometheus: bounded, whoever asks what.

All four, as they are: their own servers, their own databases, the gateway in front.
"""

import secrets
from collections.abc import AsyncIterator, Iterable
from pathlib import Path
from typing import Final

import httpx
import pytest
from gateway_app import running, settings_for
from prometheus_client.metrics_core import Metric
from prometheus_client.parser import text_string_to_metric_families
from real_backends import RealBackends, real_backends
from running_identity import GATEWAY

from servicekit.auth.refusals import REASONS

#: How many series one service may have in all: a scrape of them is a page, not a book.
MOST_SERIES: Final = 2500
_METHODS: Final = ("GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "OPTIONS", "BREW", "PROPFIND")


@pytest.fixture
async def backends(tmp_path: Path) -> AsyncIterator[RealBackends]:
    """
    Identity, inventory and pricing.
    """
    async with real_backends(tmp_path) as backends:
        yield backends


@pytest.fixture
async def services(backends: RealBackends) -> AsyncIterator[list[httpx.AsyncClient]]:
    """
    A client of each service, the gateway's first.
    """
    settings = settings_for(
        database_url=backends.gateway_database,
        identity_service_url=backends.identity_url,
        inventory_service_url=backends.inventory_url,
        pricing_service_url=backends.pricing_url,
        service_client_secret=GATEWAY[1],
        takes_orders=True,
        anonymous_scopes=("read", "write"),
    )
    others = (backends.identity_url, backends.inventory_url, backends.pricing_url)
    async with running(settings) as app:
        own = httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://gateway")
        clients = [own, *(httpx.AsyncClient(base_url=url, timeout=30) for url in others)]
        yield clients
        for client in clients:
            await client.aclose()


async def families(client: httpx.AsyncClient) -> list[Metric]:
    """
    What a service tells now.
    """
    answer = await client.get("/metrics")
    return list(text_string_to_metric_families(answer.text))


def series_of(told: Iterable[Metric]) -> set[tuple[str, frozenset[tuple[str, str]]]]:
    """
    Every series by its name and its labels.
    """
    return {
        (sample.name, frozenset(sample.labels.items()))
        for family in told
        for sample in family.samples
    }


async def ask_oddly(client: httpx.AsyncClient) -> str:
    """
    What nobody has asked before: addresses, ids, methods, tokens, codes and names that are made up, of
    what is returned.
    """
    made_up = secrets.token_hex(8)
    paths = [
        f"/{made_up}",
        f"/api/v1/{made_up}/{made_up}",
        f"/api/v1/products/{made_up}",
        f"/api/v1/products?q={made_up}&category={made_up}&page=7",
        f"/api/v1/orders/{made_up}",
        f"/api/v1/prices/{made_up}",
        f"/api/v1/stock/{made_up}",
        f"/users/{made_up}/profile",
        f"/pictures/{made_up}.svg",
        f"/docs/assets/{made_up}",
    ]
    for path in paths:
        await client.get(path)
    for method in (*_METHODS, made_up.upper()):
        await client.request(method, f"/api/v1/products/{made_up}")
    for token in (made_up, f"{made_up}.{made_up}.{made_up}", f"e30.{made_up}.x"):
        await client.get("/api/v1/products", headers={"Authorization": f"Bearer {token}"})
    for kind in (made_up, "password", "client_credentials", "refresh_token"):
        names = {"username": made_up, "client_id": made_up, "refresh_token": made_up}
        secret = {"password": made_up, "client_secret": made_up}
        await client.post("/api/v1/auth/token", data={"grant_type": kind, **names, **secret})
    order = {"items": [{"productId": made_up, "quantity": 1}], "discountCodes": [made_up.upper()]}
    await client.post("/api/v1/orders", json=order)
    good = {"items": [{"productId": "TEST-001", "quantity": 1}], "discountCodes": [made_up.upper()]}
    await client.post("/api/v1/orders", json=good, headers={"X-Service-Name": f"s-{made_up}"})
    return made_up


async def test_no_caller_makes_series(services: list[httpx.AsyncClient]) -> None:
    """
    Whatever is asked, nothing of it is a label: nobody can fill our memory, or Prometheus'.
    """
    made_up = [await ask_oddly(client) for client in services for _ in range(3)]

    for client in services:
        series = series_of(await families(client))

        values = {value.lower() for _, labels in series for _, value in labels}
        assert not [value for value in values if any(name in value for name in made_up)]
        assert len(series) < MOST_SERIES


async def test_every_service_tells_what_dashboards_and_alarms_stand_on(
    services: list[httpx.AsyncClient],
) -> None:
    """
    From the first scrape on, before anything has happened: an increase from nothing is no increase.
    """
    for client in services:
        told = {family.name: family for family in await families(client)}

        assert {
            "http_request_duration_seconds",
            "http_requests_in_progress",
            "service_info",
            "event_loop_lag_seconds",
            "auth_tokens_checked",
            "database_connections_in_use",
            "database_connections_limit",
        } <= told.keys()
        checked = {sample.labels["reason"] for sample in told["auth_tokens_checked"].samples}
        assert checked == {*REASONS, "none"} - {"sign_in_needed"}


async def test_breakers_are_told_before_they_open(services: list[httpx.AsyncClient]) -> None:
    """
    Every upstream's is 0, closed.
    """
    told = {family.name: family for family in await families(services[0])}

    states = {
        sample.labels["upstream"]: sample.value for sample in told["upstream_breaker_state"].samples
    }
    assert states == dict.fromkeys(states, 0.0)
    assert {"identity", "accounts", "inventory", "inventory-orders", "pricing-orders"} <= {*states}
