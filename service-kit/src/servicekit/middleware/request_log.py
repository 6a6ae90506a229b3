"""
One line and one measurement for each request, whatever becomes of it.
"""

import time
from collections.abc import MutableMapping

import structlog
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from servicekit import correlation
from servicekit.lifecycle import Lifecycle
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
        # Bound once: the proxy that get_logger() gives binds itself anew for each line.
        self._log = structlog.get_logger().bind()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """
        Serve one request.
        """
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        status = CLIENT_CLOSED_REQUEST
        is_draining = self._lifecycle.phase == "draining"

        async def send_and_note(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                if is_draining:
                    _close_after(message)
            await send(message)

        self._lifecycle.active_requests += 1
        began_at = time.perf_counter()
        try:
            await self._app(scope, receive, send_and_note)
        finally:
            self._lifecycle.active_requests -= 1
            self._tell(scope, status, time.perf_counter() - began_at)

    def _tell(self, scope: Scope, status: int, duration_s: float) -> None:
        route = scope["servicekit.route"] = route_template(scope)
        scope["servicekit.status"] = status
        self._metrics.observe(scope["method"], route, status, duration_s)
        is_quiet = status < 400 and scope["path"] in QUIET_PATHS
        write = self._log.debug if is_quiet else self._log.info
        write(
            "request",
            method=scope["method"],
            route=route,
            status=status,
            duration_ms=round(duration_s * 1000, 3),
            principal=scope.get("servicekit.principal", "anonymous"),
            **_caller(),
        )


def _caller() -> dict[str, str]:
    """
    The service that says it asked, where one does: its word only, the principal is what counts.
    """
    ids = correlation.current()
    return {} if ids is None or ids.caller is None else {"caller": ids.caller}


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
            return str(context.path)
    return str(getattr(scope.get("route"), "path", UNMATCHED))
