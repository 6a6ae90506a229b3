"""
Lean routes in a service: who is served past FastAPI, who is not, and what nobody can tell.
"""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Annotated

import httpx
import pytest
import structlog
from fastapi import APIRouter, FastAPI, Path, Response
from sample_service import sample_verifier, settings, token
from starlette.types import Scope

from servicekit import deadline
from servicekit.app import create_service
from servicekit.auth import PUBLIC, requires
from servicekit.errors import NotFound
from servicekit.lean import Finished, lean

QUICK, ORDINARY = "quick", "ordinary"


class Things:
    """
    What the lean routes were asked for.
    """

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.left_s: float | None = None

    async def quick(self, thing_id: str, _scope: Scope) -> Finished | None:
        """
        Answers for every thing, but that it knows none that is gone and leaves all that is odd.
        """
        self.asked.append(thing_id)
        self.left_s = deadline.remaining_s()
        if thing_id == "gone":
            raise NotFound("thing", thing_id)
        if thing_id == "crash":
            raise RuntimeError("password=hunter2")
        if not thing_id.isdigit():
            return None
        return Finished(200, [(b"content-length", b"5"), (b"x-way", b"quick")], b"quick")


def things_router(things: Things) -> APIRouter:
    """
    A public lean route with neighbours, and one for users only.
    """
    router = APIRouter()

    @router.get("/things/newest", dependencies=[PUBLIC], summary="The newest")
    async def newest() -> Response:
        return Response("newest")

    @router.get("/things/{thing_id}", dependencies=[PUBLIC], summary="One thing")
    @lean(things.quick)
    async def one(thing_id: Annotated[str, Path(max_length=8)]) -> Response:
        return Response(ORDINARY, headers={"X-Of": thing_id})

    @router.put("/things/{thing_id}", dependencies=[PUBLIC], summary="Change it")
    async def change(thing_id: str) -> Response:
        return Response(f"changed {thing_id}")

    @router.get("/things/{thing_id}/parts", dependencies=[PUBLIC], summary="Its parts")
    async def parts(thing_id: str) -> Response:
        return Response(f"parts of {thing_id}")

    @router.get(
        "/secrets/{thing_id}",
        dependencies=[requires("read", kinds=("user",))],
        summary="One of the secrets",
    )
    @lean(things.quick)
    async def secret(thing_id: str) -> Response:
        return Response(f"{ORDINARY} {thing_id}")

    return router


def app_of(routers: Sequence[APIRouter]) -> FastAPI:
    """
    A service with these routes.
    """
    return create_service(
        settings(),
        title="Things",
        description="A service with lean routes.",
        verifier=sample_verifier(),
        routers=routers,
    )


@asynccontextmanager
async def asking() -> AsyncIterator[tuple[Things, httpx.AsyncClient]]:
    """
    The service, running, and a caller.
    """
    things = Things()
    app = app_of([things_router(things)])
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=transport, base_url="http://things") as client,
    ):
        yield things, client


async def test_a_plain_request_never_meets_the_route() -> None:
    """
    What the quick answer serves goes out as it says, with the ids that every answer has.
    """
    async with asking() as (things, client):
        answer = await client.get("/things/7", headers={"X-Correlation-ID": "c-1"})

    assert (answer.status_code, answer.text, answer.headers["X-Way"]) == (200, "quick", "quick")
    assert answer.headers["X-Correlation-ID"] == "c-1"
    assert "X-Trace-ID" in answer.headers
    assert things.asked == ["7"]


@pytest.mark.parametrize(
    ("method", "path", "told"),
    [
        ("GET", "/things/7?x=1", ORDINARY),
        ("PUT", "/things/7", "changed 7"),
        ("GET", "/things/newest", "newest"),
        ("GET", "/things/7/parts", "parts of 7"),
    ],
)
async def test_what_is_not_plain_is_the_routes(method: str, path: str, told: str) -> None:
    """
    A query, another method, and other routes below the same prefix: the quick answer is not asked.
    """
    async with asking() as (things, client):
        answer = await client.request(method, path)

    assert (answer.status_code, answer.text) == (200, told)
    assert things.asked == []


async def test_what_is_odd_is_handed_to_the_route() -> None:
    """
    Where the quick answer will not, the route serves the request, and checks its parameters.
    """
    async with asking() as (things, client):
        odd = await client.get("/things/odd")
        too_long = await client.get("/things/much-too-long")
        nothing = await client.get("/things/")

    assert (odd.status_code, odd.text, odd.headers["X-Of"]) == (200, ORDINARY, "odd")
    assert too_long.status_code == 422
    assert nothing.status_code == 404
    assert things.asked == ["odd", "much-too-long"]


async def test_head_is_answered_as_get_without_a_body() -> None:
    """
    HEAD takes the quick way as well, and its headers are those of GET.
    """
    async with asking() as (things, client):
        answer = await client.head("/things/7")

    assert (answer.status_code, answer.content) == (200, b"")
    assert (answer.headers["Content-Length"], answer.headers["X-Way"]) == ("5", "quick")
    assert things.asked == ["7"]


@pytest.mark.parametrize(
    ("headers", "status", "code"),
    [
        ({}, 401, "AUTH_ERROR"),
        ({"Authorization": "Bearer nonsense"}, 401, "AUTH_ERROR"),
        ({"Authorization": f"Bearer {token(scope='write')}"}, 403, "FORBIDDEN"),
        ({"Authorization": f"Bearer {token(kind='service')}"}, 403, "FORBIDDEN"),
    ],
)
async def test_who_may_not_is_refused_before_anything_is_asked(
    headers: dict[str, str], status: int, code: str
) -> None:
    """
    The access that the route declares holds on the quick way, too.
    """
    async with asking() as (things, client):
        answer = await client.get("/secrets/7", headers=headers)

    assert (answer.status_code, answer.json()["error"]["code"]) == (status, code)
    assert things.asked == []


async def test_who_may_is_served_quickly() -> None:
    """
    A caller who meets the route's requirement has the quick answer.
    """
    async with asking() as (_, client):
        headers = {"Authorization": f"Bearer {token()}"}
        answer = await client.get("/secrets/7", headers=headers)

    assert (answer.status_code, answer.text) == (200, QUICK)


async def test_errors_of_the_quick_answer_have_our_shape() -> None:
    """
    A refusal is told like a route's, and a crash tells nothing.
    """
    async with asking() as (_, client):
        gone = await client.get("/things/gone")
        crash = await client.get("/things/crash")

    assert (gone.status_code, gone.json()["error"]["code"]) == (404, "NOT_FOUND")
    assert (crash.status_code, crash.json()["error"]["code"]) == (500, "INTERNAL")
    assert "hunter2" not in crash.text


async def test_the_quick_answer_has_the_requests_deadline() -> None:
    """
    What the caller gives is what is left, as in a route.
    """
    async with asking() as (things, client):
        await client.get("/things/7", headers={"X-Request-Deadline-Ms": "900"})

    assert things.left_s is not None
    assert 0 < things.left_s <= 0.9


@pytest.mark.parametrize("path", ["/things/7", "/things/odd", "/things/gone", "/things/7?x=1"])
async def test_lines_and_figures_are_by_the_routes_template(path: str) -> None:
    """
    Whoever answers, logs and metrics call it by the route, and never by the id.
    """
    async with asking() as (_, client):
        with structlog.testing.capture_logs() as lines:
            await client.get(path)
        metrics = (await client.get("/metrics")).text

    assert [line["route"] for line in lines if line["event"] == "request"] == ["/things/{thing_id}"]
    assert 'route="/things/{thing_id}"' in metrics
    assert 'route="/things/7"' not in metrics


async def test_a_lean_route_is_documented_like_all_others() -> None:
    """
    The description shows its parameter and who may call it.
    """
    async with asking() as (_, client):
        paths = (await client.get("/openapi.json")).json()["paths"]

    secret = paths["/secrets/{thing_id}"]["get"]
    assert "thing_id" in {parameter["name"] for parameter in secret["parameters"]}
    assert secret["security"] == [{"bearer": ["read"]}]


@pytest.mark.parametrize(
    "path", ["/things", "/{kind}/{thing_id}", "/things/{thing_id}.svg", "/things/{thing_id}/parts"]
)
def test_a_route_that_cannot_be_lean_stops_the_start(path: str) -> None:
    """
    One parameter, at the end: what has another form is a mistake that shows at once, by its path.
    """
    router = APIRouter()

    @router.get(path, dependencies=[PUBLIC], summary="Something")
    @lean(Things().quick)
    async def one(thing_id: str = "", kind: str = "") -> Response:
        return Response(thing_id + kind)

    app = app_of([router])

    with pytest.raises(ValueError, match="at its end") as refused:
        app.build_middleware_stack()
    assert path in str(refused.value)


def test_only_get_can_be_lean_and_once_at_each_place() -> None:
    """
    A quick answer that would serve another method, or hide another quick answer, stops the start.
    """
    posting, twice = APIRouter(), APIRouter()

    @posting.post("/things/{thing_id}", dependencies=[PUBLIC], summary="Something")
    @lean(Things().quick)
    async def change(thing_id: str) -> Response:
        return Response(thing_id)

    for name in ("one", "other"):

        @twice.get(f"/things/{{{name}}}", dependencies=[PUBLIC], summary=name)
        @lean(Things().quick)
        async def get() -> Response:
            return Response()

    for router in (posting, twice):
        with pytest.raises(ValueError, match="alone at its place"):
            app_of([router]).build_middleware_stack()
