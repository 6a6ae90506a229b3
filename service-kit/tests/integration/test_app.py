"""
What an application that starts from ``create_service`` does with each request.
"""

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from calling import Calling
from fastapi import APIRouter, Depends
from prometheus_client import generate_latest
from sample_service import sample_app, sample_verifier, settings, token
from starlette.types import Message, Scope

from servicekit.app import UndeclaredAccess, create_service
from servicekit.auth import TokenVerifier, requires
from servicekit.errors import ServiceUnavailable
from servicekit.health import HealthCheck
from servicekit.telemetry import Telemetry

BIG = "x" * 2000


@pytest.mark.parametrize(
    ("method", "path", "request_", "status", "code"),
    [
        ("GET", "/nowhere", {}, 404, "NOT_FOUND"),
        ("GET", "/things/1/", {}, 404, "NOT_FOUND"),
        ("DELETE", "/things/1", {}, 405, "METHOD_NOT_ALLOWED"),
        ("GET", "/things/one", {}, 422, "INVALID_REQUEST"),
        ("POST", "/orders", {"json": {"lines": [{"sku": "", "quantity": 0}]}}, 422, "INVALID_REQUEST"),
        ("POST", "/orders", {"json": {"lines": []}, "headers": {"Content-Type": "text/plain"}}, 422, "INVALID_REQUEST"),
        ("POST", "/orders", {"content": "{", "headers": {"Content-Type": "application/json"}}, 400, "INVALID_REQUEST"),
        ("POST", "/orders", {"content": b"\xff", "headers": {"Content-Type": "application/json"}}, 400, "INVALID_REQUEST"),
        ("POST", "/orders", {"json": {"lines": [BIG]}}, 413, "INVALID_REQUEST"),
        ("POST", "/orders", {"content": "", "headers": {"Content-Length": "ten"}}, 400, "INVALID_REQUEST"),
        ("PUT", "/things/1", {}, 401, "AUTH_ERROR"),
        ("GET", "/things/1", {"headers": {"Authorization": "Bearer nonsense"}}, 401, "AUTH_ERROR"),
        ("GET", "/crash", {}, 500, "INTERNAL"),
        ("GET", "/teapot?status=400", {}, 400, "INVALID_REQUEST"),
        ("GET", "/teapot?status=403", {}, 403, "FORBIDDEN"),
        ("GET", "/teapot?status=415", {}, 415, "INVALID_REQUEST"),
        ("GET", "/teapot?status=409", {}, 409, "CONFLICT"),
        ("GET", "/teapot?status=429", {}, 429, "RATE_LIMIT"),
        ("GET", "/teapot?status=504", {}, 504, "DEADLINE_EXCEEDED"),
        ("GET", "/teapot?status=503", {}, 503, "SERVICE_UNAVAILABLE"),
        ("GET", "/teapot?status=599", {}, 500, "INTERNAL"),
        ("GET", "/time", {"headers": {"X-Request-Deadline-Ms": "0"}}, 504, "DEADLINE_EXCEEDED"),
        ("GET", "/time", {"headers": {"X-Request-Deadline-Ms": "soon"}}, 400, "INVALID_REQUEST"),
    ],
)  # fmt: skip
async def test_every_refusal_has_one_shape(
    *,
    method: str,
    path: str,
    request_: dict[str, object],
    status: int,
    code: str,
    calling: Calling,
) -> None:
    """
    Whatever goes wrong, the answer has the same shape, its code, and nothing of our inside.
    """
    async with calling(sample_app(max_body_bytes=1024)) as client:
        answer = await client.request(method, path, **request_)  # type: ignore[arg-type]  # a table's

    body = answer.json()
    assert (answer.status_code, body["error"]["code"]) == (status, code)
    assert body["error"]["message"]
    assert body["request_id"] == answer.headers["X-Correlation-ID"]
    for inside in ("Traceback", "hunter2", "10.0.0.7", "internal words", "pydantic"):
        assert inside not in answer.text


async def test_problem_json_holds_the_same_facts(calling: Calling) -> None:
    """
    A client that asks for RFC 9457's form gets the same facts in it.
    """
    async with calling(sample_app()) as client:
        answer = await client.get("/nowhere", headers={"Accept": "application/problem+json"})

    assert answer.headers["Content-Type"] == "application/problem+json"
    assert answer.json() == {
        "type": "urn:problem:not-found",
        "title": "Not found",
        "status": 404,
        "detail": "There is no such address.",
        "code": "NOT_FOUND",
        "details": {"what": "address"},
        "request_id": answer.headers["X-Correlation-ID"],
    }


async def test_a_wrong_method_is_told_all_right_ones(calling: Calling) -> None:
    """
    ``Allow`` lists the methods of every route at the address, not only of the first.
    """
    async with calling(sample_app()) as client:
        answer = await client.post("/things/1")

    assert answer.headers["Allow"] == "GET, HEAD, PUT"


@pytest.mark.parametrize("path", ["/health", "/things/1", "/nowhere", "/things/one"])
async def test_head_is_get_without_a_body(path: str, calling: Calling) -> None:
    """
    Wherever GET is answered, HEAD has the same status and headers, and no body.
    """
    async with calling(sample_app()) as client:
        head, get = await client.head(path), await client.get(path)

    assert (head.status_code, head.content) == (get.status_code, b"")
    assert head.headers["Content-Type"] == get.headers["Content-Type"]


async def test_problems_name_their_fields_and_repeat_no_value(calling: Calling) -> None:
    """
    A body's faults are listed by where they stand; what was sent is not sent back.
    """
    body = {"lines": [{"sku": "secret-" * 9, "quantity": 0}], "card": "4111"}

    async with calling(sample_app()) as client:
        answer = await client.post("/orders", json=body)

    problems = {p["field"] for p in answer.json()["error"]["details"]["problems"]}
    assert problems == {"body.lines[0].sku", "body.lines[0].quantity"}
    assert "secret-" not in answer.text


async def test_a_flood_of_problems_is_cut(calling: Calling) -> None:
    """
    A request with a thousand faults gets an answer of bounded size.
    """
    body = {"lines": [{"sku": "", "quantity": 0}] * 500}

    async with calling(sample_app()) as client:
        answer = await client.post("/orders", json=body)

    error = answer.json()["error"]
    assert error["message"].startswith("1000 values")
    assert len(error["details"]["problems"]) == 20


@pytest.mark.parametrize("path", ["/things/1", "/nowhere", "/crash", "/health"])
async def test_ids_are_on_every_answer(path: str, calling: Calling) -> None:
    """
    Good or bad, an answer tells the correlation and trace id that the request brought.
    """
    brought = {
        "X-Correlation-ID": "order-42",
        "traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
    }

    async with calling(sample_app()) as client:
        answer = await client.get(path, headers=brought)

    assert answer.headers.get_list("X-Correlation-ID") == ["order-42"]
    assert answer.headers.get_list("X-Trace-ID") == ["0af7651916cd43dd8448eb211c80319c"]


async def test_a_doubled_correlation_id_is_replaced(calling: Calling) -> None:
    """
    Two ids are as good as none.
    """
    async with calling(sample_app()) as client:
        answer = await client.get(
            "/things/1", headers=[("X-Correlation-ID", "a"), ("X-Correlation-ID", "b")]
        )

    assert answer.headers["X-Correlation-ID"] not in {"a", "b"}


async def test_the_principal_comes_from_the_token(calling: Calling) -> None:
    """
    A route behind ``requires`` serves whoever the token names, and refuses whom it does not fit.
    """
    async with calling(sample_app()) as client:
        me = await client.get("/me", headers={"Authorization": f"Bearer {token()}"})
        other = await client.get(
            "/me", headers={"Authorization": f"Bearer {token(kind='service')}"}
        )

    assert me.json() == {"id": "u-1"}
    assert (other.status_code, other.json()["error"]["code"]) == (403, "FORBIDDEN")


async def test_health_tells_what_the_contract_says(calling: Calling) -> None:
    """
    ``/health`` has every field of the contract.
    """

    async def well() -> None: ...

    async with calling(sample_app(checks=[HealthCheck("database", well)])) as client:
        body = (await client.get("/health")).json()

    assert body["service"] == "sample-service"
    assert (body["status"], body["port"]) == ("healthy", 8000)
    assert body["dependencies"] == {"database": "healthy"}
    assert body["metrics"].keys() == {"uptime_seconds", "active_connections", "memory_usage_mb"}
    assert body["metrics"]["memory_usage_mb"] > 1
    assert re.match(r"\d{4}-\d\d-\d\dT", body["timestamp"])


@pytest.mark.parametrize(
    ("is_required", "status", "health", "ready"),
    [(True, 503, "unhealthy", 503), (False, 200, "degraded", 200)],
)
async def test_a_lost_dependency_shows(
    *, is_required: bool, status: int, health: str, ready: int, calling: Calling
) -> None:
    """
    Without what it needs a service is unhealthy and not ready; without what it can spare, degraded.
    """

    async def gone() -> None:
        raise ConnectionError("10.0.0.7 refused")

    check = HealthCheck("database", gone, is_required=is_required)

    async with calling(sample_app(checks=[check])) as client:
        answer = await client.get("/health")
        probe = await client.get("/health/ready")
        live = await client.get("/health/live")

    assert (answer.status_code, answer.json()["status"]) == (status, health)
    assert answer.json()["dependencies"] == {"database": "unhealthy"}
    assert "10.0.0.7" not in answer.text
    assert (probe.status_code, live.status_code) == (ready, 200)


async def test_a_lost_dependency_shows_in_the_metrics(calling: Calling) -> None:
    """
    Each dependency's state, as it was found last, can be alarmed on.
    """

    async def gone() -> None:
        raise ConnectionError

    async def well() -> None:
        pass

    checks = [HealthCheck("database", gone), HealthCheck("redis", well)]

    async with calling(sample_app(checks=checks)) as client:
        await client.get("/health/ready")
        text = (await client.get("/metrics")).text

    assert 'dependency_healthy{dependency="database"} 0.0' in text
    assert 'dependency_healthy{dependency="redis"} 1.0' in text


@pytest.mark.real_time
async def test_probing_hard_asks_dependencies_once(calling: Calling) -> None:
    """
    Many probes in a moment cost a dependency one check.
    """
    asked = 0

    async def count() -> None:
        nonlocal asked
        asked += 1

    async with calling(sample_app(checks=[HealthCheck("database", count)])) as client:
        for _ in range(20):
            await client.get("/health")

    assert asked == 1


async def test_a_draining_service_is_not_ready_but_serves(calling: Calling) -> None:
    """
    From the start of the drain, probes say so, requests are answered, and connections are let go.
    """
    app = sample_app()

    async with calling(app) as client:
        app.state.lifecycle.drain()
        probe = await client.get("/health/ready")
        answer = await client.get("/things/1")

    assert (probe.status_code, probe.json()) == (503, {"status": "draining"})
    assert probe.headers["Retry-After"]
    assert answer.status_code == 200
    assert answer.headers["Connection"] == "close"


async def test_before_the_start_a_service_is_not_ready(calling: Calling) -> None:
    """
    Ready is said only once everything has started.
    """
    app = sample_app()

    async with calling(app) as client:
        app.state.lifecycle.phase = "starting"
        probe = await client.get("/health/ready")

    assert (probe.status_code, probe.json()) == (503, {"status": "starting"})


async def test_resources_start_in_order_and_end_in_reverse(calling: Calling) -> None:
    """
    What was opened first is closed last.
    """
    told: list[str] = []

    def resource(name: str):  # type: ignore[no-untyped-def]  # noqa: ANN202 - a context manager's maker
        @asynccontextmanager
        async def opened() -> AsyncIterator[None]:
            told.append(f"+{name}")
            yield
            told.append(f"-{name}")

        return opened

    async with calling(sample_app(resources=[resource("a"), resource("b")])):
        pass

    assert told == ["+a", "+b", "-b", "-a"]


async def test_a_refused_start_is_told_and_undone(calling: Calling) -> None:
    """
    A resource that is missing refuses the start, and what was opened before it is closed.
    """
    told: list[str] = []

    @asynccontextmanager
    async def fine() -> AsyncIterator[None]:
        try:
            yield
        finally:
            told.append("closed")

    @asynccontextmanager
    async def missing() -> AsyncIterator[None]:
        told.append("tried")
        if told:
            raise ServiceUnavailable("the database")
        yield

    app = sample_app(resources=[fine, missing])

    with pytest.raises(ServiceUnavailable):
        async with calling(app):
            pass

    assert app.state.lifecycle.is_refused
    assert told == ["tried", "closed"]


def test_an_undeclared_route_stops_the_start() -> None:
    """
    A route that does not say who may call it is named, and nothing starts.
    """
    open_by_oversight = APIRouter()

    @open_by_oversight.get("/everything")
    async def everything() -> None: ...

    with pytest.raises(UndeclaredAccess, match=r"GET /everything"):
        create_service(
            settings(),
            title="Sample",
            description="",
            verifier=TokenVerifier.hs256("s" * 32, issuer="i", audience="a"),
            routers=[open_by_oversight],
        )


@pytest.mark.parametrize(
    ("accept", "form"),
    [
        ("application/problem+json;q=0, */*", "application/json"),
        ("application/problem+json; q=0.0", "application/json"),
        ("application/json, Application/Problem+JSON;q=0.5", "application/problem+json"),
    ],
)
async def test_the_form_of_errors_is_the_one_that_is_wanted(
    accept: str, form: str, calling: Calling
) -> None:
    """
    q=0 means anything but this.
    """
    async with calling(sample_app()) as client:
        answer = await client.get("/nowhere", headers={"Accept": accept})

    assert answer.headers["Content-Type"] == form


async def test_access_is_checked_before_the_request_is_read(calling: Calling) -> None:
    """
    Whoever may not call a route learns nothing about what it takes; other dependencies still run.
    """
    guarded = APIRouter(prefix="/guarded", dependencies=[requires("write")])
    ran: list[str] = []

    def other() -> None:
        ran.append("other")

    @guarded.post("/things", dependencies=[Depends(other), requires("admin")], status_code=201)
    async def make(thing: dict[str, int]) -> dict[str, int]:
        return thing

    app = create_service(
        settings(),
        title="Sample",
        description="",
        verifier=sample_verifier(),
        routers=[guarded],
    )
    malformed = {"content": "{", "headers": {"Content-Type": "application/json"}}
    async with calling(app) as client:
        stranger = await client.post("/guarded/things", **malformed)  # type: ignore[arg-type]  # a table's
        client.headers["Authorization"] = f"Bearer {token(scope='write')}"
        half = await client.post("/guarded/things", json={"a": "text"})
        client.headers["Authorization"] = f"Bearer {token(scope='write admin')}"
        wrong = await client.post("/guarded/things", json={"a": "text"})
        right = await client.post("/guarded/things", json={"a": 1})
        document = (await client.get("/openapi.json")).json()

    statuses = [stranger.status_code, half.status_code, wrong.status_code, right.status_code]
    assert statuses == [401, 403, 422, 201]
    assert ran == ["other", "other"]
    operation = document["paths"]["/guarded/things"]["post"]
    assert operation["security"] == [{"bearer": ["write", "admin"]}]


def test_durations_are_told_as_a_histogram() -> None:
    """
    Buckets are cumulated, bounds belong to the bucket below, and the slowest have one of their own.
    """
    telemetry = Telemetry()
    for duration_s in (0.001, 0.0011, 3.0, 60.0):
        telemetry.requests.observe("GET", "/x", 200, duration_s)

    text = generate_latest(telemetry.registry).decode()

    told = dict(re.findall(r'http_request_duration_seconds_bucket.*le="([^"]+)".* (\S+)\n', text))
    assert [told[bound] for bound in ("0.001", "0.0025", "2.5", "5.0", "10.0", "+Inf")] == [
        "1.0", "2.0", "2.0", "3.0", "3.0", "4.0",
    ]  # fmt: skip
    assert re.search(r'_seconds_sum\{method="GET",route="/x",status="200"\} 63.0021', text)
    assert re.search(r'_seconds_count\{method="GET",route="/x",status="200"\} 4.0', text)


async def test_metrics_are_bounded_by_route_templates(calling: Calling) -> None:
    """
    However many addresses and methods are tried, the series stay few and name templates.
    """
    async with calling(sample_app()) as client:
        for n in range(20):
            await client.get(f"/things/{n}")
            await client.request(f"M{n}", f"/unknown/{n}")
        text = (await client.get("/metrics")).text

    counts = [line for line in text.splitlines() if "http_request_duration_seconds_count" in line]
    assert len(counts) == 2
    assert 'method="GET",route="/things/{thing_id}",status="200"} 20.0' in text
    assert 'method="OTHER",route="(none)",status="404"} 20.0' in text


@pytest.mark.parametrize("path", ["/docs", "/redoc"])
async def test_the_pages_need_no_stranger(path: str, calling: Calling) -> None:
    """
    Everything that a documentation page loads comes from this service.
    """
    async with calling(sample_app()) as client:
        page = (await client.get(path)).text
        loaded = re.findall(r'(?:src|href)="([^"]+)"', page)
        statuses = [(await client.get(f"/{name}")).status_code for name in loaded]

    assert loaded
    assert not [name for name in loaded if "//" in name]
    assert set(statuses) == {200}


async def test_assets_are_a_closed_list(calling: Calling) -> None:
    """
    No other file of the machine can be asked for.
    """
    async with calling(sample_app()) as client:
        for name in ("..%2f__init__.py", "core.py", "%2e%2e/core.py"):
            assert (await client.get(f"/docs/assets/{name}")).status_code == 404


async def test_the_description_tells_bad_answers(calling: Calling) -> None:
    """
    Every route is described with an example of a bad answer in our shape, and none in FastAPI's.
    """
    async with calling(sample_app()) as client:
        description = (await client.get("/openapi.json")).json()

    assert "HTTPValidationError" not in str(description)
    for operations in description["paths"].values():
        for operation in operations.values():
            assert operation["summary"]
            examples = operation["responses"]["422"]["content"]["application/json"]["examples"]
            assert examples["INVALID_REQUEST"]["value"]["error"]["code"] == "INVALID_REQUEST"


async def test_websockets_and_other_scopes_pass(calling: Calling) -> None:
    """
    What is not HTTP goes through the middleware to the application untouched.
    """
    app = sample_app()
    messages: list[Message] = []

    async def receive() -> Message:
        return {"type": "websocket.connect"}

    async def send(message: Message) -> None:
        messages.append(message)

    scope: Scope = {"type": "websocket", "path": "/nowhere", "headers": [], "query_string": b""}
    async with calling(app):
        await app(scope, receive, send)

    assert messages[0]["type"] == "websocket.close"
