"""
Which ids a request has, and the headers by which its answer tells them.
"""

from collections.abc import Mapping

from servicekit import correlation

_CORRELATION = correlation.CORRELATION_HEADER.lower().encode()
_TRACE = correlation.TRACE_HEADER.lower().encode()
_TRACEPARENT = correlation.TRACEPARENT_HEADER.encode()
_CALLER = correlation.CALLER_HEADER.lower().encode()

#: The headers that are looked at.
ID_HEADERS = frozenset({_CORRELATION, _TRACEPARENT, _CALLER})

Headers = list[tuple[bytes, bytes]]


def ids_of(told: Mapping[bytes, bytes]) -> correlation.Correlation:
    """
    The ids that a request brings, or new ones where it brings none that are well-formed.
    """
    if ID_HEADERS.isdisjoint(told):
        return correlation.new()
    return correlation.continued(
        _text(told.get(_CORRELATION)), _text(told.get(_TRACEPARENT)), _text(told.get(_CALLER))
    )


def id_headers(ids: correlation.Correlation) -> Headers:
    """
    What an answer tells of them.
    """
    return [(_CORRELATION, ids.correlation_id.encode()), (_TRACE, ids.trace_id.encode())]


def _text(value: bytes | None) -> str | None:
    return None if value is None else value.decode("latin-1")
