"""
``python -m tools.k8s_check.prometheus_rules`` makes the component's PrometheusRules of the files that Prometheus itself reads.

One file below ``observability/prometheus/rules/`` is one object. Kustomize may not read them where they are; a test
holds the two together.
"""

import sys
from pathlib import Path
from typing import Final

import yaml
from pydantic import JsonValue

from tools.k8s_check.manifests import read
from tools.k8s_check.rendering import FOLDER

SOURCES: Final = FOLDER.parent / "observability" / "prometheus" / "rules"
TARGET: Final = FOLDER / "components" / "monitoring" / "rules.yaml"
_HEAD: Final = "# Made of observability/prometheus/rules by `python -m tools.k8s_check.prometheus_rules`; change those.\n"


def made(sources: Path = SOURCES) -> str:
    """
    The text of the component's file.
    """
    documents = [_document(file) for file in sorted(sources.glob("*.yml"))]
    text: str = yaml.safe_dump_all(
        documents, sort_keys=False, width=120, allow_unicode=True, explicit_start=True
    )
    return _HEAD + text


def _document(file: Path) -> dict[str, JsonValue]:
    (rules,) = read(file.read_text(encoding="utf-8"))
    return {
        "apiVersion": "monitoring.coreos.com/v1",
        "kind": "PrometheusRule",
        "metadata": {"name": f"storefront-{file.stem}"},
        "spec": rules,
    }


def main() -> int:
    """
    Write the file; returns the exit code.
    """
    TARGET.write_text(made(), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
