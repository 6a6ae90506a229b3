"""
What stands in two places says the same in both: alert rules, the communication table, the secrets of production.
"""

import re

from tests.e2e.processes import ROOT
from tools.k8s_check.manifests import Node, read
from tools.k8s_check.prometheus_rules import TARGET, made
from tools.k8s_check.rendering import FOLDER, expected_secrets
from tools.k8s_check.services import CALLS, STORES, Way

OPERATIONS = (ROOT / "docs" / "operations.md").read_text(encoding="utf-8")


def rows(heading: str) -> list[list[str]]:
    """
    The cells of the first table below a heading, without its head.
    """
    _, _, section = OPERATIONS.partition(f"\n{heading}\n")
    table = re.search(r"(?:^\|.*\n)+", section, flags=re.MULTILINE)
    assert table is not None, heading
    lines = table[0].splitlines()[2:]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]


def test_alert_rules_in_the_cluster_are_prometheus_own() -> None:
    """
    The component's PrometheusRules are what `python -m tools.k8s_check.prometheus_rules` makes of the files.
    """
    assert TARGET.read_text(encoding="utf-8") == made()


def test_the_cluster_drops_the_series_that_prometheus_own_file_drops() -> None:
    """
    The ServiceMonitor and prometheus.yml leave the same out.
    """
    (settings,) = read((ROOT / "observability/prometheus/prometheus.yml").read_text("utf-8"))
    (monitor,) = read((FOLDER / "components/monitoring/service-monitor.yaml").read_text("utf-8"))

    own = {
        (rule["regex"].text, rule["action"].text)
        for job in Node(settings)["scrape_configs"]
        for rule in job["metric_relabel_configs"]
    }
    clusters = {
        (rule["regex"].text, rule["action"].text)
        for endpoint in Node(monitor).at("spec", "endpoints")
        for rule in endpoint["metricRelabelings"]
    }

    assert own == clusters == {(".+_created", "drop")}


def test_the_communication_table_is_the_one_that_is_checked() -> None:
    """
    docs/operations.md tells the ways that the policies are held to, and no others.
    """
    told = {
        Way("*" if caller.startswith("the world") else caller, callee, int(port))
        for caller, callee, port, _ in rows("### Who speaks to whom")
    }

    assert told == CALLS | STORES


def test_the_secrets_of_production_are_told() -> None:
    """
    Whoever reads docs/operations.md makes the Secrets that the overlay expects, with all their keys.
    """
    told = {
        name.strip("`"): frozenset(re.findall(r"`([^`]+)`", keys))
        for name, keys, _ in rows("### What production must have before")
    }

    assert told == expected_secrets(FOLDER / "overlays" / "production")
