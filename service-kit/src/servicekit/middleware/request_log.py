"""
One line and one measurement for each request, whatever becomes of it.
"""

import time
from collections.abc import Awaitable, MutableMapping

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from servicekit import correlation, logs
from servicekit.lifecycle import Lifecycle
from servicekit.middleware.answer import expect_answer
from servicekit.telemetry import RequestMetrics

#: What the log says of a client that left before its answer was there, as nginx does.
CLIENT_CLOSED_REQUEST = 499
#: Probes and scrapes come every few seconds and tell nothing new.
QUIET_PATHS = frozenset({"/health/live", "/health/ready", "/metrics"})
UNMATCHED = "(none)"


class RequestLogMiddleware:
    """
    Logs method, route template, status, duration and kind of caller; never a query or a body.
    """

    def __init__(self, app: ASGIApp, *, lifecycle: Lifecycle, metrics: RequestMetrics) -> None:
        self._app = app
        self._lifecycle = lifecycle
        self._metrics = metrics
        self._line = logs.Line("request")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """
        Serve one request.
        """
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        answer = expect_answer(scope)
        lifecycle = self._lifecycle

        def send_and_note(message: Message) -> Awaitable[None]:
            if message["type"] == "http.response.start":
                answer.status = message["status"]
                if lifecycle.phase == "draining":
                    _close_after(message)
            # Handed on and not awaited here: a coroutine less for each message.
            return send(message)

        lifecycle.active_requests += 1
        began_at = time.perf_counter()
        try:
            await self._app(scope, receive, send_and_note)
        finally:
            lifecycle.active_requests -= 1
            self._tell(
                scope, answer.status or CLIENT_CLOSED_REQUEST, time.perf_counter() - began_at
            )

    def _tell(self, scope: Scope, status: int, duration_s: float) -> None:
        route = scope["servicekit.route"] = route_template(scope)
        scope["servicekit.status"] = status
        self._metrics.observe(scope["method"], route, status, duration_s)
        fields = {
            "method": scope["method"],
            "route": route,
            "status": status,
            "duration_ms": round(duration_s * 1000, 3),
            "principal": scope.get("servicekit.principal", "anonymous"),
        }
        ids = correlation.current()
        if ids is not None and ids.caller is not None:
            # The service that says it asked: its word only, the principal is what counts.
            fields["caller"] = ids.caller
        is_quiet = status < 400 and scope["path"] in QUIET_PATHS
        self._line.write("debug" if is_quiet else "info", fields)


def _close_after(message: Message) -> None:
    """
    A service that is draining asks its clients to come back on another connection.
    """
    message["headers"] = [*message.get("headers", ()), (b"connection", b"close")]


def route_template(scope: MutableMapping[str, object]) -> str:
    """
    The route's address with its parameters' names, so that logs and metrics stay bounded.
    """
    fastapi_scope = scope.get("fastapi")
    if isinstance(fastapi_scope, dict):
        context = fastapi_scope.get("effective_route_context")
        if context is not None:
            return str(context.path_format)
    route = scope.get("route")
    # Mounts have no format.
    return str(getattr(route, "path_format", None) or getattr(route, "path", UNMATCHED))
