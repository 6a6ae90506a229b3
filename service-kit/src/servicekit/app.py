"""
``create_service()``: what every service's application starts from.

A request passes correlation, request log, head, error boundary, lifetime, body
limit, whatever the service adds, and authentication before it meets a route.
Every route says who may call it; one that does not stops the start.
"""

from collections.abc import AsyncIterator, Callable, Collection, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager

import structlog
from fastapi import APIRouter, FastAPI
from fastapi.middleware.asyncexitstack import AsyncExitStackMiddleware
from pydantic import JsonValue
from starlette.middleware import Middleware
from starlette.middleware.exceptions import ExceptionMiddleware
from starlette.types import ASGIApp, Receive, Scope, Send

from servicekit import error_rendering, openapi
from servicekit.auth import AuthenticationMiddleware, Verifier, checked_first, undeclared_routes
from servicekit.docs import ASSET_NAMES, docs_router
from servicekit.errors import StorefrontError
from servicekit.health import Checks, HealthCheck, Identity, health_router
from servicekit.lean import LeanRoutes
from servicekit.middleware.lifetime import Allowance
from servicekit.middleware.way import Way
from servicekit.migrations import MigrationError
from servicekit.serving.lifecycle import Lifecycle
from servicekit.settings import ServiceSettings
from servicekit.telemetry import Telemetry

#: Open to everybody and bound to no deadline: a service must be able to say how it is.
OPEN_PATHS = frozenset(
    {"/health", "/health/live", "/health/ready", "/metrics", "/docs", "/redoc", "/openapi.json"}
    | {f"/docs/assets/{name}" for name in ASSET_NAMES}
)

log = structlog.get_logger()

Resource = Callable[[], AbstractAsyncContextManager[object]]


def create_service(
    settings: ServiceSettings,
    *,
    title: str,
    description: str,
    verifier: Verifier,
    routers: Sequence[APIRouter] = (),
    resources: Sequence[Resource] = (),
    checks: Sequence[HealthCheck] = (),
    details: Mapping[str, Callable[[], JsonValue]] | None = None,
    middleware: Sequence[Middleware] = (),
    open_paths: Collection[str] = (),
    allowances: Sequence[Allowance] = (),
    telemetry: Telemetry | None = None,
) -> FastAPI:
    """
    An application that does what every service does.

    ``resources`` are entered in order before the first request and left in reverse
    after the last; ``checks`` and ``details`` show in ``/health``; ``middleware`` stands
    between the body limit and authentication. On ``open_paths`` no bearer token is looked at:
    they authenticate in a way of their own. ``allowances`` are for requests that are given another
    time than REQUEST_TIMEOUT_SECONDS. Nothing starts before the application does.
    """
    lifecycle = Lifecycle()
    telemetry = telemetry or Telemetry.configured(settings)
    telemetry.tell_of(
        settings.service_name,
        settings.service_version,
        requests_in_progress=lambda: lifecycle.active_requests,
    )
    app = Service(
        title=title,
        description=description,
        version=settings.service_version,
        lifespan=_lifespan(settings, lifecycle, resources, telemetry),
        redirect_slashes=False,
        openapi_url=None,
        docs_url=None,
        redoc_url=None,
    )
    app.state.lifecycle = lifecycle
    error_rendering.install(app)
    openapi.install(app)
    identity = Identity(settings.service_name, settings.service_version, settings.service_port)
    probed = Checks(checks, registry=telemetry.registry)
    own = health_router(identity, lifecycle, probed, details or {})
    # Routes are tried in order: what is asked for most stands first.
    for router in (*routers, own, telemetry.router(), docs_router(app)):
        # An included router stands between the application and its routes, at 12 us a request.
        app.router.routes += [checked_first(route) for route in router.routes]
    _require_declared_access(app)
    layers = [
        *middleware,
        Middleware(
            AuthenticationMiddleware,
            verifier=verifier,
            anonymous_scopes=settings.anonymous_scopes,
            open_paths=OPEN_PATHS | frozenset(open_paths),
            metrics=telemetry.tokens,
        ),
    ]
    app.way_to = lambda routes: Way(
        _wrapped(routes, layers),
        lifecycle=lifecycle,
        metrics=telemetry.requests,
        request_timeout_s=settings.request_timeout_seconds,
        max_body_bytes=settings.max_body_bytes,
        timeless_paths=OPEN_PATHS,
        allowances=allowances,
        tracing=telemetry.tracing,
    )
    return app


class Service(FastAPI):
    """
    FastAPI with our way to its routes in place of its own middleware.

    FastAPI's stands for what is done here already: errors of every kind, bounds of bodies, telemetry.
    """

    way_to: Callable[[ASGIApp], ASGIApp]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """
        Serve one request, one websocket, or the application's life.
        """
        scope["app"] = self
        if self.middleware_stack is None:
            self.middleware_stack = self.build_middleware_stack()
        await self.middleware_stack(scope, receive, send)

    def build_middleware_stack(self) -> ASGIApp:
        """
        What was added from outside, our way, lean routes, and what FastAPI's routes need around
        them: who renders what they raise, and who closes the files of their forms.
        """
        routes = ExceptionMiddleware(
            AsyncExitStackMiddleware(self.router), handlers=self.exception_handlers
        )
        return _wrapped(self.way_to(LeanRoutes(routes, self.router.routes)), self.user_middleware)


def _wrapped(app: ASGIApp, layers: Sequence[Middleware]) -> ASGIApp:
    for layer, arguments, options in reversed(layers):
        app = layer(app, *arguments, **options)
    return app


def _lifespan(
    settings: ServiceSettings,
    lifecycle: Lifecycle,
    resources: Sequence[Resource],
    telemetry: Telemetry,
) -> Callable[[FastAPI], AbstractAsyncContextManager[None]]:
    tracing = telemetry.tracing

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        async with AsyncExitStack() as stack:
            if tracing is not None:
                stack.push_async_callback(tracing.aclose)
            stack.enter_context(telemetry.loop_lag.watched())
            await _start(resources, stack, lifecycle)
            log.info("service.started", version=settings.service_version)
            yield
            lifecycle.drain()
        log.info("service.stopped", uptime_s=round(lifecycle.uptime_s, 1))

    return lifespan


async def _start(
    resources: Sequence[Resource], stack: AsyncExitStack, lifecycle: Lifecycle
) -> None:
    try:
        for resource in resources:
            await stack.enter_async_context(resource())
    except (StorefrontError, MigrationError) as error:
        log.critical("service.start_refused", reason=str(error))
        lifecycle.refuse()
        raise
    lifecycle.serve()


def _require_declared_access(app: FastAPI) -> None:
    if undeclared := undeclared_routes(app):
        raise UndeclaredAccess(undeclared)


class UndeclaredAccess(Exception):
    """
    A route says neither ``requires(...)`` nor ``PUBLIC``: nothing is open by oversight.
    """

    def __init__(self, routes: Sequence[str]) -> None:
        super().__init__(
            f"declare who may call {', '.join(routes)}: "
            "add requires(...) or PUBLIC from servicekit.auth to the route's dependencies"
        )
