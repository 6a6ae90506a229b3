"""
What joins the log lines, calls and events of one request: its correlation id
and its place in a distributed trace.

The ids travel in one context variable, so that nobody has to pass them on by
hand. The middleware opens it for each request; outgoing calls and log lines
read it. Trace ids follow W3C Trace Context (https://www.w3.org/TR/trace-context/).
"""

import random
import re
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Final, NamedTuple

CORRELATION_HEADER = "X-Correlation-ID"
TRACE_HEADER = "X-Trace-ID"
TRACEPARENT_HEADER = "traceparent"
CALLER_HEADER = "X-Service-Name"

_CORRELATION_ID = re.compile(r"[A-Za-z0-9._-]{1,128}")
_CALLER = re.compile(r"[a-z0-9][a-z0-9_-]{0,62}")
_TRACEPARENT = re.compile(r"(?!ff)[0-9a-f]{2}-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?")
_NO_TRACE = "0" * 32
_NO_SPAN = "0" * 16


class Correlation(NamedTuple):
    """
    The ids of what is being done now. ``caller`` is the service that says it asked, and
    ``parent_span_id`` the span in which it did, if there are any. ``is_span``: there is a span of
    the id ``span_id``, and what is done now stands below it.
    """

    correlation_id: str
    trace_id: str
    span_id: str
    sampled: bool = True
    caller: str | None = None
    parent_span_id: str | None = None
    is_span: bool = False

    @property
    def traceparent(self) -> str:
        """
        The ids as a ``traceparent`` header: this span is the parent of the call.
        """
        return f"00-{self.trace_id}-{self.span_id}-{'01' if self.sampled else '00'}"


#: For the middleware, which sets it on every request; everybody else says ``with correlated(ids)``.
CURRENT: Final[ContextVar[Correlation | None]] = ContextVar("correlation", default=None)


def current() -> Correlation | None:
    """
    The ids of the request in progress, or None outside of any.
    """
    return CURRENT.get()


def correlation_id() -> str | None:
    """
    The correlation id of the request in progress, or None outside of any.
    """
    correlation = CURRENT.get()
    return None if correlation is None else correlation.correlation_id


def traceparent() -> str | None:
    """
    What names the span in progress to whoever goes on later, or None outside of any request.
    """
    correlation = CURRENT.get()
    return None if correlation is None else correlation.traceparent


@contextmanager
def correlated(ids: Correlation) -> Iterator[Correlation]:
    """
    Everything inside belongs to ``ids``: a background job, an event.
    """
    token = CURRENT.set(ids)
    try:
        yield ids
    finally:
        CURRENT.reset(token)


def new(correlation_id: str | None = None) -> Correlation:
    """
    Fresh ids, for work that no request started.
    """
    if correlation_id is not None:
        return continued(correlation_id, None)
    fresh = _random_hex()
    return Correlation(_as_uuid(fresh[:32]), fresh[32:64], fresh[64:])


def continued(
    correlation_id: str | None, traceparent: str | None, caller: str | None = None
) -> Correlation:
    """
    The ids that a request brought, each replaced by a fresh one where it is missing or malformed.
    """
    fresh = _random_hex()
    if correlation_id is None or not _CORRELATION_ID.fullmatch(correlation_id):
        correlation_id = _as_uuid(fresh[:32])
    if caller is not None and not _CALLER.fullmatch(caller):
        caller = None
    span_id = fresh[64:]
    match = _TRACEPARENT.fullmatch(traceparent) if traceparent else None
    if match is None or match[1] == _NO_TRACE or match[2] == _NO_SPAN or not _known_form(match):
        return Correlation(correlation_id, fresh[32:64], span_id, caller=caller)
    sampled = bool(int(match[3], 16) & 1)
    return Correlation(correlation_id, match[1], span_id, sampled, caller, match[2])


def resumed(correlation_id: str, traceparent: str | None) -> Correlation:
    """
    The ids of work that was written down with its ``traceparent``: it goes on below the same span.
    """
    ids = continued(correlation_id, traceparent)
    if ids.parent_span_id is None:
        return ids
    return ids._replace(span_id=ids.parent_span_id, parent_span_id=None, is_span=True)


def _known_form(match: re.Match[str]) -> bool:
    """
    Version 00 ends after its flags; later versions may go on.
    """
    return match[4] is None or not match[0].startswith("00")


def _random_hex() -> str:
    """
    Enough for a correlation id, a trace id and a span id: one draw for the three of them.
    """
    # Ids must be unlike each other, not unguessable: the fast generator will do.
    return random.randbytes(40).hex()  # noqa: S311


def _as_uuid(digits: str) -> str:
    """
    32 hexadecimal digits as a UUID of version 4.
    """
    return f"{digits[:8]}-{digits[8:12]}-4{digits[13:16]}-a{digits[17:20]}-{digits[20:]}"
