"""
The way of every request, from the server to authentication, in one function.

Each step stands in a module of its own and is tested there; here they are put one after the
other. As middleware, each a callable around the next, they cost a request three times as
much (docs/decisions/0013), and every request pays.
"""

import time
from collections.abc import Awaitable, Sequence
from functools import partial
from typing import TYPE_CHECKING

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from servicekit import correlation
from servicekit.metrics.requests import RequestMetrics
from servicekit.middleware.answer import Answer
from servicekit.middleware.body_limit import BodyLimitMiddleware
from servicekit.middleware.correlation import Headers, id_headers, ids_of
from servicekit.middleware.error_boundary import ErrorBoundary
from servicekit.middleware.head import serve_head_as_get
from servicekit.middleware.lifetime import Allowance, Lifetime
from servicekit.middleware.request_log import QUIET_PATHS, RequestLog
from servicekit.middleware.told import ENCODING, LENGTH, Told, told_by
from servicekit.serving.lifecycle import Lifecycle

if TYPE_CHECKING:
    # Only where traces are sent is OpenTelemetry imported.
    from servicekit.tracing.recording import Tracing

_WEBSOCKET_OPENINGS = frozenset({"websocket.accept", "websocket.http.response.start"})
_CLOSE = (b"connection", b"close")


class Way:
    """
    Gives each request its ids, its line in the log, its deadline and, if all else fails, its answer.
    """

    def __init__(
        self,
        app: ASGIApp,
        *,
        lifecycle: Lifecycle,
        metrics: RequestMetrics,
        request_timeout_s: float,
        max_body_bytes: int,
        timeless_paths: frozenset[str] = frozenset(),
        allowances: Sequence[Allowance] = (),
        tracing: "Tracing | None" = None,
    ) -> None:
        self._app = app
        self._bounded = BodyLimitMiddleware(app, max_body_bytes=max_body_bytes)
        self._lifecycle = lifecycle
        self._log = RequestLog(metrics)
        self._boundary = ErrorBoundary(lifecycle)
        self._lifetime = Lifetime(request_timeout_s, timeless_paths, allowances)
        self._tracing = tracing

    def __call__(self, scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        """
        Serve one request or websocket.
        """
        if scope["type"] == "lifespan":
            return self._app(scope, receive, send)
        told = told_by(scope["headers"])
        if self._tracing is not None and scope["path"] not in QUIET_PATHS:
            return self._traced(self._tracing, scope, receive, send, told)
        # Handed on and not awaited here: a coroutine less for each request.
        return self._with_ids(ids_of(told), scope, receive, send, told)

    async def _traced(
        self, tracing: "Tracing", scope: Scope, receive: Receive, send: Send, told: Told
    ) -> None:
        with tracing.server_span(scope, ids_of(told)) as ids:
            await self._with_ids(ids, scope, receive, send, told)

    def _with_ids(
        self, ids: correlation.Correlation, scope: Scope, receive: Receive, send: Send, told: Told
    ) -> Awaitable[None]:
        if scope["type"] == "http":
            return self._noted(ids, scope, receive, send, told)
        return self._websocket(ids, scope, receive, send)

    async def _websocket(
        self, ids: correlation.Correlation, scope: Scope, receive: Receive, send: Send
    ) -> None:
        with correlation.correlated(ids):
            await self._app(scope, receive, _telling(id_headers(ids), send))

    async def _noted(
        self, ids: correlation.Correlation, scope: Scope, receive: Receive, send: Send, told: Told
    ) -> None:
        answer = Answer()
        lifecycle = self._lifecycle

        def send_and_note(message: Message) -> Awaitable[None]:
            if message["type"] == "http.response.start":
                answer.status = message["status"]
                headers = [*message.get("headers", ()), *id_headers(ids)]
                if lifecycle.phase == "draining":
                    # Clients are asked to come back on another connection.
                    headers.append(_CLOSE)
                # A new message: an application may send the same one for every request.
                message = {**message, "headers": headers}
            return send(message)

        token = correlation.CURRENT.set(ids)
        lifecycle.active_requests += 1
        began_at = time.perf_counter()
        try:
            if scope["method"] == "HEAD":
                app: ASGIApp = partial(self._answered, answer=answer, told=told)
                await serve_head_as_get(app, scope, receive, send_and_note)
            else:
                await self._answered(scope, receive, send_and_note, answer=answer, told=told)
        finally:
            lifecycle.active_requests -= 1
            self._log.tell(scope, answer.status, time.perf_counter() - began_at, ids)
            correlation.CURRENT.reset(token)

    def _answered(
        self, scope: Scope, receive: Receive, send: Send, *, answer: Answer, told: Told
    ) -> Awaitable[None]:
        app = self._bounded if LENGTH in told or ENCODING in told else self._app
        work = self._lifetime.serve(app, scope, receive, send, answer=answer, told=told)
        return self._boundary.around(work, scope, answer, send)


def _telling(ids: Headers, send: Send) -> Send:
    def send_with_ids(message: Message) -> Awaitable[None]:
        if message["type"] in _WEBSOCKET_OPENINGS:
            message = {**message, "headers": [*message.get("headers", ()), *ids]}
        return send(message)

    return send_with_ids
