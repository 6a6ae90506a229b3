"""
Holds each object to Kubernetes' own schema of one version, strictly: no field that it does not know.
"""

import json
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Final

import jsonschema_rs
from pydantic import JsonValue

from tools.k8s_check.manifests import Manifest
from tools.k8s_check.shop import Finding, Shop

VERSION: Final = "1.37"
_FOLDER: Final = Path(__file__).parent
#: What an API server reads as an amount; the schema allows any text.
_QUANTITY: Final = r"^[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([KMGTPE]i|[numkMGTPE]|[eE][+-]?[0-9]+)?$"
_QUANTITY_NAME: Final = "io.k8s.apimachinery.pkg.api.resource.Quantity"


def check(shop: Shop) -> Iterator[Finding]:
    """
    What the schemas say against an overlay's objects.
    """
    for manifest in shop.manifests.all:
        yield from _check(manifest)


def _check(manifest: Manifest) -> Iterator[Finding]:
    key = f"{manifest.node['apiVersion'].text}/{manifest.kind}"
    name = _kinds().get(key)
    if name is None:
        yield Finding(str(manifest), f"no schema of Kubernetes {VERSION} is kept for {key}")
        return
    for error in _validator(name).iter_errors(manifest.node.value):
        path = ".".join(str(each) for each in error.instance_path) or "it"
        yield Finding(str(manifest), f"{path}: {error.message}")


@cache
def _definitions() -> dict[str, JsonValue]:
    definitions: dict[str, JsonValue] = {}
    for file in sorted(_FOLDER.glob("*.json")):
        definitions |= json.loads(file.read_text(encoding="utf-8"))["$defs"]
    definitions[_QUANTITY_NAME] = {"type": ["string", "integer", "number"], "pattern": _QUANTITY}
    return definitions


@cache
def _kinds() -> dict[str, str]:
    """
    Definitions by API version and kind, which each of them pins itself.
    """
    found: dict[str, str] = {}
    for name, schema in _definitions().items():
        properties = schema.get("properties") if isinstance(schema, dict) else None
        if isinstance(properties, dict) and {"apiVersion", "kind"} <= properties.keys():
            versions, kinds = (_only(properties[key]) for key in ("apiVersion", "kind"))
            if versions and kinds:
                found[f"{versions}/{kinds}"] = name
    return found


def _only(schema: JsonValue) -> str:
    allowed = schema.get("enum") if isinstance(schema, dict) else None
    return str(allowed[0]) if isinstance(allowed, list) and len(allowed) == 1 else ""


@cache
def _validator(name: str) -> jsonschema_rs.Validator:
    return jsonschema_rs.validator_for({"$ref": f"#/$defs/{name}", "$defs": _definitions()})
