"""
Routes that are asked for so often that they leave out what FastAPI would do for each request.

::

    @router.get("/things/{thing_id}", dependencies=[requires("read")], ...)
    @lean(quick_thing)
    async def get(thing_id: ThingId) -> Response: ...

The route stands in the documentation, declares its access and checks its parameters like all
others. A plain request for it, a GET without a query, is offered to ``quick_thing`` first,
with the end of its path and its scope. It gives the finished answer, or None where it will
not: then the route itself serves the request, as it serves all that are not plain.
"""

from collections.abc import Awaitable, Callable, Sequence
from typing import Final, NamedTuple, TypeVar

from fastapi.routing import APIRoute
from starlette.routing import BaseRoute
from starlette.types import ASGIApp, Receive, Scope, Send

from servicekit.auth.access import Requirement, access_of
from servicekit.auth.principals import current_principal
from servicekit.middleware.request_log import ROUTE_KEY

_MARK: Final = "__lean__"

Headers = list[tuple[bytes, bytes]]


class Finished(NamedTuple):
    """
    An answer as it goes out. Its headers tell its type and its length.
    """

    status: int
    headers: Headers
    body: bytes


Quick = Callable[[str, Scope], Awaitable[Finished | None]]
Endpoint = TypeVar("Endpoint", bound=Callable[..., object])


def lean(quick: Quick) -> Callable[[Endpoint], Endpoint]:
    """
    Offer plain requests for the decorated route to ``quick`` first.
    """

    def mark(endpoint: Endpoint) -> Endpoint:
        setattr(endpoint, _MARK, quick)
        return endpoint

    return mark


class LeanRoute(NamedTuple):
    """
    What stands behind one prefix: who may ask, who answers, and how the log calls it.
    """

    access: Sequence[Requirement]
    quick: Quick
    template: str


class LeanRoutes:
    """
    Serves what the quick answers serve, and hands everything else on.
    """

    def __init__(self, app: ASGIApp, routes: Sequence[BaseRoute]) -> None:
        self._app = app
        self._routes = _lean_routes(routes)
        #: Other routes below the same prefixes, such as /things/newest.
        self._taken = _literal_paths(routes)

    def __call__(self, scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        """
        Serve one request or websocket.
        """
        if scope["type"] == "http" and scope["method"] == "GET" and not scope["query_string"]:
            path: str = scope["path"]
            prefix, _, end = path.rpartition("/")
            route = self._routes.get(prefix)
            if route is not None and end and path not in self._taken:
                return self._serve(route, end, scope, receive, send)
        # Handed on and not awaited here: a coroutine less for each request.
        return self._app(scope, receive, send)

    async def _serve(
        self, route: LeanRoute, end: str, scope: Scope, receive: Receive, send: Send
    ) -> None:
        scope[ROUTE_KEY] = route.template
        for requirement in route.access:
            requirement.check(current_principal())
        finished = await route.quick(end, scope)
        if finished is None:
            await self._app(scope, receive, send)
            return
        status, headers, body = finished
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": body})


def _lean_routes(routes: Sequence[BaseRoute]) -> dict[str, LeanRoute]:
    found: dict[str, LeanRoute] = {}
    for route in routes:
        quick = getattr(getattr(route, "endpoint", None), _MARK, None)
        if quick is None or not isinstance(route, APIRoute):
            continue
        prefix, _, end = route.path_format.rpartition("/")
        if "{" in prefix or not (end.startswith("{") and end.endswith("}")):
            raise ValueError(f"a lean route has one parameter, at its end: {route.path}")
        if "GET" not in (route.methods or ()) or prefix in found:
            raise ValueError(f"a lean route answers GET, alone at its place: {route.path}")
        found[prefix] = LeanRoute(access_of(route), quick, route.path_format)
    return found


def _literal_paths(routes: Sequence[BaseRoute]) -> frozenset[str]:
    paths = (getattr(route, "path_format", "") for route in routes)
    return frozenset(
        path
        for path, route in zip(paths, routes, strict=True)
        if "{" not in path and "GET" in (getattr(route, "methods", None) or ())
    )
