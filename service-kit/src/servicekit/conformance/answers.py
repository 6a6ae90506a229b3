"""
What answers are held against: the one shape of an error, and the ids in the headers.
"""

import re
from typing import Final

import orjson
from pydantic import JsonValue

from servicekit.conformance.description import JSON, JsonObject, mapping
from servicekit.conformance.verdicts import Violation, expect
from servicekit.conformance.wire import Answer

CORRELATION: Final = "X-Correlation-ID"
TRACE: Final = "X-Trace-ID"
DEADLINE: Final = "X-Request-Deadline-Ms"
CORRELATION_FORM: Final = re.compile(r"[A-Za-z0-9._-]{1,128}")
TRACE_FORM: Final = re.compile(r"(?!0{32})[0-9a-f]{32}")
CODE_FORM: Final = re.compile(r"[A-Z][A-Z0-9_]*")


def json_of(answer: Answer) -> JsonValue:
    """
    The body as JSON; raises Violation where it is none.
    """
    try:
        content: JsonValue = orjson.loads(answer.body)
    except orjson.JSONDecodeError:
        raise Violation(seen=answer, expected="a body in JSON") from None
    return content


def object_of(answer: Answer) -> JsonObject:
    """
    The body as a JSON object; raises Violation where it is none.
    """
    content = json_of(answer)
    expect(isinstance(content, dict), seen=answer, expected="a JSON object")
    return mapping(content)


def expect_error(answer: Answer, status: int, code: str, *, on: str) -> JsonObject:
    """
    The error of an answer that must be this one, in our shape; ``on`` tells what was sent.
    """
    wanted = f'{status} with {{"error": {{"code": "{code}", "message": …}}, "request_id": …}}'
    expect(answer.status == status, seen=f"{on} answers {answer}", expected=wanted)
    error = expect_shape(answer, on=on)
    expect(error.get("code") == code, seen=f"{on} answers {answer}", expected=wanted)
    return error


def expect_shape(answer: Answer, *, on: str) -> JsonObject:
    """
    The error of an answer that must be in our shape, whatever error it is.
    """
    seen = f"{on} answers {answer}"
    expect(answer.media_type == JSON, seen=seen, expected=f"an error as {JSON}")
    content = object_of(answer)
    error = content.get("error")
    if not isinstance(error, dict) or fault_of_error(error) or "request_id" not in content:
        raise Violation(
            seen=seen, expected='{"error": {"code": "…", "message": "…"}, "request_id": "…"}'
        )
    return error


def fault_of_error(error: JsonObject) -> str | None:
    """
    What is wrong with the inner object of an error, if anything is.
    """
    code, message = error.get("code"), error.get("message")
    if not isinstance(code, str) or not CODE_FORM.fullmatch(code):
        return f"code {code!r}"
    if not isinstance(message, str) or not message.strip():
        return f"message {message!r}"
    if not isinstance(error.get("details", {}), dict):
        return "details that are no object"
    if unknown := error.keys() - {"code", "message", "details"}:
        return f"unknown fields {', '.join(sorted(unknown))}"
    return None


def one_header(answer: Answer, name: str, *, on: str) -> str:
    """
    The value of a header that must be there once.
    """
    values = answer.all(name)
    expect(
        len(values) == 1,
        seen=f"{on} answers {answer.status} with {len(values)} {name} headers",
        expected=f"{name} once",
    )
    return values[0]
