"""
What stands in ``observability/`` and in docs/operations.md, as tests read it: alarms and their tests, what
dashboards and rules ask Prometheus, and the tables of metrics.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import promql_parser
import yaml
from pydantic import BaseModel

from tools.observability.boards import ALL

ROOT: Final = Path(__file__).resolve().parents[2]
FOLDER: Final = ROOT / "observability"
_SUFFIXES: Final = ("_bucket", "_count", "_sum")
_BACKTICKED: Final = re.compile(r"`([^`]+)`")
_NAMED: Final = re.compile(r"`([a-z_]+)(?:\{([a-z_,]+)\})?`")


class Rule(BaseModel):
    """
    One rule: an alarm, or a value that is recorded.
    """

    alert: str = ""
    record: str = ""
    expr: str
    labels: dict[str, str] = {}
    annotations: dict[str, str] = {}


class _Group(BaseModel):
    rules: list[Rule]


class _Rules(BaseModel):
    groups: list[_Group]


class _Expected(BaseModel):
    alertname: str
    exp_alerts: list[object] = []


class _Rehearsal(BaseModel):
    alert_rule_test: list[_Expected] = []


class _Rehearsals(BaseModel):
    tests: list[_Rehearsal]


class Place(BaseModel):
    """
    Where Prometheus finds the replicas of a service.
    """

    names: list[str]
    port: int


class Job(BaseModel):
    """
    What Prometheus looks at under one name.
    """

    job_name: str
    dns_sd_configs: list[Place] = []


class _Prometheus(BaseModel):
    scrape_configs: list[Job]


class Container(BaseModel):
    """
    One of the containers that look at the shop, by what guards it.
    """

    image: str
    user: str
    profiles: list[str]
    read_only: bool
    cap_drop: list[str]
    security_opt: list[str]
    mem_limit: str
    cpus: float
    pids_limit: int
    healthcheck: dict[str, object] | None = None
    ports: list[str] = []
    environment: dict[str, str] = {}


class _Compose(BaseModel):
    services: dict[str, Container]


@dataclass(frozen=True, slots=True)
class Documented:
    """
    A metric's row in docs/operations.md: its labels, and all that its row says in code.
    """

    labels: frozenset[str]
    words: frozenset[str]


@dataclass(frozen=True, slots=True)
class Asked:
    """
    What one query names: metrics, each with what it wants of labels, and labels beside.
    """

    where: str
    selections: tuple[tuple[str, tuple[tuple[str, str], ...]], ...]
    labels: frozenset[str]
    made_labels: frozenset[str]


def rules() -> list[Rule]:
    """
    Every rule, in the order of the files.
    """
    read = [_Rules.model_validate(_yaml(path)) for path in _prometheus_files("rules")]
    return [rule for file in read for group in file.groups for rule in group.rules]


def alarms() -> list[Rule]:
    """
    Those of the rules that alarm.
    """
    return [rule for rule in rules() if rule.alert]


def rehearsals() -> Iterator[tuple[str, bool]]:
    """
    What promtool is to find: an alarm's name, and whether it fires.
    """
    for path in _prometheus_files("tests"):
        for test in _Rehearsals.model_validate(_yaml(path)).tests:
            for expected in test.alert_rule_test:
                yield expected.alertname, bool(expected.exp_alerts)


def jobs() -> list[Job]:
    """
    What Prometheus looks at.
    """
    read = _yaml(FOLDER / "prometheus" / "prometheus.yml")
    return _Prometheus.model_validate(read).scrape_configs


def containers() -> dict[str, Container]:
    """
    The containers of the profile, by their names.
    """
    return _Compose.model_validate(_yaml(FOLDER / "compose.yaml")).services


def text(name: str) -> str:
    """
    A file of the folder, as it stands.
    """
    return (FOLDER / name).read_text(encoding="utf-8")


def memory_mib(service: str) -> int:
    """
    What a service may use at most, in Compose or in Kubernetes, whichever is less.
    """
    compose = (ROOT / "docker-compose.yml").read_text(encoding="utf-8")
    shared = compose.partition("x-service: &service")[2].partition("\n\n")[0]
    pod = (ROOT / "k8s" / "base" / service / "deployment.yaml").read_text(encoding="utf-8")
    bounds = (
        *re.findall(r"mem_limit: (\d+)m", shared),
        *re.findall(r"limits: .*memory: (\d+)Mi", pod),
    )
    assert len(bounds) == 2, bounds
    return min(map(int, bounds))


def queries() -> Iterator[tuple[str, str]]:
    """
    Where a query stands, and the query, in rules and dashboards.
    """
    for rule in rules():
        yield rule.alert or rule.record, rule.expr
    for board in ALL:
        for row in board.rows:
            for panel in row.panels:
                if panel.kind != "traces":
                    for query in panel.queries:
                        yield f"{board.title}, {panel.title}", _filled_in(query.expr)


def asked(where: str, expr: str) -> Asked:
    """
    What the query names; raises ValueError with the place where it is no PromQL.
    """
    selections: list[tuple[str, tuple[tuple[str, str], ...]]] = []
    labels: set[str] = set()
    made: set[str] = set()

    def look(node: promql_parser.Expr) -> bool:
        if isinstance(node, promql_parser.VectorSelector):
            wanted = tuple((one.name, one.value) for one in node.matchers.matchers)
            selections.append((node.name or "", wanted))
        elif isinstance(node, promql_parser.AggregateExpr) and node.modifier:
            labels.update(node.modifier.labels)
        elif isinstance(node, promql_parser.BinaryExpr) and node.modifier:
            if node.modifier.matching:
                labels.update(node.modifier.matching.labels)
        elif isinstance(node, promql_parser.Call) and node.func.name == "label_replace":
            target, _, source, _ = (str(one).strip('"') for one in node.args[1:])
            made.add(target)
            labels.add(source)
        return True

    try:
        promql_parser.walk(promql_parser.parse(expr), look)
    except ValueError as error:
        raise ValueError(f"{where}: {error}: {expr}") from None
    return Asked(where, tuple(selections), frozenset(labels), frozenset(made))


def documented() -> dict[str, Documented]:
    """
    The metrics by their names, as the tables under "Metrics" name them.
    """
    found: dict[str, Documented] = {}
    for line in section("### Metrics").splitlines():
        cells = line.split("|")
        names = _NAMED.findall(cells[1]) if len(cells) > 3 else []
        for name, labels in names:
            assert name not in found, f"{name} stands twice"
            words = frozenset(_BACKTICKED.findall(cells[2]))
            found[name] = Documented(frozenset(filter(None, labels.split(","))), words)
    return found


def base_of(name: str, known: Mapping[str, object]) -> str:
    """
    The metric to which a series of this name belongs, such as a histogram to its ``_bucket``.
    """
    for suffix in _SUFFIXES:
        if name.endswith(suffix) and name.removesuffix(suffix) in known:
            return name.removesuffix(suffix)
    return name


def section(heading: str) -> str:
    """
    What stands in docs/operations.md below that heading, up to the next of its kind.
    """
    text = (ROOT / "docs" / "operations.md").read_text(encoding="utf-8")
    _, _, rest = text.partition(f"\n{heading}\n")
    level = heading.split(" ", 1)[0]
    return re.split(rf"^#{{2,{len(level)}}} ", rest, maxsplit=1, flags=re.MULTILINE)[0]


def _filled_in(expr: str) -> str:
    return expr.replace("$__rate_interval", "5m").replace("$job", ".+")


def _prometheus_files(folder: str) -> list[Path]:
    return sorted((FOLDER / "prometheus" / folder).glob("*.yml"))


def _yaml(path: Path) -> object:
    read: object = yaml.safe_load(path.read_text(encoding="utf-8"))
    return read
