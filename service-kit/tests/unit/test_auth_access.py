"""
Who may call which route, and that no route is open by oversight.
"""

from collections.abc import Iterable

import pytest
from fastapi import APIRouter, FastAPI, Security, WebSocket
from fastapi.openapi.utils import get_openapi
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Mount, Route
from starlette.types import Receive, Scope, Send

from servicekit.auth import (
    PUBLIC,
    Guarded,
    Kind,
    Principal,
    Requirement,
    acting_as,
    anonymous,
    requires,
    undeclared_routes,
)
from servicekit.errors import AuthError, Forbidden


def caller(*scopes: str, kind: Kind = "user", permissions: Iterable[str] = ()) -> Principal:
    return Principal(
        user_id="id",
        email=None,
        roles=frozenset(),
        permissions=frozenset(permissions),
        scopes=frozenset(scopes),
        kind=kind,
    )


def requirement(declared: object) -> Requirement:
    assert isinstance(declared, type(requires("read")))
    assert isinstance(declared.dependency, Requirement)
    return declared.dependency


STOCK = requirement(requires(kinds=("service",), permission="stock:write"))


@pytest.mark.parametrize(
    ("needed", "principal"),
    [
        (requires("read"), anonymous(["read"])),
        (requires("write"), caller("read", "write")),
        (requires("read", "write"), caller("read", "write")),
        (requires("write", kinds=("user", "service")), caller("write", kind="service")),
        (requires(kinds=("user",)), caller()),
        (requires(permission="stock:write"), caller(permissions=["stock:write"])),
    ],
)
def test_who_has_what_is_needed_passes(needed: object, principal: Principal) -> None:
    """
    Scopes, kind and permission are enough, and nothing else is asked for.
    """
    requirement(needed).check(principal)


@pytest.mark.parametrize(
    ("needed", "principal", "lacking"),
    [
        (requires("write"), caller("read"), "scope write"),
        (requires("read"), caller("admin"), "scope read"),
        (requires("read", "admin"), caller("read", "write"), "scope admin"),
        (requires("write", kinds=("service",)), caller("write"), "kind service"),
        (requires("write", kinds=("user",)), caller("write", kind="service"), "kind user"),
        (requires(permission="stock:write"), caller("admin"), "permission stock:write"),
    ],
)
def test_a_known_caller_is_told_what_is_needed(
    needed: object, principal: Principal, lacking: str
) -> None:
    """
    Who has signed in and may not do it gets 403, which names what is lacking. No scope implies another.
    """
    with pytest.raises(Forbidden) as caught:
        requirement(needed).check(principal)

    assert caught.value.details == {"needs": lacking}
    assert lacking in caught.value.message


@pytest.mark.parametrize(
    "needed",
    [
        requires("write"),
        requires("read", kinds=("user", "service")),
        requires(kinds=("service",), permission="stock:write"),
        requires(permission="stock:write"),
    ],
)
def test_an_anonymous_caller_is_told_to_sign_in(needed: object) -> None:
    """
    Who has not signed in gets 401 wherever signing in might help.
    """
    with pytest.raises(AuthError) as caught:
        requirement(needed).check(anonymous(["read"]))

    assert caught.value.reason == "sign_in_needed"
    assert caught.value.headers["WWW-Authenticate"] == "Bearer"


@pytest.mark.parametrize(
    ("principal", "passes"),
    [
        (caller(kind="service", permissions=["stock:write"]), True),
        (caller(kind="service", permissions=["stock:read"]), False),
        (caller("read", "write", "admin", kind="service"), False),
        (caller("admin", permissions=["stock:write"]), False),
    ],
)
def test_a_service_needs_its_permission(principal: Principal, *, passes: bool) -> None:
    """
    Only a service, and only one whose token carries the permission.
    """
    if passes:
        STOCK.check(principal)
    else:
        with pytest.raises(Forbidden):
            STOCK.check(principal)


def test_a_requirement_that_requires_nothing_is_a_mistake() -> None:
    """
    Openness is declared as PUBLIC, not by forgetting to say what is needed.
    """
    with pytest.raises(ValueError, match="say PUBLIC"):
        requires()


def test_an_unknown_scope_or_kind_is_a_mistake() -> None:
    """
    A misspelt requirement stops the start.
    """
    with pytest.raises(ValueError, match="writ"):
        requires("writ")  # type: ignore[arg-type]  # what is tested
    with pytest.raises(ValueError, match="robot"):
        requires("read", kinds=("robot",))  # type: ignore[arg-type]  # what is tested


async def answer() -> str:
    return "ok"


async def plain(_request: Request) -> Response:
    return PlainTextResponse("ok")


async def talk(websocket: WebSocket) -> None:
    await websocket.accept()


async def asgi(scope: Scope, receive: Receive, send: Send) -> None:
    await PlainTextResponse("ok")(scope, receive, send)


def test_declared_routes_are_fine() -> None:
    """
    A route may be declared by itself, by its router, by an inclusion or by the application.
    """
    app = FastAPI()
    app.get("/a", dependencies=[requires("read")])(answer)
    app.get("/b", dependencies=[PUBLIC])(answer)
    app.websocket("/c", dependencies=[requires("read")])(talk)
    by_router = APIRouter(dependencies=[requires("read")])
    by_router.get("/d")(answer)
    app.include_router(by_router)
    by_inclusion = APIRouter()
    by_inclusion.get("/e")(answer)
    by_inclusion.websocket("/f")(talk)
    outer = APIRouter()
    outer.include_router(by_inclusion, prefix="/inner")
    app.include_router(outer, dependencies=[requires("admin")])
    app.mount("/g", Guarded(asgi, requires("admin")))
    app.router.routes.append(Route("/h", Guarded(asgi, PUBLIC)))

    assert undeclared_routes(app) == []


def test_a_declaration_may_stand_further_in() -> None:
    """
    A dependency that itself requires something declares its route too.
    """

    async def current_basket(_: None = requires("read")) -> str:  # type: ignore[assignment]  # FastAPI's way to ask for one
        return "basket"

    app = FastAPI()

    @app.get("/basket")
    async def basket(found: str = Security(current_basket)) -> str:
        return found

    assert undeclared_routes(app) == []


def test_undeclared_routes_are_named() -> None:
    """
    Whatever way a route came in, one that declares nothing is found.
    """
    app = FastAPI()
    app.get("/a")(answer)
    app.api_route("/b", methods=["POST", "PUT"])(answer)
    app.websocket("/c")(talk)
    inner = APIRouter()
    inner.get("/d", dependencies=[Security(answer)])(answer)
    inner.websocket("/w")(talk)
    outer = APIRouter()
    outer.include_router(inner, prefix="/inner")
    app.include_router(outer, prefix="/outer")
    app.router.routes.append(Route("/e", plain))
    app.mount("/f", asgi)
    app.router.routes.append(
        Mount("/g", routes=[Route("/x", plain), Route("/y", Guarded(asgi, PUBLIC))])
    )
    sub = FastAPI(openapi_url=None)
    sub.get("/z")(answer)
    app.mount("/sub", sub)

    assert undeclared_routes(app) == [
        "GET /a",
        "POST,PUT /b",
        "any /c",
        "GET /outer/inner/d",
        "any /outer/inner/w",
        "GET,HEAD /e",
        "any /f",
        "GET,HEAD /g/x",
        "GET /sub/z",
    ]


async def test_a_guarded_application_is_guarded() -> None:
    """
    What has no dependencies of FastAPI's is guarded the same.
    """
    served: list[str] = []

    async def app(scope: Scope, _receive: Receive, _send: Send) -> None:
        served.append(scope["path"])

    async def receive() -> dict[str, str]:
        raise AssertionError

    async def send(_message: object) -> None:
        raise AssertionError

    guarded = Guarded(app, requires("admin"))

    with pytest.raises(AuthError):
        await guarded({"path": "/1"}, receive, send)
    with acting_as(caller("read")), pytest.raises(Forbidden):
        await guarded({"path": "/2"}, receive, send)
    with acting_as(caller("admin")):
        await guarded({"path": "/3"}, receive, send)
    await Guarded(app, PUBLIC)({"path": "/4"}, receive, send)

    assert served == ["/3", "/4"]


def test_any_other_dependency_does_not_guard() -> None:
    """
    Only a declaration of access is one.
    """
    with pytest.raises(TypeError, match="PUBLIC"):
        Guarded(asgi, Security(answer))


def test_openapi_shows_the_scheme_and_the_scopes() -> None:
    """
    Each operation says which scopes it needs; public ones say nothing.
    """
    app = FastAPI()
    app.get("/write", dependencies=[requires("read", "write")])(answer)
    app.get("/service", dependencies=[requires(kinds=("service",), permission="p")])(answer)
    app.get("/open", dependencies=[PUBLIC])(answer)

    schema = get_openapi(title="t", version="1", routes=app.routes)

    scheme = schema["components"]["securitySchemes"]["bearer"]
    assert (scheme["type"], scheme["scheme"], scheme["bearerFormat"]) == ("http", "bearer", "JWT")
    assert schema["paths"]["/write"]["get"]["security"] == [{"bearer": ["read", "write"]}]
    assert schema["paths"]["/service"]["get"]["security"] == [{"bearer": []}]
    assert "security" not in schema["paths"]["/open"]["get"]
