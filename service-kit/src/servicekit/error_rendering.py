"""
The one place that turns an error into an HTTP answer.

Every answer has the same shape, for unknown routes, wrong methods, broken
bodies and crashes too; a client that asks for ``application/problem+json``
gets the same facts in that shape (RFC 9457).
"""

import re
from collections.abc import Callable, Mapping, Sequence

import orjson
import structlog
from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from pydantic import JsonValue
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Match
from starlette.types import Scope

from servicekit import correlation
from servicekit.errors import (
    DEFAULT_RETRY_AFTER_S,
    AuthError,
    Conflict,
    Crash,
    DeadlineExceeded,
    Forbidden,
    InvalidRequest,
    MalformedRequest,
    MethodNotAllowed,
    NotFound,
    Problem,
    RateLimited,
    ServiceUnavailable,
    StorefrontError,
    UnservableForm,
)

log = structlog.get_logger()

JSON = "application/json"
PROBLEM_JSON = "application/problem+json"
#: Named, and not by q=0, which means "anything but this".
_PROBLEM_WANTED = re.compile(rb"(?i)application/problem\+json(?!\s*;\s*q=0(?:\.0*)?\s*(?:,|$))")
#: More problems than this in one request are counted, not listed.
MAX_PROBLEMS = 20


def install(app: FastAPI) -> None:
    """
    Let ``app`` render whatever its routes and its framework raise.
    """

    async def handle(request: Request, error: Exception) -> Response:
        ours = as_storefront_error(error, request)
        tell_operators(ours, error)
        return render(ours, request.scope)

    for kind in (StorefrontError, HTTPException, RequestValidationError):
        app.add_exception_handler(kind, handle)


def tell_operators(ours: StorefrontError, error: Exception) -> None:
    """
    Log why a request failed on our side: the client is not told, and somebody must know.
    """
    if ours.status >= 500:
        cause = error.__cause__ or error
        log.warning(
            "request.failed",
            code=ours.code,
            error=type(error).__name__,
            cause=type(cause).__name__,
            # A database's own word, such as SQLITE_FULL or 53100; of which there are a few hundred.
            state=getattr(cause, "sqlite_errorname", None) or getattr(cause, "sqlstate", None),
            details=ours.details,
        )


def render(error: StorefrontError, scope: Scope) -> Response:
    """
    The answer to the request in ``scope``, in the form that it accepts.
    """
    problem = _wants_problem(scope)
    body = _as_problem(error) if problem else _as_error(error)
    return Response(
        orjson.dumps(body),
        status_code=error.status,
        headers=error.headers,
        media_type=PROBLEM_JSON if problem else JSON,
    )


def as_storefront_error(error: Exception, request: Request) -> StorefrontError:
    """
    ``error`` in our own terms; anything unforeseen is a crash.
    """
    match error:
        case StorefrontError():
            return error
        case RequestValidationError():
            return _from_validation(error)
        case HTTPException():
            return _from_http(error, request)
        case _:
            return Crash()


def _from_http(error: HTTPException, request: Request) -> StorefrontError:
    if error.status_code == 405:
        return MethodNotAllowed(request.method, allowed=allowed_methods(request))
    ours = _BY_STATUS.get(error.status_code)
    if ours is not None:
        return ours()
    return UnservableForm(error.status_code) if error.status_code < 500 else Crash()


#: What the framework says by a bare status, in our terms.
_BY_STATUS: dict[int, Callable[[], StorefrontError]] = {
    400: lambda: MalformedRequest("The request could not be read."),
    401: AuthError,
    403: Forbidden,
    404: lambda: NotFound("address"),
    409: lambda: Conflict("The request does not fit the present state."),
    422: InvalidRequest,
    429: lambda: RateLimited(retry_after_s=DEFAULT_RETRY_AFTER_S),
    503: lambda: ServiceUnavailable("the service"),
    504: lambda: DeadlineExceeded(after_s=0),
}


def allowed_methods(request: Request) -> list[str]:
    """
    Every method that some route serves at the address of ``request``.
    """
    allowed: set[str] = set()
    for method in ("GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"):
        scope = {**request.scope, "method": method}
        if any(route.matches(scope)[0] is Match.FULL for route in request.app.routes):
            # HEAD is answered wherever GET is (middleware/head.py).
            allowed |= {"GET", "HEAD"} if method == "GET" else {method}
    return sorted(allowed)


def _from_validation(error: RequestValidationError) -> InvalidRequest:
    faults: Sequence[Mapping[str, object]] = error.errors()
    if any(fault["type"] == "json_invalid" for fault in faults):
        return MalformedRequest("The body is not valid JSON.")
    problems = [
        Problem(field=_field_of(fault), problem=_problem_of(fault))
        for fault in faults[:MAX_PROBLEMS]
    ]
    return InvalidRequest(
        f"{len(faults)} value{'s' if len(faults) > 1 else ''} of the request cannot be accepted.",
        problems=problems,
    )


def _field_of(fault: Mapping[str, object]) -> str:
    location = fault["loc"]
    path = ""
    for part in location if isinstance(location, tuple) else ():
        path += f"[{part}]" if isinstance(part, int) else f".{part}"
    return path.lstrip(".")[:200]


def _problem_of(fault: Mapping[str, object]) -> str:
    return str(fault["msg"]).removeprefix("Value error, ")[:300]


def _as_error(error: StorefrontError) -> dict[str, JsonValue]:
    inner: dict[str, JsonValue] = {"code": error.code, "message": error.message}
    if error.details:
        inner["details"] = error.details
    return {"error": inner, "request_id": correlation.correlation_id()}


def _as_problem(error: StorefrontError) -> dict[str, JsonValue]:
    problem: dict[str, JsonValue] = {
        "type": f"urn:problem:{error.code.lower().replace('_', '-')}",
        "title": error.code.replace("_", " ").capitalize(),
        "status": error.status,
        "detail": error.message,
        "code": error.code,
        "request_id": correlation.correlation_id(),
    }
    if error.details:
        problem["details"] = error.details
    return problem


def _wants_problem(scope: Scope) -> bool:
    return any(
        _PROBLEM_WANTED.search(value)
        for name, value in scope.get("headers", ())
        if name == b"accept"
    )
