"""
A product is told the same by both ways to it: the lean one, and the route that FastAPI walks.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import Any, Final

import httpx
import orjson
import pytest
from catalog_app import RunningCatalog, admin, running_catalog
from fake_backends import FakeBackends, Held, price, product
from fastapi import FastAPI
from fastapi.middleware.asyncexitstack import AsyncExitStackMiddleware
from gateway_app import HOME, bearer
from starlette.middleware.exceptions import ExceptionMiddleware
from starlette.types import ASGIApp, Receive, Scope, Send

from servicekit.app import Service
from servicekit.deadline import DEADLINE_HEADER

PATH: Final = "/api/v1/products"
#: What differs between any two answers.
IDS: Final = frozenset({"x-correlation-id", "x-trace-id"})
#: What a caller gives whose backends hang.
SHORT: Final = {DEADLINE_HEADER: "300"}

Told = tuple[int, dict[str, str], Any]
Headers = Mapping[str, str] | list[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class Ways:
    """
    The same catalog twice: as production serves it, and without its lean routes.
    """

    lean: httpx.AsyncClient
    ordinary: httpx.AsyncClient
    both: tuple[RunningCatalog, RunningCatalog]
    #: Of each request, whether a route of FastAPI's served it.
    were_routed: list[bool]

    def arrange(self, backends: Callable[[FakeBackends], object]) -> None:
        """
        Do the same with the backends of both.
        """
        for running in self.both:
            backends(running.backends)

    async def know(self) -> None:
        """
        Let both have values from before.
        """
        for running in self.both:
            await running.get("/products/A-1")
            running.clock.advance(12)

    async def told(self, method: str, path: str, headers: Headers) -> tuple[Told, Told]:
        """
        What each way answers, without what differs between any two answers.
        """
        answers = await asyncio.gather(
            self.lean.request(method, path, headers=headers),
            self.ordinary.request(method, path, headers=headers),
        )
        lean, ordinary = map(_without_ids, answers)
        return lean, ordinary


def _without_ids(answer: httpx.Response) -> Told:
    headers = {name: value for name, value in answer.headers.items() if name not in IDS}
    if answer.status_code < 400 or not answer.content:
        # Byte by byte: the order of fields and the spelling of numbers count as well.
        return answer.status_code, headers, answer.content
    told = orjson.loads(answer.content)
    told.pop("request_id")
    return answer.status_code, headers, told


def noted(app: ASGIApp, were_routed: list[bool]) -> ASGIApp:
    """
    ``app``, and in ``were_routed`` whether a route of FastAPI's was walked.
    """

    async def served(scope: Scope, receive: Receive, send: Send) -> None:
        await app(scope, receive, send)
        were_routed.append("endpoint" in scope)

    return served


def without_lean_routes(app: FastAPI) -> ASGIApp:
    """
    The service as it would be if no route of its were lean.
    """
    assert isinstance(app, Service)
    routes = AsyncExitStackMiddleware(app.router)
    way = app.way_to(ExceptionMiddleware(routes, handlers=app.exception_handlers))

    async def served(scope: Scope, receive: Receive, send: Send) -> None:
        await way({**scope, "app": app}, receive, send)

    return served


def caller_of(app: ASGIApp) -> httpx.AsyncClient:
    """
    A caller at home.
    """
    transport = httpx.ASGITransport(app, raise_app_exceptions=False, client=(HOME, 50_000))
    return httpx.AsyncClient(transport=transport, base_url="http://gateway")


def shop() -> FakeBackends:
    """
    A product with its price, one without, and none of any other name.
    """
    return FakeBackends(
        products={
            "A-1": product("A-1", name='A "quoted" Äpfel', description="<&> \u2028"),
            "B-1": product("B-1"),
        },
        prices={"A-1": price("A-1", "12.345", "KWD")},
    )


@pytest.fixture
async def ways() -> AsyncIterator[Ways]:
    """
    Both ways to the shop.
    """
    were_routed: list[bool] = []
    async with AsyncExitStack() as stack:
        one = await stack.enter_async_context(running_catalog(shop()))
        other = await stack.enter_async_context(running_catalog(shop()))
        lean = await stack.enter_async_context(caller_of(noted(one.app, were_routed)))
        ordinary = await stack.enter_async_context(caller_of(without_lean_routes(other.app)))
        yield Ways(lean, ordinary, (one, other), were_routed)


@pytest.mark.parametrize("method", ["GET", "HEAD"])
@pytest.mark.parametrize(
    ("product_id", "status", "is_complete"),
    [("A-1", 200, True), ("B-1", 200, False), ("C-1", 404, False)],
)
async def test_what_is_there_and_what_is_not_is_told_alike(
    ways: Ways, method: str, product_id: str, status: int, *, is_complete: bool
) -> None:
    """
    Complete, without a price, and unknown: status, headers and body are the same.
    """
    lean, ordinary = await ways.told(method, f"{PATH}/{product_id}", {})

    assert lean == ordinary
    assert lean[0] == status
    assert ("etag" in lean[1]) is is_complete


def inventory_fails(backends: FakeBackends) -> None:
    """
    Every call of inventory is 503.
    """
    backends.inventory.fail_always(503)


def pricing_fails(backends: FakeBackends) -> None:
    """
    Every call of pricing is garbage.
    """
    backends.pricing.fail_always(b"<html>")


def both_fail(backends: FakeBackends) -> None:
    """
    Neither can be read.
    """
    inventory_fails(backends)
    pricing_fails(backends)


def pricing_hangs(backends: FakeBackends) -> None:
    """
    Pricing never answers.
    """
    backends.pricing.fail_always(Held())


def both_hang(backends: FakeBackends) -> None:
    """
    Neither ever answers.
    """
    backends.inventory.fail_always(Held())
    pricing_hangs(backends)


@pytest.mark.parametrize(
    ("fault", "status"),
    [(inventory_fails, 200), (pricing_fails, 200), (both_fail, 503)],
)
async def test_faults_are_told_alike(
    ways: Ways, fault: Callable[[FakeBackends], None], status: int
) -> None:
    """
    A part that is missing, and an answer that would be empty, look the same by both ways.
    """
    ways.arrange(fault)

    lean, ordinary = await ways.told("GET", f"{PATH}/A-1", {})

    assert lean == ordinary
    assert lean[0] == status


@pytest.mark.parametrize("fault", [inventory_fails, pricing_fails, both_fail])
async def test_what_stands_in_is_told_alike(
    ways: Ways, fault: Callable[[FakeBackends], None]
) -> None:
    """
    Values from before are shown, and named with their age, by both ways.
    """
    await ways.know()
    ways.arrange(fault)

    lean, ordinary = await ways.told("GET", f"{PATH}/A-1", {})

    assert lean == ordinary
    assert (lean[0], b'"ageSeconds":12' in lean[2]) == (200, True)


@pytest.mark.leaping_time
@pytest.mark.parametrize(("fault", "status"), [(pricing_hangs, 200), (both_hang, 504)])
async def test_a_deadline_is_told_alike(
    ways: Ways, fault: Callable[[FakeBackends], None], status: int
) -> None:
    """
    Who hangs costs its part of the answer, or all of it, by both ways.
    """
    ways.arrange(fault)

    lean, ordinary = await ways.told("GET", f"{PATH}/A-1", SHORT)

    assert lean[:2] == ordinary[:2]
    assert lean[0] == status


async def test_a_known_answer_is_not_sent_again(ways: Ways) -> None:
    """
    304 by both ways, with the same headers and no body, however the tag is told.
    """
    etag = (await ways.lean.get(f"{PATH}/A-1")).headers["ETag"]

    for known in (etag, f"W/{etag}", f'"other", {etag}', "*"):
        lean, ordinary = await ways.told("GET", f"{PATH}/A-1", {"If-None-Match": known})
        assert lean == ordinary
        assert (lean[0], lean[2]) == (304, b"")


@pytest.mark.parametrize(
    ("lines", "status"),
    [
        (['"other"', "{tag}"], 304),
        (["{tag}", '"other"'], 304),
        (["*", "*"], 304),
        (['"other", *'], 304),
        (['"other"', '"third"'], 200),
        ([""], 200),
    ],
)
async def test_a_header_in_several_lines_is_read_alike(
    ways: Ways, lines: list[str], status: int
) -> None:
    """
    All lines of ``If-None-Match`` count, by both ways.
    """
    etag = (await ways.lean.get(f"{PATH}/A-1")).headers["ETag"]
    headers = [("If-None-Match", line.format(tag=etag)) for line in lines]

    lean, ordinary = await ways.told("GET", f"{PATH}/A-1", headers)

    assert lean == ordinary
    assert lean[0] == status


@pytest.mark.parametrize(
    ("path", "headers", "status"),
    [
        ("A-1", {"If-None-Match": '"other"'}, 200),
        ("A-1", {"If-None-Match": "no tag"}, 200),
        ("A-1", {DEADLINE_HEADER: "0"}, 504),
        ("A-1", {DEADLINE_HEADER: "soon"}, 400),
        ("A-1", {"Authorization": "Bearer nonsense"}, 401),
        ("A-1", bearer(scope="write"), 403),
        ("A-1", bearer(scope="read"), 200),
        ("A-1", {"X-Explain": "1"}, 401),
        ("A-1", {"X-Explain": "2"}, 400),
        ("A-1", {"X-Explain": "1", **bearer()}, 403),
        ("A-1?currency=EUR", {}, 422),
        ("A-1?", {}, 200),
        ("A-1/", {}, 404),
        ("", {}, 404),
        ("%2E", {}, 422),
        ("-a", {}, 422),
        ("a%20b", {}, 422),
        ("a%2Fb", {}, 404),
        ("A%2D1", {}, 200),
        ("A-1%0A", {}, 422),
        ("%C3%A4", {}, 422),
        ("x" * 64, {}, 404),
        ("x" * 65, {}, 422),
        ("bulk-check", {}, 404),
        ("quote", {}, 404),
    ],
)
async def test_odd_requests_are_told_alike(
    ways: Ways, path: str, headers: dict[str, str], status: int
) -> None:
    """
    Ids, queries and headers of every kind come to the same, whichever way is taken.
    """
    lean, ordinary = await ways.told("GET", f"{PATH}/{path}", headers)

    assert lean == ordinary
    assert lean[0] == status


async def test_plain_requests_take_the_lean_way_and_no_others(ways: Ways) -> None:
    """
    Whoever asks for a product and nothing else is not served by FastAPI; all that is odd is.
    """
    headers: list[dict[str, str]] = [{}, {"If-None-Match": "*"}, bearer(), admin()]
    for plain in headers:
        await ways.lean.get(f"{PATH}/A-1", headers=plain)
    await ways.lean.get(f"{PATH}/A-1", headers={"X-Explain": "1"} | admin())
    await ways.lean.get(f"{PATH}/A-1?x=1")
    await ways.lean.get(f"{PATH}/-a")

    assert ways.were_routed == [False] * 4 + [True] * 3
