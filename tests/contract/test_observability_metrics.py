"""
What services tell Prometheus is what docs/operations.md says they do: the ground that rules and
dashboards stand on.
"""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import httpx
import pricing_app
from fastapi import FastAPI
from gateway_app import running, settings_for
from prometheus_client.parser import text_string_to_metric_families
from real_backends import real_backends
from running_identity import GATEWAY, PASSWORDS

import pricing.main
from tests.contract import observability_files as files

#: Nothing happens here that would give these a series, so that their labels do not show. Tests of their own
#: see them counted.
WITHOUT_SERIES: Final = {
    "catalog_lacks_total",
    "price_cache_lookups_total",
    "upstream_breaker_transitions_total",
    "upstream_retries_total",
}
#: By these an alarm asks only whether there is any traffic at all.
OF_TRAFFIC: Final = {"upstream_call_duration_seconds"}


async def told(client: httpx.AsyncClient) -> dict[str, frozenset[str] | None]:
    """
    What a service tells: the labels by the metrics' names, None where there is no series yet.
    """
    found: dict[str, frozenset[str] | None] = {}
    for family in text_string_to_metric_families((await client.get("/metrics")).text):
        if not family.name.endswith("_created"):
            name = f"{family.name}_total" if family.type == "counter" else family.name
            labels = [{*sample.labels} - {"le"} for sample in family.samples]
            found[name] = frozenset.union(*map(frozenset, labels)) if labels else None
    return found


def called(app: FastAPI) -> httpx.AsyncClient:
    """
    A client of an application in this process.
    """
    return httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://here")


async def use(gateway: httpx.AsyncClient) -> None:
    """
    Look around, sign in, fail to, order, cancel, and order what is not to be had.
    """
    for path in ("/health", "/api/v1/products?size=5", "/api/v1/products/TEST-001"):
        (await gateway.get(path)).raise_for_status()
    for password in (PASSWORDS["shopper"], "wrong"):
        form = {"grant_type": "password", "username": "shopper", "password": password}
        answer = await gateway.post("/api/v1/auth/token", data=form)
        assert answer.status_code in {200, 401}
    for quantity, status in ((1, 201), (1_000_000, 409)):
        order = {"items": [{"productId": "TEST-001", "quantity": quantity}]}
        answer = await gateway.post("/api/v1/orders", json=order)
        assert answer.status_code == status, answer.text
        if status == 201:
            (
                await gateway.post(f"/api/v1/orders/{answer.json()['orderId']}/cancel")
            ).raise_for_status()


async def metrics_of_all(folder: Path, *, is_used: bool) -> Mapping[str, frozenset[str] | None]:
    """
    What there is to be seen of the whole shop, with Redis and traces configured.
    """
    found: dict[str, frozenset[str] | None] = {}
    async with real_backends(folder) as backends:
        urls = (backends.identity_url, backends.inventory_url, backends.pricing_url)
        settings = settings_for(
            database_url=backends.gateway_database,
            identity_service_url=urls[0],
            inventory_service_url=urls[1],
            pricing_service_url=urls[2],
            service_client_secret=GATEWAY[1],
            takes_orders=True,
            anonymous_scopes=("read", "write"),
            # Nobody listens there, and nobody waits for it.
            otel_exporter_otlp_endpoint="http://127.0.0.1:9",
        )
        with_redis = pricing.main.create_app(
            pricing_app.settings_for(
                f"sqlite:///{folder}/none.db", redis_url="redis://127.0.0.1:9/0"
            )
        )
        async with running(settings) as app, called(app) as gateway:
            if is_used:
                await use(gateway)
            unused = called(with_redis)
            clients = [gateway, unused, *(httpx.AsyncClient(base_url=u, timeout=30) for u in urls)]
            for client in clients:
                # That one is not started: nobody would close the connection by which it looks.
                if is_used and client is not unused:
                    await client.get("/health")
                for name, labels in (await told(client)).items():
                    found[name] = found.get(name) or labels
                await client.aclose()
    return found


async def test_every_metric_is_documented_as_it_is(tmp_path: Path) -> None:
    """
    The tables in docs/operations.md have every metric of every service, with its labels, and no other.
    """
    found = await metrics_of_all(tmp_path, is_used=True)

    documented = files.documented()
    assert {*found} == {*documented}
    wrong = {
        name for name, labels in found.items() if labels not in {None, documented[name].labels}
    }
    assert not wrong
    silent = {name for name, labels in found.items() if labels is None}
    assert silent <= WITHOUT_SERIES


async def test_what_alarms_count_is_told_before_it_happens(tmp_path: Path) -> None:
    """
    A counter that an alarm waits to increase stands there from the first scrape on: the first failure
    after a start would be no increase otherwise, and most failures are the first.
    """
    found = await metrics_of_all(tmp_path, is_used=False)

    known = files.documented()
    counted = {
        files.base_of(name, known)
        for rule in files.alarms()
        for name in re.findall(r"increase\((\w+)", rule.expr)
    }
    missing = {name for name in counted & known.keys() if found[name] is None}
    assert counted & known.keys() > OF_TRAFFIC
    assert missing <= OF_TRAFFIC


def test_the_tables_of_metrics_are_read_whole() -> None:
    """
    No row under "Metrics" escapes those who compare: each names a metric in its first column.
    """
    rows = [line for line in files.section("### Metrics").splitlines() if line.startswith("| `")]

    names = [name for row in rows for name in re.findall(r"`(\w+)", row.split("|")[1])]

    assert sorted(names) == sorted(files.documented())
