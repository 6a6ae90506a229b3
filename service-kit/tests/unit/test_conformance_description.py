"""
How the suite reads a service's description, and what it finds wrong with one.
"""

from copy import deepcopy
from typing import Any

import pytest

from servicekit.conformance.answers import expect_error, fault_of_error
from servicekit.conformance.check import Check
from servicekit.conformance.description import Description, Operation
from servicekit.conformance.subject import Subject
from servicekit.conformance.suite import docs, health
from servicekit.conformance.target import Target
from servicekit.conformance.verdicts import Violation
from servicekit.conformance.wire import Answer

JSON = "application/json"
GOOD: dict[str, Any] = {
    "openapi": "3.1.0",
    "info": {"title": "T", "version": "1"},
    "paths": {
        "/notes/{id}": {
            "parameters": [{"$ref": "#/components/parameters/Id"}],
            "get": {
                "summary": "One",
                "operationId": "one",
                "parameters": [
                    {"name": "depth", "in": "query", "schema": {"type": "integer"}},
                    {
                        "name": "kind",
                        "in": "query",
                        "required": True,
                        "schema": {
                            "anyOf": [{"type": "string", "enum": ["a b"]}, {"type": "null"}]
                        },
                    },
                ],
                "responses": {
                    "200": {
                        "description": "It",
                        "content": {JSON: {"schema": {"$ref": "#/components/schemas/Note"}}},
                    }
                },
            },
            "delete": {
                "operationId": "remove",
                "security": [{"bearer": ["write"]}],
                "responses": {"204": {"description": "Gone"}},
            },
        }
    },
    "components": {
        "parameters": {
            "Id": {
                "name": "id",
                "in": "path",
                "required": True,
                "schema": {"type": "string", "format": "uuid"},
            }
        },
        "schemas": {
            "Note": {
                "type": "object",
                "properties": {
                    "title": {"type": "string", "examples": ["Milk"]},
                    "tags": {"type": "array", "items": {"enum": ["x"]}},
                    "next": {"anyOf": [{"$ref": "#/components/schemas/Note"}, {"const": None}]},
                },
            }
        },
    },
}


def changed(path: str, value: object) -> Description:
    """
    The good document with one thing in another way; ``path`` is written with ``>``.
    """
    document = deepcopy(GOOD)
    *parts, last = path.split(">")
    inner = document
    for part in parts:
        inner = inner[part]
    inner[last] = value
    return Description(document)


async def examine(check: Check, description: Description) -> None:
    """
    Look at a description without a service.
    """
    subject = Subject(Target("http://127.0.0.1:1"))
    subject._description = description
    await check.examine(subject)


def operation(method: str) -> Operation:
    """
    An operation of the good document.
    """
    return next(o for o in Description(GOOD).operations if o.method == method)


def test_an_operation_is_called_with_samples() -> None:
    """
    Path and required query parameters get values that fit; others only where they are given.
    """
    assert operation("GET").path() == "/notes/00000000-0000-4000-8000-000000000000?kind=a%20b"
    assert operation("GET").path({"id": "%00", "depth": "2"}) == "/notes/%00?depth=2&kind=a%20b"


def test_methods_are_found_by_address() -> None:
    """
    An address belongs to every template that fits.
    """
    assert Description(GOOD).methods_at("/notes/7") == {"GET", "DELETE"}
    assert Description(GOOD).methods_at("/notes") == set()


@pytest.mark.parametrize(
    ("security", "is_closed"),
    [
        ([], False),
        ([{"bearer": ["write"]}], True),
        ([{"bearer": []}], True),
        ([{"bearer": ["read"]}], False),
        ([{"bearer": ["read", "write"]}], True),
        ([{"bearer": ["write"]}, {}], False),
    ],
)
def test_what_everybody_may_do_is_not_closed(security: list[object], *, is_closed: bool) -> None:
    """
    An operation is closed where no way to use it needs only what everybody has.
    """
    description = changed("paths>/notes/{id}>get>security", security)
    get = next(o for o in description.operations if o.method == "GET")

    assert get.is_closed_to(frozenset({"read"})) is is_closed


async def test_a_good_description_has_no_fault() -> None:
    """
    References, shared parameters and schemas that contain themselves are understood.
    """
    await examine(docs.openapi_is_valid, Description(GOOD))
    await examine(docs.good_answers_have_examples, Description(GOOD))


@pytest.mark.parametrize(
    ("path", "value", "fault"),
    [
        ("openapi", "2.0", "openapi is '2.0'"),
        ("info", {"title": "T"}, "info has no version"),
        ("paths", {}, "no operation is described"),
        ("components>parameters", {}, "#/components/parameters/Id points nowhere"),
        ("components>schemas", {"Note": {"$ref": "https://x.test/n"}}, "x.test/n points nowhere"),
        ("components>schemas", {"Note": {"$ref": "#/components/schemas/Note"}}, None),
        ("paths>/notes/{id}>delete>operationId", "one", "operationId one stands twice"),
        ("paths>/notes/{id}>parameters", [], "does not describe the parameters of its path"),
        ("paths>/notes/{id}>delete>responses", {}, "DELETE /notes/{id} has responses []"),
        ("paths>/notes/{id}>delete>responses", {"good": {"description": ""}}, "['good']"),
        ("paths>/notes/{id}>delete>responses", {"204": {}}, "204 has no description"),
    ],
)
async def test_a_fault_of_a_description_is_told(
    path: str, value: object, fault: str | None
) -> None:
    """
    What tools would stumble over is named.
    """
    if fault is None:
        await examine(docs.openapi_is_valid, changed(path, value))
        return
    with pytest.raises(Violation) as violation:
        await examine(docs.openapi_is_valid, changed(path, value))
    assert fault in violation.value.seen


async def test_many_faults_are_told_in_few_words() -> None:
    """
    The first ones are named, the others counted.
    """
    paths = {f"/{n}": {"get": {"responses": {"200": {"description": ""}}}} for n in range(9)}

    with pytest.raises(Violation, match="GET /4 and 4 more"):
        await examine(docs.operations_have_summaries, changed("paths", paths))


@pytest.mark.parametrize(
    ("media", "is_shown"),
    [
        ({"example": 1}, True),
        ({"examples": {"a": {"value": 1}}}, True),
        ({"schema": {"example": 1}}, True),
        ({"schema": {"type": "array", "items": {"example": 1}}}, True),
        ({"schema": {"oneOf": [{"type": "string"}, {"default": 1}]}}, True),
        ({"schema": {"type": "object", "properties": {"a": {"type": "string"}}}}, False),
        ({"schema": {"type": "string"}}, False),
    ],
)
async def test_examples_are_found_wherever_they_stand(media: object, *, is_shown: bool) -> None:
    """
    An example counts beside the schema, in it, or in each of its parts.
    """
    response = {"200": {"description": "", "content": {JSON: media}}}
    description = changed("paths>/notes/{id}>get>responses", response)

    if is_shown:
        await examine(docs.good_answers_have_examples, description)
        return
    with pytest.raises(Violation, match="no example: GET"):
        await examine(docs.good_answers_have_examples, description)


async def test_an_example_of_an_error_has_the_errors_shape() -> None:
    """
    An example that shows another shape than clients get is worse than none.
    """
    shown = {"description": "", "content": {JSON: {"example": {"detail": "no"}}}}
    responses = {"404": shown, "500": shown}

    with pytest.raises(Violation, match=r"404 shows \{'detail': 'no'\}"):
        await examine(
            docs.bad_answers_have_examples,
            changed("paths>/notes/{id}>get>responses", responses),
        )


@pytest.mark.parametrize(
    ("error", "fault"),
    [
        ({"code": "NOT_FOUND", "message": "No."}, None),
        ({"code": "NOT_FOUND", "message": "No.", "details": {"a": 1}}, None),
        ({"code": "not found", "message": "No."}, "code"),
        ({"message": "No."}, "code"),
        ({"code": "NOT_FOUND", "message": " "}, "message"),
        ({"code": "NOT_FOUND", "message": "No.", "details": []}, "details"),
        ({"code": "NOT_FOUND", "message": "No.", "trace": "x"}, "unknown fields trace"),
    ],
)
def test_the_shape_of_an_error_is_exact(error: dict[str, Any], fault: str | None) -> None:
    """
    A code, a message, details that are an object, and nothing else.
    """
    found = fault_of_error(error)

    assert found is None if fault is None else found is not None and found.startswith(fault)


@pytest.mark.parametrize(
    "answer",
    [
        Answer(500, (("content-type", JSON),), b"{}"),
        Answer(404, (("content-type", "text/plain"),), b"{}"),
        Answer(404, (("content-type", JSON),), b"no json"),
        Answer(404, (("content-type", JSON),), b"[]"),
        Answer(404, (("content-type", JSON),), b'{"error": {"code": "GONE", "message": "No."}}'),
        Answer(
            404,
            (("content-type", JSON),),
            b'{"error": {"code": "GONE", "message": "No."}, "request_id": null}',
        ),
    ],
)
def test_an_error_of_another_kind_is_told(answer: Answer) -> None:
    """
    Status, media type, shape and code must all be those that are promised.
    """
    with pytest.raises(Violation):
        expect_error(answer, 404, "NOT_FOUND", on="GET /x")


@pytest.mark.parametrize("moment", [None, "yesterday", "2026-01-01T00:00:00"])
def test_a_moment_needs_its_offset(moment: str | None) -> None:
    """
    A time without its offset is no moment.
    """
    assert not health._is_moment(moment)
    assert health._is_moment("2026-01-01T00:00:00Z")
