"""
Numbers that alarms stand on rise when that happens which they count. The rehearsals of rules are given their
series by hand, and would not notice.
"""

import asyncio
import re
from collections.abc import Mapping
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Final

import httpx
import inventory_app
import running_identity
from fastapi import FastAPI
from gateway_app import running, settings_for
from inventory_app import RESERVATION_S, RunningInventory, running_inventory
from prometheus_client import generate_latest
from prometheus_client.parser import text_string_to_metric_families
from running_identity import running_identity as running_people
from sqlalchemy import create_engine, text

from servicekit.durable.metrics import SagaMetrics
from servicekit.durable.watching import SagaWatch
from servicekit.sagas import Attempt
from servicekit.telemetry import Telemetry
from servicekit.testing import eventually
from servicekit.testing.clock import FakeClock
from servicekit.testing.tokens import TokenIssuer
from tests.contract import observability_files as files
from tests.contract.metric_causes import OF_GATEWAY, OF_IDENTITY, running_shop

#: Others hold these, next to what they count: calls, products, tasks of upkeep, spans. The last two are not ours.
ELSEWHERE: Final = {
    "upstream_call_duration_seconds_count",
    "upstream_retries_total",
    "catalog_lacks_total",
    "catalog_lookups_total",
    "maintenance_runs_total",
    "trace_spans_total",
    "http_request_duration_seconds_count",
    "http_request_duration_seconds_bucket",
    "event_loop_lag_seconds_bucket",
    "process_cpu_seconds_total",
    "otelcol_exporter_send_failed_spans_total",
    "prometheus_rule_evaluation_failures_total",
}


def value_of(metrics: str, name: str, labels: Mapping[str, str]) -> float:
    """
    All that is told under that name, with these labels and any others.
    """
    return sum(
        sample.value
        for family in text_string_to_metric_families(metrics)
        for sample in family.samples
        if sample.name == name and labels.items() <= sample.labels.items()
    )


def scraping(app: FastAPI) -> httpx.AsyncClient:
    """
    Prometheus, which is inside.
    """
    return httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://here")


async def _told(
    client: httpx.AsyncClient, name: str, labels: Mapping[str, str], *, address: str = "/metrics"
) -> float:
    return value_of((await client.get(address)).text, name, labels)


async def test_what_the_gateway_counts_rises() -> None:
    """
    Orders, the time until they are answered, works, tokens and requests: each as it happens.
    """
    still = []

    async with running_shop() as shop, scraping(shop.checkout.app) as client:
        limit = await _told(client, "saga_limit", {})
        for name, labels, happens in OF_GATEWAY:
            before = await _told(client, name, labels)
            await happens(shop)
            if await _told(client, name, labels) <= before:
                still.append((name, labels))

    assert still == []
    assert limit > 0


async def test_what_identity_counts_rises(tmp_path: Path) -> None:
    """
    Who was let in, who was not, and who came with a token that somebody had used.
    """
    url = f"sqlite:///{tmp_path}/identity.db"
    await asyncio.to_thread(running_identity.prepare, url)
    still = []

    async with running_people(running_identity.settings_for(url), FakeClock()) as people:
        for name, labels, happens in OF_IDENTITY:
            before = await _told(people.http, name, labels)
            await happens(people)
            if await _told(people.http, name, labels) <= before:
                still.append((name, labels))

    assert still == []


async def _is_counted(client: httpx.AsyncClient, name: str) -> bool:
    address = str(client.base_url.copy_with(path="/metrics"))
    return await _told(client, name, {}, address=address) > 0


async def test_stock_that_cannot_be_given_back_is_counted(tmp_path: Path) -> None:
    """
    Each time a sweep fails for an order.
    """
    url, clock = f"sqlite:///{tmp_path}/inventory.db", FakeClock()
    await asyncio.to_thread(inventory_app.prepare, url)
    settings = inventory_app.settings_for(url, sweep_interval_seconds=1)
    async with running_inventory(settings, clock) as inventory:
        await _break_stock(inventory, url)
        before = await _is_counted(inventory.public, "stock_sweep_failures_total")

        clock.advance(RESERVATION_S)

        await eventually(
            partial(_is_counted, inventory.public, "stock_sweep_failures_total"), within_s=30
        )
        assert not before


async def _break_stock(inventory: RunningInventory, url: str) -> None:
    """
    Let one order have a reservation that no statement can change.
    """
    await inventory.product("lamp", stock=2)
    assert (await inventory.reserve("o-1", "lamp")).status_code == 201
    engine = create_engine(url)
    with engine.begin() as connection:
        connection.execute(
            text(
                "CREATE TRIGGER stuck BEFORE UPDATE ON stock_reservations"
                " BEGIN SELECT RAISE(ABORT, 'stuck'); END"
            )
        )
    engine.dispose()


async def test_keys_that_cannot_be_had_are_counted() -> None:
    """
    Where identity is away, every failure to fetch its keys.
    """
    async with running(settings_for()) as app, scraping(app) as client:
        await client.get(
            "/api/v1/orders", headers={"Authorization": f"Bearer {TokenIssuer().token()}"}
        )

        await eventually(partial(_is_counted, client, "auth_renewal_failures_total"), within_s=30)


def test_works_that_are_taken_over_are_counted() -> None:
    """
    As many as there are, by why their replica is lost.
    """
    telemetry = Telemetry()
    metrics = SagaMetrics(telemetry, running=float, waiting=float)

    metrics.taken_over("gone", 2)

    told = generate_latest(telemetry.registry).decode()
    assert value_of(told, "saga_takeovers_total", {"why": "gone"}) == 2


def test_an_attempt_that_is_cut_off_is_counted_as_left() -> None:
    """
    It came to nothing that anybody knows, and least of all is it done.
    """
    telemetry = Telemetry()
    watch = SagaWatch(SagaMetrics(telemetry, running=float, waiting=float), None)

    with (
        suppress(asyncio.CancelledError),
        watch.attempt(Attempt("toy", "work-1", "pack", 1, is_undo=False)),
    ):
        raise asyncio.CancelledError

    told = generate_latest(telemetry.registry).decode()
    counted = "saga_attempt_duration_seconds_count"
    assert value_of(told, counted, {}) == value_of(told, counted, {"outcome": "left"}) == 1


def test_every_counter_of_an_alarm_is_seen_to_rise() -> None:
    """
    What a rule asks the increase of stands in one of the tables here, or is known to be held elsewhere.
    """
    asked = {
        name
        for rule in files.rules()
        for name in re.findall(r"(?:increase|rate)\((\w+)", rule.expr)
    }

    seen = {name for name, *_ in (*OF_GATEWAY, *OF_IDENTITY)} | {
        "stock_sweep_failures_total",
        "auth_renewal_failures_total",
        "saga_takeovers_total",
    }
    assert asked - seen - ELSEWHERE == set()
