"""
What a dashboard is made of, without a word of Grafana's: rows of panels, each with what it asks Prometheus.
"""

from dataclasses import dataclass
from typing import Literal

#: How a panel shows what it is told: lines over time, one number, states over time, how many fell where
#: over time, or rows.
Kind = Literal["graph", "number", "states", "heat", "table", "traces"]
Unit = Literal["", "s", "B", "per second", "share", "each"]


@dataclass(frozen=True, slots=True)
class Query:
    """
    One question to Prometheus; ``legend`` names its series by ``{{label}}``.
    """

    expr: str
    legend: str = ""


@dataclass(frozen=True, slots=True)
class Panel:
    """
    One picture. ``says`` is for whoever does not know what to make of it.

    ``limits`` are the values from which it turns yellow and red; the other way round where the first is
    the higher one. ``names`` stand for the numbers of states, from 0 on.
    """

    title: str
    queries: tuple[Query, ...]
    says: str = ""
    unit: Unit = ""
    kind: Kind = "graph"
    #: Of 24.
    width: int = 8
    limits: tuple[float, float] | None = None
    names: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Row:
    """
    Panels that belong together, from left to right, below a heading.
    """

    title: str
    panels: tuple[Panel, ...]


@dataclass(frozen=True, slots=True)
class Dashboard:
    """
    A page; ``name`` is its file's and stands in its address.
    """

    name: str
    title: str
    says: str
    rows: tuple[Row, ...]
    #: Whether the page is of one service at a time, which ``$job`` names in its queries.
    is_by_service: bool = False


def share(part: str, whole: str, *, on: str = "") -> str:
    """
    How much of ``whole`` is ``part``, and nothing rather than a division by zero. ``on`` names the labels
    of ``whole`` where the parts have more.
    """
    matching = f"on ({on}) group_left () " if on else ""
    return f"{part} / {matching}({whole} > 0)"


def quantiles(metric: str, *, where: str = "", by: str = "", of: float = 0.95) -> str:
    """
    The time within which that part of what ``metric`` measures was over.
    """
    labels = f"le, {by}" if by else "le"
    return (
        f"histogram_quantile({of}, "
        f"sum by ({labels}) (rate({metric}_bucket{{{where}}}[$__rate_interval])))"
    )
