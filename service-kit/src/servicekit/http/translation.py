"""
The one seam where what becomes of a call becomes an error that the client's callers see.

The question that decides: may a write have happened? If so it is
``OutcomeUnknown``, whatever came last: an open breaker or a rate limit that
meets the second attempt says nothing about what the first one did.
"""

from collections.abc import Mapping

import orjson
from pydantic import JsonValue

from servicekit.errors import (
    DeadlineExceeded,
    OutcomeUnknown,
    StorefrontError,
    UpstreamError,
    UpstreamFailed,
    UpstreamRefused,
)
from servicekit.http.answer import Received
from servicekit.http.call import Call
from servicekit.http.errors import BadAnswer, CallFailed, OutOfTime

#: How much of a refusal is kept.
MAX_FACTS_BYTES = 32 * 1024
_MAX_TEXT = 500

#: Said by whoever guards the door, before anybody looks up what the key has done already.
_AT_THE_DOOR = frozenset({401, 403, 407, 408, 421, 425, 429})
_PROBLEM = "application/problem+json"
_PROBLEM_MEMBERS = frozenset({"type", "title", "status", "detail", "instance", "code"})


def error_of_failure(call: Call, failure: CallFailed | StorefrontError) -> StorefrontError:
    """
    The error that a caller sees when no answer came.
    """
    if call.may_have_happened:
        return OutcomeUnknown(call.upstream)
    if isinstance(failure, StorefrontError):
        return failure
    if call.is_cut_short and isinstance(failure, OutOfTime):
        return DeadlineExceeded(after_s=call.deadline_at - call.started_at, upstream=call.upstream)
    return UpstreamFailed(call.upstream)


def error_of_answer(call: Call, answer: Received) -> StorefrontError | None:
    """
    The error that a caller sees when the answer is a bad one, or None for a good one.
    """
    status = answer.status
    if status < 400:
        return None
    if status >= 500 or (status in _AT_THE_DOOR and call.may_have_happened):
        return error_of_failure(call, BadAnswer(f"status {status}"))
    return _refusal(call.upstream, answer)


def error_of_garbage(upstream: str, *, is_safe: bool) -> UpstreamError:
    """
    The answer was good by its status, and nobody can read it.
    """
    return UpstreamFailed(upstream) if is_safe else OutcomeUnknown(upstream)


def _refusal(upstream: str, answer: Received) -> UpstreamRefused:
    said = _facts_in(answer)
    code, reason = said.pop("code", None), said.pop("reason", None)
    facts = said.pop("facts", None)
    return UpstreamRefused(
        upstream,
        status=answer.status,
        code=_text(code),
        reason=_text(reason),
        facts=facts if isinstance(facts, dict) else None,
    )


def _facts_in(answer: Received) -> dict[str, JsonValue]:
    """
    Code, reason and facts, from our own shape of errors or from problem+json (RFC 9457).
    """
    body = answer.content
    if len(body) > MAX_FACTS_BYTES:
        return {}
    try:
        said = orjson.loads(body)
    except orjson.JSONDecodeError:
        return {}
    if not isinstance(said, dict):
        return {}
    if answer.headers.get("Content-Type", "").startswith(_PROBLEM):
        return _facts_in_problem(said)
    error = said.get("error")
    if not isinstance(error, dict):
        return {}
    return {
        "code": error.get("code"),
        "reason": error.get("message"),
        "facts": error.get("details"),
    }


def _facts_in_problem(said: Mapping[str, JsonValue]) -> dict[str, JsonValue]:
    details = said.get("details")
    extras = {name: value for name, value in said.items() if name not in _PROBLEM_MEMBERS}
    return {
        "code": said.get("code") or said.get("type"),
        "reason": said.get("detail") or said.get("title"),
        "facts": details if isinstance(details, dict) else extras,
    }


def _text(value: JsonValue) -> str | None:
    return value[:_MAX_TEXT] if isinstance(value, str) else None
