"""
One line and one measurement for each request, whatever becomes of it.
"""

from collections.abc import MutableMapping

from starlette.types import Scope

from servicekit.correlation import Correlation
from servicekit.metrics.requests import RequestMetrics
from servicekit.serving.request_line import RequestLine

#: What the log says of a client that left before its answer was there, as nginx does.
CLIENT_CLOSED_REQUEST = 499
#: Probes and scrapes come every few seconds and tell nothing new.
QUIET_PATHS = frozenset({"/health/live", "/health/ready", "/metrics"})
UNMATCHED = "(none)"
#: Where a step that knows the route's template leaves it.
ROUTE_KEY = "servicekit.route"


class RequestLog:
    """
    Logs method, route template, status, duration and kind of caller; never a query or a body.
    """

    def __init__(self, metrics: RequestMetrics) -> None:
        self._metrics = metrics
        self._line = RequestLine()

    def tell(self, scope: Scope, status: int | None, duration_s: float, ids: Correlation) -> None:
        """
        A request has ended; ``status`` is None where its client did not wait for the answer.
        """
        status = status or CLIENT_CLOSED_REQUEST
        route = scope.get(ROUTE_KEY)
        if route is None:
            route = scope[ROUTE_KEY] = route_template(scope)
        scope["servicekit.status"] = status
        method = scope["method"]
        self._metrics.observe(method, route, status, duration_s)
        self._line.write(
            ids,
            method=method,
            route=route,
            status=status,
            duration_ms=duration_s * 1000,
            principal=scope.get("servicekit.principal", "anonymous"),
            is_quiet=status < 400 and scope["path"] in QUIET_PATHS,
        )


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
