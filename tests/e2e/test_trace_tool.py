"""
``make trace`` with the real services: one order's trace, whole, and nothing left behind.
"""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tests.e2e.processes import PATIENCE_S, ROOT

SERVICES = {"api-gateway", "identity-service", "inventory-service", "pricing-service"}


def test_one_order_is_one_trace_through_all_services(tmp_path: Path) -> None:
    """
    The gateway's request, every step of the saga, the other side of each of its calls, and identity where it
    was asked; the shop that was made for it is gone afterwards.
    """
    ran = subprocess.run(
        [sys.executable, "-m", "tools.trace", "--json"],
        cwd=ROOT,
        # Whatever a shell samples, and wherever it sends its traces, is not the tool's business.
        env={**os.environ, "TMPDIR": str(tmp_path), "OTEL_TRACES_SAMPLER_ARG": "0"},
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=False,
    )

    assert ran.returncode == 0, ran.stderr
    told = json.loads(ran.stdout)
    assert (told["status"], told["isWhole"]) == ("CONFIRMED", True)
    (trace,) = told["traces"]
    spans = list(below(trace["roots"]))
    (root,) = trace["roots"]
    assert root["name"] == "POST /api/v1/orders"
    assert {span["service"] for span in spans} == SERVICES
    assert steps(root) == {
        "reserve-stock": ("done", "inventory-service", "POST /api/v1/stock/reservations"),
        "quote-price": ("done", "pricing-service", "POST /api/v1/prices/quote"),
        "commit-stock": ("done", "inventory-service", "POST /api/v1/stock/commit"),
    }
    assert "/auth/token" in " ".join(span["name"] for span in spans)
    assert list(tmp_path.iterdir()) == []


def below(spans: list[Any]) -> Iterator[Any]:
    """
    Spans, and all that stand below them.
    """
    for span in spans:
        yield span
        yield from below(span["children"])


def steps(root: Any) -> dict[str, tuple[str, str, str]]:  # noqa: ANN401 - JSON
    """
    Of each step that was done its outcome, and who was asked for what; on a busy machine, at the last attempt.
    """
    found = {}
    carried = [one for one in root["children"] if one["name"] == "place-order"]
    for step in (step for saga in carried for step in saga["children"]):
        outcome = step["facts"].get("saga.outcome")
        if outcome == "done":
            asked = [one for one in below([step]) if one["name"].startswith("POST /api/v1")]
            found[step["name"]] = (outcome, asked[-1]["service"], asked[-1]["name"])
    return found
