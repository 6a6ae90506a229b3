"""
Rules, dashboards, alarms and runbooks fit each other, and the shop.
"""

import json
import re
from itertools import combinations
from pathlib import Path
from typing import Final

import pytest
import running_identity
from gateway_app import settings_for

import identity.main
from gateway.main import create_app
from identity.settings import Settings as IdentitySettings
from inventory.settings import Settings as InventorySettings
from pricing.settings import Settings as PricingSettings
from servicekit.metrics.buckets import LATENCY_BUCKETS_S
from servicekit.settings import ServiceSettings
from tests.contract import observability_files as files
from tools.observability import files as made
from tools.observability.boards import ALL

#: What others tell of themselves: Prometheus, and the collector as it is configured here.
OF_OTHERS: Final = {
    "ALERTS",
    "otelcol_exporter_send_failed_spans_total",
    "otelcol_exporter_sent_spans_total",
    "otelcol_receiver_accepted_spans_total",
    "prometheus_rule_evaluation_failures_total",
    "scrape_duration_seconds",
    "up",
}
#: Labels that every series has, that rules give, or that others' series have.
EVERYWHERE: Final = {"job", "instance", "le", "slo", "alertstate", "exporter", "rule_group"}
#: Metrics that no picture is needed of.
NOT_SHOWN: Final = {
    "process_virtual_memory_bytes",
    "python_gc_objects_collected_total",
    "python_gc_objects_uncollectable_total",
    "python_info",
}
SERVICES: Final[dict[str, type[ServiceSettings]]] = {
    "inventory-service": InventorySettings,
    "pricing-service": PricingSettings,
    "identity-service": IdentitySettings,
}


@pytest.fixture(scope="module")
def everything_asked() -> list[files.Asked]:
    """
    All queries of rules and dashboards.
    """
    return [files.asked(where, expr) for where, expr in files.queries()]


def test_every_query_asks_for_what_there_is(everything_asked: list[files.Asked]) -> None:
    """
    Each metric and label of a rule or dashboard is one of ours, or is recorded by a rule.
    """
    known = files.documented()
    recorded = {rule.record for rule in files.rules()}

    strange = []
    for one in everything_asked:
        labels = EVERYWHERE | one.made_labels
        for name, wanted in one.selections:
            base = files.base_of(name, known)
            if base not in known.keys() | recorded | OF_OTHERS:
                strange.append(f"{one.where}: {name}")
            if base in known:
                labels |= known[base].labels
                strange += [
                    f"{one.where}: {name} by {label}"
                    for label, _ in wanted
                    if label not in known[base].labels | EVERYWHERE
                ]
        strange += [f"{one.where}: by {label}" for label in one.labels - labels]

    assert not strange


def test_every_value_that_is_asked_for_can_be_one(everything_asked: list[files.Asked]) -> None:
    """
    An outcome or reason that a query picks stands in its metric's row, so that none is misspelt.
    """
    known = files.documented()

    strange = [
        f"{one.where}: {name}{{{label}={value!r}}}"
        for one in everything_asked
        for name, wanted in one.selections
        if (base := files.base_of(name, known)) in known
        for label, values in wanted
        if label not in EVERYWHERE | {"route"} and not re.fullmatch(r"[0-9.|]+", values)
        for value in values.split("|")
        if value not in known[base].words
    ]

    assert not strange


def test_every_route_that_is_asked_for_is_one(
    everything_asked: list[files.Asked], tmp_path: Path
) -> None:
    """
    What a query says of routes meets one at least: a route that is renamed is not lost from sight.
    """
    signing = running_identity.settings_for(f"sqlite:///{tmp_path}/identity.db")
    apps = (create_app(settings_for()), identity.main.create_app(signing))
    routes = {"(none)", *(getattr(route, "path", "") for app in apps for route in app.routes)}

    strange = [
        f"{one.where}: {pattern}"
        for one in everything_asked
        for _, wanted in one.selections
        for label, patterns in wanted
        if label == "route"
        for pattern in patterns.split("|")
        if not any(re.fullmatch(pattern, re.sub(r":\w+}", "}", route)) for route in routes)
    ]

    assert not strange


def test_every_service_that_is_named_is_looked_at(everything_asked: list[files.Asked]) -> None:
    """
    A query of one service names a job that there is.
    """
    named = {
        name
        for one in everything_asked
        for _, wanted in one.selections
        for label, names in wanted
        if label == "job"
        for name in names.split("|")
    }

    assert named - {".+"} <= {job.job_name for job in files.jobs()}


def test_every_bound_that_is_asked_for_is_a_bucket(everything_asked: list[files.Asked]) -> None:
    """
    A promise of so many seconds can be measured only where a bucket ends.
    """
    bounds = {
        value
        for one in everything_asked
        for _, wanted in one.selections
        for label, value in wanted
        if label == "le"
    }

    assert {float(bound) for bound in bounds} == {0.25, 2.5}
    assert {float(bound) for bound in bounds} <= {*LATENCY_BUCKETS_S}


def test_every_alarm_says_what_to_do() -> None:
    """
    It has a runbook of its name, which says how urgent it is in the same word, and there is no other.
    """
    told = {
        rule.alert: (rule.labels["severity"], rule.annotations["runbook_url"])
        for rule in files.alarms()
    }

    runbooks = {
        heading: (urgency, f"docs/operations.md#{heading.lower()}")
        for heading, urgency in re.findall(
            r"^### (\w+)\n\n\*(\w+)\.\*", files.section("## Alarms"), re.MULTILINE
        )
    }
    assert told == runbooks
    assert {urgency for urgency, _ in told.values()} == {"page", "ticket"}
    for rule in files.alarms():
        assert rule.annotations.keys() == {"summary", "description", "runbook_url"}


def test_every_alarm_is_rehearsed() -> None:
    """
    Promtool sees each fire where it must, and be silent where it must.
    """
    rehearsed = {*files.rehearsals()}

    names = {rule.alert for rule in files.alarms()}
    assert rehearsed == {(name, fires) for name in names for fires in (True, False)}


def test_every_metric_is_shown_or_watched(everything_asked: list[files.Asked]) -> None:
    """
    What is measured can be seen.
    """
    known = files.documented()

    asked = {files.base_of(name, known) for one in everything_asked for name, _ in one.selections}

    assert known.keys() - asked == NOT_SHOWN


def test_dashboards_are_what_their_tables_say() -> None:
    """
    Nobody has to read, or change, Grafana's JSON. Write it anew: python -m tools.observability write
    """
    assert made.stale() == []
    assert {path.stem for path in made.DASHBOARDS.iterdir()} == {board.name for board in ALL}


@pytest.mark.parametrize("name", [board.name for board in ALL])
def test_a_dashboard_can_be_laid_out(name: str) -> None:
    """
    No panel lies on another or beyond the edge, each has a number of its own, and each says its source.
    """
    board = json.loads((made.DASHBOARDS / f"{name}.json").read_text(encoding="utf-8"))

    panels = board["panels"]
    assert len({panel["id"] for panel in panels}) == len(panels)
    places = [{**panel["gridPos"], "title": panel["title"]} for panel in panels]
    assert all(place["x"] + place["w"] <= 24 for place in places)
    for one, other in combinations(places, 2):
        is_beside = one["x"] + one["w"] <= other["x"] or other["x"] + other["w"] <= one["x"]
        is_above = one["y"] + one["h"] <= other["y"] or other["y"] + other["h"] <= one["y"]
        assert is_beside or is_above, (one["title"], other["title"])
    sources = {target["datasource"]["uid"] for p in panels for target in p.get("targets", [])}
    assert {"prometheus"} <= sources <= {"prometheus", "jaeger"}


def test_prometheus_looks_where_services_listen() -> None:
    """
    Each is scraped by its own name at its own port, and expected to be there.
    """
    expected = {
        (name, kind.model_fields["service_port"].default) for name, kind in SERVICES.items()
    } | {("api-gateway", settings_for().service_port)}

    found = {(job.job_name, place.port) for job in files.jobs() for place in job.dns_sd_configs}
    assert found == expected
    awaited = {rule.labels["job"] for rule in files.rules() if rule.record == "service:expected"}
    assert awaited == {name for name, _ in expected}


def test_those_who_watch_find_each_other() -> None:
    """
    The collector hands on to where Jaeger listens, Prometheus looks where the collector tells, and
    Grafana's sources are containers of the profile, by the names that panels use.
    """
    sources = files.text("grafana/provisioning/datasources/storefront.yaml")
    collector, jaeger = files.text("collector.yaml"), files.text("jaeger.yaml")

    assert {*re.findall(r"uid: (\w+)", sources)} == {"prometheus", "jaeger"}
    assert re.findall(r"http://([a-z-]+:\d+)", sources) == ["prometheus:9090", "jaeger:16686"]
    assert re.findall(r"endpoint: http://(\S+)", collector) == ["jaeger:4318"]
    assert {'"0.0.0.0:4318"', '"0.0.0.0:16686"'} <= {*re.findall(r'"[^"]+"', jaeger)}
    assert "host: 0.0.0.0, port: 8888" in collector
    assert "otel-collector:8888" in files.text("prometheus/prometheus.yml")
    assert {"prometheus", "jaeger", "otel-collector"} <= files.containers().keys()


def test_memory_is_told_of_before_it_is_gone() -> None:
    """
    The alarm comes well above what a service needs, and well below where it is killed.
    """
    budgets = {
        rule.labels["job"]: int(re.findall(r"vector\((\d+) \* 1024 \* 1024\)", rule.expr)[0])
        for rule in files.rules()
        if rule.record == "service:memory_budget:bytes"
    }

    assert budgets.keys() == {*SERVICES, "api-gateway"}
    for service, mib in budgets.items():
        assert 0.7 < mib / files.memory_mib(service) < 0.85, service


def test_what_looks_at_the_shop_is_guarded_too() -> None:
    """
    Each container is pinned, read-only, without capabilities and bounded, published to this machine only,
    and started only when asked for.
    """
    for name, container in files.containers().items():
        assert container.profiles == ["observability"], name
        assert re.fullmatch(r"[a-z/-]+:v?\d+\.\d+\.\d+", container.image), name
        assert container.read_only, name
        assert container.cap_drop == ["ALL"], name
        assert container.security_opt == ["no-new-privileges:true"], name
        assert not container.user.startswith(("0", "root")), name
        assert all(port.startswith("127.0.0.1:") for port in container.ports), name
        # A disabled one would make `up --wait` fail; the collector's image has nothing to ask with.
        assert (container.healthcheck is None) == (name == "otel-collector"), name
        assert "disable" not in (container.healthcheck or {}), name
        secret = {key for key in container.environment if re.search("PASSWORD|SECRET|TOKEN", key)}
        assert secret <= {"GF_SECURITY_ADMIN_PASSWORD__FILE"}, name
