"""
An overlay's objects, read without knowing their form: what is missing is empty, and never an error.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import yaml
from pydantic import JsonValue, TypeAdapter

#: The one in C is ten times faster, and not everywhere.
_LOADER: Final = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_DOCUMENTS: Final = TypeAdapter(list[dict[str, JsonValue]])


class Node:
    """
    A value somewhere in a manifest.
    """

    __slots__ = ("value",)

    def __init__(self, value: JsonValue) -> None:
        self.value = value

    def __getitem__(self, key: str) -> "Node":
        return Node(self.value.get(key) if isinstance(self.value, dict) else None)

    def __iter__(self) -> Iterator["Node"]:
        return iter([Node(each) for each in self.value] if isinstance(self.value, list) else ())

    def __bool__(self) -> bool:
        return self.value is not None

    def at(self, *path: str) -> "Node":
        """
        What stands behind these keys, one after another.
        """
        node = self
        for key in path:
            node = node[key]
        return node

    def keys(self) -> tuple[str, ...]:
        """
        The keys of an object.
        """
        return tuple(self.value) if isinstance(self.value, dict) else ()

    @property
    def text(self) -> str:
        """
        A scalar as it would be written.
        """
        return "" if self.value is None else str(self.value)

    @property
    def number(self) -> int | None:
        """
        A whole number, where it is one.
        """
        is_number = isinstance(self.value, int) and not isinstance(self.value, bool)
        return int(self.text) if is_number else None

    @property
    def texts(self) -> Mapping[str, str]:
        """
        An object of scalars, such as labels.
        """
        return {key: self[key].text for key in self.keys()}


@dataclass(frozen=True, slots=True)
class Manifest:
    """
    One object.
    """

    node: Node

    @property
    def kind(self) -> str:
        """
        Such as ``Deployment``.
        """
        return self.node["kind"].text

    @property
    def name(self) -> str:
        """
        Its name.
        """
        return self.node.at("metadata", "name").text

    @property
    def namespace(self) -> str:
        """
        Where it lives; empty for what lives in none.
        """
        return self.node.at("metadata", "namespace").text

    @property
    def labels(self) -> Mapping[str, str]:
        """
        Its own labels.
        """
        return self.node.at("metadata", "labels").texts

    @property
    def spec(self) -> Node:
        """
        What is asked for.
        """
        return self.node["spec"]

    def __str__(self) -> str:
        return f"{self.kind} {self.name}"


class Manifests:
    """
    All objects of an overlay.
    """

    def __init__(self, documents: Sequence[Mapping[str, JsonValue]]) -> None:
        self.all = tuple(Manifest(Node(dict(each))) for each in documents)

    def of(self, *kinds: str) -> Iterator[Manifest]:
        """
        Those of some kinds.
        """
        return (each for each in self.all if each.kind in kinds)

    def find(self, kind: str, name: str) -> Manifest | None:
        """
        The one of this kind and name.
        """
        return next((each for each in self.of(kind) if each.name == name), None)


def read(text: str) -> list[dict[str, JsonValue]]:
    """
    The documents of a YAML stream; empty ones are left out.
    """
    documents = yaml.load_all(text, Loader=_LOADER)  # both of them are the safe one
    return _DOCUMENTS.validate_python([each for each in documents if each])
