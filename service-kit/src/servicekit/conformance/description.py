"""
What a service says about itself in OpenAPI, as far as checks need it.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final
from urllib.parse import quote

from pydantic import JsonValue

JsonObject = dict[str, JsonValue]

#: Bound to no token and no deadline. Stated here again: what is checked must not say what is right.
OPEN_PATHS: Final = frozenset(
    {"/health", "/health/live", "/health/ready", "/metrics", "/docs", "/redoc", "/openapi.json"}
)
METHODS: Final = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
JSON: Final = "application/json"
_SAMPLES: Final[Mapping[str, str]] = {"integer": "1", "number": "1", "boolean": "true"}
_SAMPLE_UUID: Final = "00000000-0000-4000-8000-000000000000"
_MAX_REFS: Final = 20


def mapping(value: JsonValue) -> JsonObject:
    """
    ``value`` where it is an object, else an empty one.
    """
    return value if isinstance(value, dict) else {}


def items(value: JsonValue) -> list[JsonValue]:
    """
    ``value`` where it is a list, else an empty one.
    """
    return value if isinstance(value, list) else []


@dataclass(frozen=True, slots=True)
class Parameter:
    """
    A parameter of an operation; ``schema`` has its references resolved.
    """

    name: str
    place: str
    is_required: bool
    schema: JsonObject

    @property
    def kind(self) -> str:
        """
        Its JSON type, or nothing where several are allowed.
        """
        kind = self.schema.get("type")
        return kind if isinstance(kind, str) else ""

    @property
    def sample(self) -> str:
        """
        A value of the right kind.
        """
        for name in ("examples", "enum"):
            if values := items(self.schema.get(name)):
                return str(values[0])
        if self.schema.get("format") == "uuid":
            return _SAMPLE_UUID
        return _SAMPLES.get(self.kind, "conformance")


@dataclass(frozen=True, slots=True)
class Operation:
    """
    One method of one address.
    """

    method: str
    template: str
    spec: JsonObject
    parameters: tuple[Parameter, ...]
    body_schema: JsonObject | None
    security: tuple[JsonObject, ...]

    def __str__(self) -> str:
        return f"{self.method} {self.template}"

    @property
    def is_open(self) -> bool:
        """
        Whether it is one of the addresses that are open to everybody.
        """
        return self.template in OPEN_PATHS

    def is_closed_to(self, scopes: frozenset[str]) -> bool:
        """
        Whether a caller without a token, who has ``scopes``, must be refused.
        """
        return bool(self.security) and not any(
            not alternative or _granted(alternative, scopes) for alternative in self.security
        )

    def path(self, given: Mapping[str, str] | None = None) -> str:
        """
        An address to call: samples stand for parameters unless ``given`` (encoded) has them.
        """
        values = given or {}
        path = self.template
        query: list[str] = []
        for parameter in self.parameters:
            value = values.get(parameter.name) or quote(parameter.sample, safe="")
            if parameter.place == "path":
                path = path.replace(f"{{{parameter.name}}}", value)
            elif parameter.place == "query" and (parameter.is_required or parameter.name in values):
                query.append(f"{quote(parameter.name)}={value}")
        return f"{path}?{'&'.join(query)}" if query else path


def _granted(alternative: JsonObject, scopes: frozenset[str]) -> bool:
    """
    Whether everything that one way to sign in asks for is a scope that the caller has anyway.
    """
    needed = [scope for listed in alternative.values() for scope in items(listed)]
    return bool(needed) and all(scope in scopes for scope in needed)


class Description:
    """
    The operations of an OpenAPI document.
    """

    def __init__(self, document: JsonObject) -> None:
        self.document = document
        self.operations = tuple(self._operations())

    @property
    def own(self) -> tuple[Operation, ...]:
        """
        What the service offers beyond the addresses that every service has.
        """
        return tuple(operation for operation in self.operations if not operation.is_open)

    @property
    def reads(self) -> tuple[Operation, ...]:
        """
        Its own operations that change nothing.
        """
        return tuple(operation for operation in self.own if operation.method == "GET")

    @property
    def readers(self) -> tuple[Operation, ...]:
        """
        Its own operations that read a JSON object, those that are open to everybody first.
        """
        reading = [o for o in self.own if (o.body_schema or {}).get("type") == "object"]
        return tuple(sorted(reading, key=lambda operation: len(operation.security)))

    def methods_at(self, path: str) -> set[str]:
        """
        The methods that are described for the address ``path``. One that is described by itself
        comes before those with parameters, as OpenAPI has it.
        """
        exact = {o.method for o in self.operations if o.template == path}
        return exact or {o.method for o in self.operations if _matches(o.template, path)}

    def resolve(self, value: JsonValue) -> JsonObject:
        """
        ``value``, or what it refers to inside this document; empty where that is nowhere.
        """
        found = mapping(value)
        for _ in range(_MAX_REFS):
            reference = found.get("$ref")
            if not isinstance(reference, str):
                return found
            found = mapping(self.at(reference))
        return {}

    def at(self, reference: str) -> JsonValue:
        """
        What a local reference points to; None where it points nowhere.
        """
        found: JsonValue = self.document
        for part in reference.removeprefix("#/").split("/"):
            found = mapping(found).get(part.replace("~1", "/").replace("~0", "~"))
        return found

    def _operations(self) -> Iterator[Operation]:
        for template, path_item in mapping(self.document.get("paths")).items():
            shared = items(mapping(path_item).get("parameters"))
            for method, value in mapping(path_item).items():
                spec = mapping(value)
                if method.upper() in METHODS and spec:
                    yield self._operation(method.upper(), template, spec, shared)

    def _operation(
        self, method: str, template: str, spec: JsonObject, shared: list[JsonValue]
    ) -> Operation:
        given = [self.resolve(value) for value in [*shared, *items(spec.get("parameters"))]]
        content = mapping(self.resolve(spec.get("requestBody")).get("content"))
        body = mapping(content.get(JSON))
        security = spec.get("security", self.document.get("security"))
        return Operation(
            method,
            template,
            spec,
            tuple(
                Parameter(
                    str(value.get("name")),
                    str(value.get("in")),
                    value.get("required") is True,
                    self._plain(value.get("schema")),
                )
                for value in given
            ),
            self.resolve(body.get("schema")) if body else None,
            tuple(mapping(alternative) for alternative in items(security)),
        )

    def _plain(self, value: JsonValue) -> JsonObject:
        """
        A schema without its reference and without the alternative of being null.
        """
        schema = self.resolve(value)
        alternatives = [self.resolve(one) for one in items(schema.get("anyOf"))]
        others = [one for one in alternatives if one.get("type") != "null"]
        return {**schema, **others[0]} if len(others) == 1 else schema


def _matches(template: str, path: str) -> bool:
    parts, wanted = template.split("/"), path.partition("?")[0].split("/")
    return len(parts) == len(wanted) and all(
        part == value or (part.startswith("{") and part.endswith("}"))
        for part, value in zip(parts, wanted, strict=True)
    )
