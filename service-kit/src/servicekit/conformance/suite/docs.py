"""
Whether the service describes itself, for machines and for people.
"""

import re
from collections.abc import Iterator
from typing import Final

from pydantic import JsonValue

from servicekit.conformance.answers import fault_of_error
from servicekit.conformance.check import check
from servicekit.conformance.description import (
    JSON,
    Description,
    JsonObject,
    Operation,
    items,
    mapping,
)
from servicekit.conformance.subject import Subject
from servicekit.conformance.verdicts import expect

_VERSION: Final = re.compile(r"3\.[01]\.\d+")
_STATUS: Final = re.compile(r"[1-5](\d\d|XX)|default")
_IN_PATH: Final = re.compile(r"\{([^}]+)\}")
_MAX_SHOWN: Final = 5
#: How deep examples are looked for, since schemas may contain themselves.
_MAX_LEVELS: Final = 6


@check(
    mend="Build the application by create_service(): it serves /openapi.json. Where you add to "
    "the document by hand, refer only to what stands in components."
)
async def openapi_is_valid(subject: Subject) -> None:
    """
    /openapi.json is OpenAPI 3: what it refers to is there, and operation ids are its own.
    """
    description = await subject.description()
    faults = [*_document_faults(description), *_operation_faults(description)]
    expect(not faults, seen=_some(faults), expected="an OpenAPI document that tools can read")


@check(mend='Give the route a summary="..." or a function name that reads as one.')
async def operations_have_summaries(subject: Subject) -> None:
    """
    Every operation says in its summary what it is for.
    """
    lacking = [
        str(o) for o in (await subject.description()).operations if not o.spec.get("summary")
    ]
    expect(not lacking, seen=f"no summary: {_some(lacking)}", expected="a summary for each")


@check(
    mend="Give the answer's model an example: model_config = ConfigDict(json_schema_extra="
    '{"examples": [{...}]}), Field(examples=[...]) on each field, or responses={200: ...}.'
)
async def good_answers_have_examples(subject: Subject) -> None:
    """
    Every operation shows an example of each good answer that has a body.
    """
    description = await subject.description()
    lacking = [
        f"{operation} {status}"
        for operation, status, response in _responses(description)
        if status.startswith("2") and not _is_shown(description, response)
    ]
    expect(not lacking, seen=f"no example: {_some(lacking)}", expected="an example of each")


@check(
    mend="Build the application by create_service(), which describes the errors that any route "
    "may give, and declare the route's own by responses=error_responses(OutOfStock(...))."
)
async def bad_answers_have_examples(subject: Subject) -> None:
    """
    Every operation shows examples of bad answers (4xx and 5xx), in the shape that they really have.
    """
    description = await subject.description()
    lacking = [
        fault
        for operation in description.operations
        for fault in _faults_of_bad_answers(description, operation)
    ]
    expect(not lacking, seen=_some(lacking), expected="examples of bad answers in our shape")


@check(
    mend="Build the application by create_service(): its description of an error is the schema "
    "Error, and FastAPI's own HTTPValidationError is gone."
)
async def bad_answers_have_the_error_schema(subject: Subject) -> None:
    """
    Every bad answer of an operation is described by a schema that requires error and request_id.
    """
    description = await subject.description()
    lacking: list[str] = []
    for operation, status, response in _responses(description):
        if status[0] not in "45" or operation.is_open:
            continue
        media = mapping(mapping(response.get("content")).get(JSON))
        schema = description.resolve(media.get("schema"))
        if not {"error", "request_id"} <= set(map(str, items(schema.get("required")))):
            lacking.append(f"{operation} {status}")
    expect(not lacking, seen=f"another shape: {_some(lacking)}", expected="the schema of errors")


@check(mend="Build the application by create_service(): it serves /docs and /redoc.")
async def documentation_pages_answer(subject: Subject) -> None:
    """
    /docs and /redoc are pages that show /openapi.json.
    """
    for path in ("/docs", "/redoc"):
        answer = await subject.ask("GET", path)
        expect(
            answer.status == 200
            and answer.media_type == "text/html"
            and "openapi.json" in answer.text,
            seen=f"{path} answers {answer}",
            expected="200 with a page that shows /openapi.json",
        )


def _document_faults(description: Description) -> Iterator[str]:
    document = description.document
    if not _VERSION.fullmatch(str(document.get("openapi"))):
        yield f"openapi is {document.get('openapi')!r}"
    for name in ("title", "version"):
        if not mapping(document.get("info")).get(name):
            yield f"info has no {name}"
    if not description.operations:
        yield "no operation is described"
    for reference in _references(document):
        if not reference.startswith("#/") or description.at(reference) is None:
            yield f"{reference} points nowhere"


def _operation_faults(description: Description) -> Iterator[str]:
    ids: set[JsonValue] = set()
    for operation in description.operations:
        operation_id = operation.spec.get("operationId")
        if isinstance(operation_id, str):
            if operation_id in ids:
                yield f"operationId {operation_id} stands twice"
            ids.add(operation_id)
        named = {
            one.name for one in operation.parameters if one.place == "path" and one.is_required
        }
        if named != set(_IN_PATH.findall(operation.template)):
            yield f"{operation} does not describe the parameters of its path"
        responses = mapping(operation.spec.get("responses"))
        if not responses or not all(map(_STATUS.fullmatch, responses)):
            yield f"{operation} has responses {sorted(responses)}"
        for status, response in responses.items():
            if not isinstance(description.resolve(response).get("description"), str):
                yield f"{operation} {status} has no description"


def _faults_of_bad_answers(description: Description, operation: Operation) -> Iterator[str]:
    shown = [
        (status, value)
        for _, status, response in _responses_of(description, operation)
        for value in _examples(description, response)
    ]
    for kind in "45":
        if not any(status.startswith(kind) for status, _ in shown):
            yield f"{operation} shows no {kind}xx"
    for status, value in shown:
        # Open addresses may answer 503 with their own state.
        if status[0] in "45" and not operation.is_open and not _is_error(value):
            yield f"{operation} {status} shows {value!r:.80}"


def _references(value: JsonValue) -> Iterator[str]:
    if isinstance(value, dict):
        reference = value.get("$ref")
        if isinstance(reference, str):
            yield reference
        for inner in value.values():
            yield from _references(inner)
    for one in items(value):
        yield from _references(one)


def _responses(description: Description) -> Iterator[tuple[Operation, str, JsonObject]]:
    for operation in description.operations:
        yield from _responses_of(description, operation)


def _responses_of(
    description: Description, operation: Operation
) -> Iterator[tuple[Operation, str, JsonObject]]:
    for status, response in mapping(operation.spec.get("responses")).items():
        yield operation, status, description.resolve(response)


def _is_shown(description: Description, response: JsonObject) -> bool:
    return not response.get("content") or any(True for _ in _examples(description, response))


def _examples(description: Description, response: JsonObject) -> Iterator[JsonValue]:
    """
    What an answer's media types show, directly or by their schemas.
    """
    for media_type in mapping(response.get("content")).values():
        media = mapping(media_type)
        if "example" in media:
            yield media["example"]
        for example in mapping(media.get("examples")).values():
            yield description.resolve(example).get("value")
        yield from _examples_of(description, description.resolve(media.get("schema")))


def _examples_of(
    description: Description, schema: JsonObject, *, levels: int = _MAX_LEVELS
) -> Iterator[JsonValue]:
    """
    What a schema shows: by itself, by an alternative, or by each of its parts.
    """
    yield from (schema[name] for name in ("example", "const", "default") if name in schema)
    yield from items(schema.get("examples"))
    yield from items(schema.get("enum"))
    if levels == 0:
        return

    def inside(value: JsonValue) -> list[JsonValue]:
        return list(_examples_of(description, description.resolve(value), levels=levels - 1))

    for alternative in [*items(schema.get("anyOf")), *items(schema.get("oneOf"))]:
        yield from inside(alternative)
    if "items" in schema:
        yield from ([one] for one in inside(schema["items"]))
    parts = {name: inside(value) for name, value in mapping(schema.get("properties")).items()}
    if parts and all(parts.values()):
        yield {name: shown[0] for name, shown in parts.items()}


def _is_error(value: JsonValue) -> bool:
    content = mapping(value)
    error = content.get("error")
    is_ours = isinstance(error, dict) and not fault_of_error(error) and "request_id" in content
    return is_ours or {"type", "title", "status", "detail", "code"} <= content.keys()


def _some(faults: list[str]) -> str:
    more = len(faults) - _MAX_SHOWN
    return "; ".join(faults[:_MAX_SHOWN]) + (f" and {more} more" if more > 0 else "")
