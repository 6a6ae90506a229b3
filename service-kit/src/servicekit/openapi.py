"""
How a service describes itself in ``/openapi.json``.

FastAPI documents what a route answers when all is well. What it answers when
something is wrong is the same everywhere, so it is added here: the shape of
an error, with an example of each that a route can give.
"""

from collections.abc import Iterable
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from servicekit.error_rendering import JSON, PROBLEM_JSON
from servicekit.errors import (
    AuthError,
    BodyTooLarge,
    Crash,
    DeadlineExceeded,
    Forbidden,
    InvalidRequest,
    MalformedRequest,
    MethodNotAllowed,
    NotFound,
    Problem,
    ServiceUnavailable,
    StorefrontError,
)

OpenApi = dict[str, Any]
_EXAMPLE_ID = "0b0f7f2e-6a30-4c5e-9a52-9d1f3c2a7b11"
_VALIDATION_MODELS = ("HTTPValidationError", "ValidationError")

#: What any route of any service may answer.
_EVERYWHERE: tuple[StorefrontError, ...] = (
    MalformedRequest("The body is not valid JSON."),
    InvalidRequest(problems=[Problem("body.name", "Field required")]),
    AuthError(),
    Forbidden(needs="scope admin"),
    MethodNotAllowed("POST", allowed=["GET"]),
    Crash(),
    ServiceUnavailable("the database"),
    DeadlineExceeded(after_s=2.0),
)
_WITH_PARAMETERS = NotFound("address")
_WITH_BODY = BodyTooLarge(max_body_bytes=1_048_576)

ERROR_SCHEMA: OpenApi = {
    "type": "object",
    "title": "Error",
    "description": "What went wrong, for programs (code, details) and for people (message).",
    "required": ["error", "request_id"],
    "properties": {
        "error": {
            "type": "object",
            "required": ["code", "message"],
            "properties": {
                "code": {"type": "string", "examples": ["NOT_FOUND"]},
                "message": {"type": "string"},
                "details": {"type": "object", "additionalProperties": True},
            },
        },
        "request_id": {
            "type": ["string", "null"],
            "description": "The correlation id: quote it when you ask.",
        },
    },
}
PROBLEM_SCHEMA: OpenApi = {
    "type": "object",
    "title": "Problem",
    "description": "The same as Error in the form of RFC 9457.",
    "required": ["type", "title", "status", "detail", "code", "request_id"],
    "properties": {
        "type": {"type": "string"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
        "code": {"type": "string"},
        "request_id": {"type": ["string", "null"]},
        "details": {"type": "object", "additionalProperties": True},
    },
}


def error_responses(*errors: StorefrontError) -> dict[int | str, OpenApi]:
    """
    What a route declares as ``responses`` for the errors of its own, shown as given.
    """
    by_status: dict[int | str, OpenApi] = {}
    for error in errors:
        response = by_status.setdefault(error.status, _response(error.status))
        examples = response["content"][JSON]["examples"]
        examples[f"{error.code} {len(examples)}" if error.code in examples else error.code] = {
            "summary": error.message,
            "value": _example(error),
        }
    return by_status


def example(body: OpenApi) -> OpenApi:
    """
    What a route declares as ``openapi_extra`` to show a body to send.
    """
    return {"requestBody": {"content": {JSON: {"example": body}}}}


def _response(status: int) -> OpenApi:
    return {
        "description": HTTPStatus(status).phrase,
        "content": {
            JSON: {"schema": {"$ref": "#/components/schemas/Error"}, "examples": {}},
            PROBLEM_JSON: {"schema": {"$ref": "#/components/schemas/Problem"}},
        },
    }


def _example(error: StorefrontError) -> OpenApi:
    inner: OpenApi = {"code": error.code, "message": error.message}
    if error.details:
        inner["details"] = error.details
    return {"error": inner, "request_id": _EXAMPLE_ID}


def install(app: FastAPI) -> None:
    """
    Let ``app`` describe its errors along with its routes.
    """

    def describe() -> OpenApi:
        if app.openapi_schema is None:
            app.openapi_schema = _with_errors(
                get_openapi(
                    title=app.title,
                    version=app.version,
                    description=app.description,
                    routes=app.routes,
                )
            )
        return app.openapi_schema

    app.openapi = describe  # type: ignore[method-assign]  # FastAPI's documented way to extend it


def _with_errors(schema: OpenApi) -> OpenApi:
    schemas = schema.setdefault("components", {}).setdefault("schemas", {})
    for name in _VALIDATION_MODELS:
        schemas.pop(name, None)
    schemas["Error"] = ERROR_SCHEMA
    schemas["Problem"] = PROBLEM_SCHEMA
    for path, operations in schema.get("paths", {}).items():
        for operation in _operations(operations):
            _add_errors(operation, has_parameters="{" in path)
    return schema


def _operations(path_item: OpenApi) -> Iterable[OpenApi]:
    return (
        value for value in path_item.values() if isinstance(value, dict) and "responses" in value
    )


def _add_errors(operation: OpenApi, *, has_parameters: bool) -> None:
    errors = [*_EVERYWHERE]
    if has_parameters:
        errors.append(_WITH_PARAMETERS)
    if "requestBody" in operation:
        errors.append(_WITH_BODY)
    responses = operation["responses"]
    if _is_fastapis_own(responses.get("422", {})):
        del responses["422"]
    for status, response in error_responses(*errors).items():
        responses.setdefault(str(status), response)


def _is_fastapis_own(response: OpenApi) -> bool:
    return "HTTPValidationError" in str(response.get("content", {}))
