"""
Every error that a client of ours can see descends from here.

::

    StorefrontError              500  INTERNAL
    ├── Crash                    500  INTERNAL
    ├── InvalidRequest           422  INVALID_REQUEST
    │   ├── MalformedRequest     400  INVALID_REQUEST
    │   ├── BodyTooLarge         413  INVALID_REQUEST
    │   └── UnservableForm       4xx  INVALID_REQUEST
    ├── AuthError                401  AUTH_ERROR
    ├── Forbidden                403  FORBIDDEN
    ├── NotFound                 404  NOT_FOUND
    ├── MethodNotAllowed         405  METHOD_NOT_ALLOWED
    ├── Conflict                 409  CONFLICT
    ├── RateLimited              429  RATE_LIMIT
    ├── UpstreamError            502  UPSTREAM_ERROR
    │   ├── UpstreamRefused      502  UPSTREAM_ERROR
    │   ├── UpstreamFailed       502  UPSTREAM_ERROR
    │   └── OutcomeUnknown       502  UPSTREAM_ERROR
    ├── ServiceUnavailable       503  SERVICE_UNAVAILABLE
    │   ├── CircuitOpen          503  CIRCUIT_OPEN
    │   └── Overloaded           503  OVERLOADED
    └── DeadlineExceeded         504  DEADLINE_EXCEEDED

An error carries facts; the sentence that a client reads is made of them here,
and names no internal address, query or trace. ``servicekit.error_rendering``
is the one place that turns an error into an HTTP answer. The file is long so that
the tree and its leaves stand on one page.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass

from pydantic import JsonValue

#: What a client is told when nothing better is known.
DEFAULT_RETRY_AFTER_S = 1


class StorefrontError(Exception):
    """
    Something went wrong that a client may be told of.
    """

    status: int = 500
    code: str = "INTERNAL"

    def __init__(
        self,
        message: str,
        *,
        details: Mapping[str, JsonValue] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.details: dict[str, JsonValue] = dict(details or {})
        self.headers: dict[str, str] = dict(headers or {})


class Crash(StorefrontError):
    """
    A fault of ours: a client is told nothing of it but where to ask.
    """

    def __init__(self) -> None:
        super().__init__("Something went wrong on our side. Quote the request id when you ask.")


@dataclass(frozen=True, slots=True)
class Problem:
    """
    One thing that is wrong with a request: where it stands, and what is wrong there.
    """

    field: str
    problem: str


class InvalidRequest(StorefrontError):
    """
    The request was understood, and at least one of its values cannot be accepted.
    """

    status = 422
    code = "INVALID_REQUEST"

    def __init__(
        self, message: str = "The request is not valid.", *, problems: Sequence[Problem] = ()
    ) -> None:
        super().__init__(
            message,
            details={"problems": [asdict(problem) for problem in problems]} if problems else None,
        )
        self.problems = tuple(problems)


class MalformedRequest(InvalidRequest):
    """
    The request could not be read at all: broken JSON, a header out of its form.
    """

    status = 400


class BodyTooLarge(InvalidRequest):
    """
    The body is larger than this service reads.
    """

    status = 413

    def __init__(self, *, max_body_bytes: int) -> None:
        super().__init__(f"The body is larger than {max_body_bytes} bytes.")
        self.details["maxBodyBytes"] = max_body_bytes
        # What is left of the body is not read, so the connection cannot be used again.
        self.headers["Connection"] = "close"


class UnservableForm(InvalidRequest):
    """
    A refusal of the framework's for which there is no error of its own, such as 415.
    """

    def __init__(self, status: int) -> None:
        super().__init__("The request cannot be served in this form.")
        self.status = status


class AuthError(StorefrontError):
    """
    Who calls could not be established. ``reason`` is a short code for our logs: no client sees it.
    """

    status = 401
    code = "AUTH_ERROR"

    def __init__(
        self,
        message: str = "Sign in, and send the access token as a bearer token.",
        *,
        reason: str | None = None,
    ) -> None:
        super().__init__(message, headers={"WWW-Authenticate": "Bearer"})
        self.reason = reason


class Forbidden(StorefrontError):
    """
    The caller is known, and may not do this.
    """

    status = 403
    code = "FORBIDDEN"

    def __init__(
        self, message: str = "This is not allowed for you.", *, needs: str | None = None
    ) -> None:
        super().__init__(message, details={"needs": needs} if needs else None)


class NotFound(StorefrontError):
    """
    Nothing is there.
    """

    status = 404
    code = "NOT_FOUND"

    def __init__(self, what: str, key: str | None = None) -> None:
        message = f"There is no {what} {key!r}." if key is not None else f"There is no such {what}."
        super().__init__(message, details={"what": what} | ({"id": key} if key is not None else {}))


class MethodNotAllowed(StorefrontError):
    """
    The address exists, but not for this method.
    """

    status = 405
    code = "METHOD_NOT_ALLOWED"

    def __init__(self, method: str, *, allowed: Sequence[str]) -> None:
        super().__init__(
            f"{method} is not allowed here.",
            details={"allowed": list(allowed)},
            headers={"Allow": ", ".join(allowed)},
        )


class Conflict(StorefrontError):
    """
    The request does not fit the present state of what it is about.
    """

    status = 409
    code = "CONFLICT"


class RateLimited(StorefrontError):
    """
    The caller has asked too often.
    """

    status = 429
    code = "RATE_LIMIT"

    def __init__(self, *, retry_after_s: float) -> None:
        wait_s = _whole_seconds(retry_after_s)
        super().__init__(
            f"Too many requests. Try again in {wait_s} s.",
            details={"retryAfterSeconds": wait_s},
            headers={"Retry-After": str(wait_s)},
        )
        self.retry_after_s = retry_after_s


class UpstreamError(StorefrontError):
    """
    A service behind this one did not do what it was asked.
    """

    status = 502
    code = "UPSTREAM_ERROR"

    def __init__(self, upstream: str, message: str | None = None) -> None:
        super().__init__(
            message or f"The {upstream} service gave no usable answer.",
            details={"upstream": upstream},
        )
        self.upstream = upstream


class UpstreamRefused(UpstreamError):
    """
    The upstream said no (4xx): it is well, and repeating the same request will not help.
    """

    def __init__(
        self,
        upstream: str,
        *,
        status: int,
        code: str | None = None,
        reason: str | None = None,
        facts: Mapping[str, JsonValue] | None = None,
    ) -> None:
        super().__init__(upstream, f"The {upstream} service refused the request.")
        self.upstream_status = status
        self.upstream_code = code
        self.reason = reason
        self.facts: dict[str, JsonValue] = dict(facts or {})


class UpstreamFailed(UpstreamError):
    """
    The upstream did not do it: it was never reached, or failed at something safe to repeat.
    """


class OutcomeUnknown(UpstreamError):
    """
    A write was sent and no answer came: it may or may not have happened.

    Ask again with the same key before undoing anything.
    """


class ServiceUnavailable(StorefrontError):
    """
    Something that this service cannot do without is not there now.
    """

    status = 503
    code = "SERVICE_UNAVAILABLE"

    def __init__(self, what: str, *, retry_after_s: float = DEFAULT_RETRY_AFTER_S) -> None:
        wait_s = _whole_seconds(retry_after_s)
        super().__init__(
            f"{what[:1].upper()}{what[1:]} is not available now. Try again in {wait_s} s.",
            details={"unavailable": what, "retryAfterSeconds": wait_s},
            headers={"Retry-After": str(wait_s)},
        )
        self.retry_after_s = retry_after_s


class CircuitOpen(ServiceUnavailable):
    """
    The upstream failed so often that it is left alone for a while.
    """

    code = "CIRCUIT_OPEN"

    def __init__(self, upstream: str, *, retry_after_s: float) -> None:
        super().__init__(f"the {upstream} service", retry_after_s=retry_after_s)
        self.upstream = upstream


class Overloaded(ServiceUnavailable):
    """
    More is asked at once than can be served.
    """

    code = "OVERLOADED"


class DeadlineExceeded(StorefrontError):
    """
    The time that the caller gave was over before the answer was there.
    """

    status = 504
    code = "DEADLINE_EXCEEDED"

    def __init__(
        self, *, after_s: float, upstream: str | None = None, may_have_happened: bool = False
    ) -> None:
        after_ms = max(0, round(after_s * 1000))
        unknown = " It may have been done all the same." if may_have_happened else ""
        super().__init__(
            f"No answer within the deadline of {after_ms} ms.{unknown}",
            details={"deadlineMs": after_ms}
            | ({"upstream": upstream} if upstream else {})
            | ({"outcome": "unknown"} if may_have_happened else {}),
        )
        self.after_s = after_s
        self.upstream = upstream


def _whole_seconds(seconds: float) -> int:
    return max(1, math.ceil(seconds))
