"""
What a client sends: a body without rounding, under headers that say who asks and for whom.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from urllib.parse import urlencode

import orjson

from servicekit import correlation
from servicekit.correlation import CALLER_HEADER, CORRELATION_HEADER, TRACEPARENT_HEADER
from servicekit.deadline import DEADLINE_HEADER
from servicekit.http.call import SAFE_METHODS

IDEMPOTENCY_HEADER = "Idempotency-Key"
AUTHORIZATION_HEADER = "Authorization"

_KEY = re.compile(r"[!-~]{1,255}")
#: What a header may be called (RFC 9110, section 5.6.2): a blank at its end would hide its name from us.
_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
#: Each hop or attempt has its own of these, or they are made from the body.
_NEVER_PASSED_ON = frozenset(
    {"connection", "expect", "keep-alive", "te", "trailer", "transfer-encoding", "upgrade"}
    | {"content-length", "content-type", "cookie", DEADLINE_HEADER.lower()}
)
#: However a caller writes them, they are found under these names.
_LOOKED_FOR = {name.lower(): name for name in (IDEMPOTENCY_HEADER, AUTHORIZATION_HEADER)}


@dataclass(frozen=True, slots=True)
class Body:
    """
    The bytes of a request, and what they are.
    """

    content: bytes
    media_type: str


def body_from(json: object, form: Mapping[str, str] | None) -> Body | None:
    """
    A body of either kind, or none. A ``Decimal`` in JSON is written as a string, never as a float.
    """
    if json is not None and form is not None:
        raise ValueError("a request has one body: json or form")
    if json is not None:
        return Body(orjson.dumps(json, default=_as_json), "application/json")
    if form is not None:
        return Body(urlencode(form).encode("ascii"), "application/x-www-form-urlencoded")
    return None


def headers_for(
    method: str,
    body: Body | None,
    *,
    host: str,
    caller: str,
    key: str | None,
    given: Mapping[str, str] | None,
) -> dict[str, str]:
    """
    What is ours to say, and what is ``given`` besides; names are matched in any case.
    """
    ids = correlation.current() or correlation.new()
    headers = {
        "Host": host,
        CORRELATION_HEADER: ids.correlation_id,
        TRACEPARENT_HEADER: ids.traceparent,
        CALLER_HEADER: caller,
        "Accept-Encoding": "identity",
        "Accept": "application/json",
    }
    if body is not None:
        headers["Content-Type"] = body.media_type
        headers["Content-Length"] = str(len(body.content))
    elif method not in SAFE_METHODS:
        headers["Content-Length"] = "0"
    if key is not None:
        headers[IDEMPOTENCY_HEADER] = _checked(key)
    return _with_given(headers, given) if given else headers


def _with_given(ours: dict[str, str], given: Mapping[str, str]) -> dict[str, str]:
    if any(name.lower() == "accept" for name in given):
        del ours["Accept"]
    taken = {name.lower() for name in ours} | _NEVER_PASSED_ON
    theirs = {
        _LOOKED_FOR.get(name.lower(), name): value
        for name, value in given.items()
        if name.lower() not in taken
    }
    if not all(_NAME.fullmatch(name) and value.isascii() for name, value in theirs.items()):
        raise ValueError("headers have a name, and ASCII characters only")
    return ours | theirs


def _checked(key: str) -> str:
    if not _KEY.fullmatch(key):
        raise ValueError("an idempotency key has 1-255 visible ASCII characters")
    return key


def _as_json(value: object) -> str:
    if isinstance(value, Decimal) and value.is_finite():
        return format(value, "f")
    raise TypeError(f"cannot be written as JSON: {type(value).__name__}")
