"""
Gives each request its ids, and each answer the headers that tell them.
"""

from collections.abc import Awaitable
from typing import TYPE_CHECKING

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from servicekit import correlation

if TYPE_CHECKING:
    # Only where traces are sent is OpenTelemetry imported.
    from servicekit.tracing import Tracing

_CORRELATION = correlation.CORRELATION_HEADER.lower().encode()
_TRACE = correlation.TRACE_HEADER.lower().encode()
_TRACEPARENT = correlation.TRACEPARENT_HEADER.encode()
_OPENINGS = frozenset({"http.response.start", "websocket.accept", "websocket.http.response.start"})
_CALLER = correlation.CALLER_HEADER.lower().encode()
_IDS = frozenset({_CORRELATION, _TRACEPARENT, _CALLER})


class CorrelationMiddleware:
    """
    Continues the correlation id and the trace that a request brings, or starts new ones.
    """

    def __init__(self, app: ASGIApp, tracing: "Tracing | None" = None) -> None:
        self._app = app
        self._tracing = tracing

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """
        Serve one request or websocket.
        """
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        ids = _ids_of(scope)
        if self._tracing is None:
            token = correlation.CURRENT.set(ids)
            try:
                await self._app(scope, receive, _telling(ids, send))
            finally:
                correlation.CURRENT.reset(token)
            return
        with self._tracing.server_span(scope, ids) as traced, correlation.correlated(traced):
            await self._app(scope, receive, _telling(traced, send))


def _telling(ids: correlation.Correlation, send: Send) -> Send:
    def send_with_ids(message: Message) -> Awaitable[None]:
        if message["type"] in _OPENINGS:
            message["headers"] = [
                *message.get("headers", ()),
                (_CORRELATION, ids.correlation_id.encode()),
                (_TRACE, ids.trace_id.encode()),
            ]
        # Handed on and not awaited here: a coroutine less for each message.
        return send(message)

    return send_with_ids


def _ids_of(scope: Scope) -> correlation.Correlation:
    found: dict[bytes, str] = {}
    for name, value in scope["headers"]:
        if name in _IDS:
            # A header that came twice is no one's word: it is replaced like a malformed one.
            found[name] = "" if name in found else value.decode("latin-1")
    return correlation.continued(
        found.get(_CORRELATION), found.get(_TRACEPARENT), found.get(_CALLER)
    )
