"""
The manifests as kubectl builds them, and copies of them that are broken in one place.
"""

import copy
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Final

import pytest
from pydantic import JsonValue

from tools.k8s_check.checking import check
from tools.k8s_check.manifests import Manifests, read
from tools.k8s_check.rendering import FOLDER, builder, expected_secrets, render_copy
from tools.k8s_check.shop import Shop

GONE: Final = object()


@dataclass(frozen=True, slots=True)
class Change:
    """
    One value of one object that is another, or ``GONE``; the path's parts stand between slashes, and ~ for a slash.
    """

    of: str
    path: str
    to: object


@cache
def rendered(overlay: str) -> str:
    """
    An overlay's YAML. Where nothing can build it the test is skipped; `make k8s-check` is what fails there.
    """
    if builder() is None:
        pytest.skip("neither kubectl nor kustomize is here")
    return render_copy(overlay)


@cache
def _documents(overlay: str) -> list[dict[str, JsonValue]]:
    return read(rendered(overlay))


def findings(overlay: str, *changes: Change) -> list[str]:
    """
    What is said of an overlay after these changes.
    """
    documents = copy.deepcopy(_documents(overlay))
    for change in changes:
        _apply(documents, change)
    expected = expected_secrets(FOLDER / "overlays" / overlay)
    return [str(each) for each in check(Shop(Manifests(documents), expected))]


def _apply(documents: list[dict[str, JsonValue]], change: Change) -> None:
    kind, name = change.of.split()
    (document,) = (
        each
        for each in documents
        if each["kind"] == kind and _metadata(each)["name"].__str__().startswith(name)
    )
    if change.path == "":
        documents.remove(document)
        return
    _set(document, [part.replace("~", "/") for part in change.path.split("/")], change.to)


def _metadata(document: dict[str, JsonValue]) -> dict[str, JsonValue]:
    metadata = document["metadata"]
    assert isinstance(metadata, dict)
    return metadata


def _set(value: JsonValue, path: Sequence[str], to: object) -> None:
    first, *rest = path
    if isinstance(value, list):
        if rest:
            _set(value[int(first)], rest, to)
        elif to is GONE:
            del value[int(first)]
        else:
            value[int(first)] = to  # type: ignore[call-overload]  # a table of any JSON
        return
    assert isinstance(value, dict), path
    if rest:
        _set(value.setdefault(first, {}), rest, to)
    elif to is GONE:
        del value[first]
    else:
        value[first] = to  # type: ignore[assignment]  # a table of any JSON
