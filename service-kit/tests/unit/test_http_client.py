"""
What a client sends, and what its callers get: replies, and errors of our own.
"""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import httpx
import orjson
import pytest
import respx
from lookups import turns
from networks import BrokenBody, HeldNetwork, Network, Watcher, answer, client

from servicekit import correlation, deadline
from servicekit.errors import (
    AuthError,
    CircuitOpen,
    DeadlineExceeded,
    OutcomeUnknown,
    Overloaded,
    StorefrontError,
    UpstreamError,
    UpstreamFailed,
    UpstreamRefused,
)
from servicekit.http import (
    CallEnded,
    CallOutcome,
    Policy,
    ServiceClient,
    State,
    recorded,
    segment,
)
from servicekit.http.addresses import Params
from servicekit.testing.clock import FakeClock

ONCE = Policy(max_attempts=1)


async def sent_by(network: Network, n: int = 0) -> bytes:
    """
    The body of the ``n``-th request.
    """
    return await network.sent[n].aread()


async def test_call_says_who_asks_for_whom_and_how_long() -> None:
    """
    Correlation, trace, caller and deadline travel with every call.
    """
    network = Network()
    ids = correlation.new("order-7")

    with correlation.correlated(ids):
        await client(network, policy=Policy(total_timeout_s=7.9999)).get("/products")

    headers = network.sent[0].headers
    assert headers["X-Correlation-ID"] == "order-7"
    assert headers["traceparent"] == ids.traceparent
    assert headers["X-Service-Name"] == "gateway"
    assert headers["X-Request-Deadline-Ms"] == "7999"
    assert headers["Host"] == "inventory:8001"
    assert headers["Accept"] == "application/json"


async def test_call_outside_of_any_request_has_ids_all_the_same() -> None:
    """
    Every call can be found again.
    """
    network = Network()

    await client(network).get("/products")

    assert network.sent[0].headers["X-Correlation-ID"]
    assert network.sent[0].headers["traceparent"].startswith("00-")


async def test_each_attempt_says_what_is_left_then() -> None:
    """
    The deadline that is sent on shrinks with every attempt, and is never below one millisecond.
    """
    sent = []

    def busy_at_first(request: httpx.Request) -> int | httpx.Response:
        sent.append(request.headers["X-Request-Deadline-Ms"])
        return answer(503, headers={"Retry-After": "2"}) if len(sent) == 1 else 200

    await client(Network(busy_at_first), policy=Policy(total_timeout_s=2.0005)).get("/products")

    assert sent == ["2000", "1"]


async def test_callers_headers_are_sent_but_not_in_place_of_ours() -> None:
    """
    A caller adds headers; ours, and those of one connection, are not theirs to give.
    """
    network = Network()
    given = {
        "X-Privacy-Level": "strict",
        "accept": "text/csv",
        "x-service-name": "somebody else",
        "Connection": "close",
        "Content-Length": "5",
        "cookie": "a=b",
    }

    await client(network).get("/products", headers=given)

    headers = network.sent[0].headers
    assert headers["X-Privacy-Level"] == "strict"
    assert headers["Accept"] == "text/csv"
    assert headers["X-Service-Name"] == "gateway"
    assert not {"connection", "content-length", "cookie"} & set(headers)


@pytest.mark.parametrize("spell", [str.lower, str.title, str.upper])
async def test_each_header_of_ours_is_sent_once(spell: Callable[[str], str]) -> None:
    """
    On every attempt, whatever a caller gives under its name, in whatever case.
    """
    plain, network = Network(), Network([503, 200])
    await client(plain).post("/orders", json={}, idempotency_key="order-1")
    names = [name.decode() for name, _ in plain.sent[0].headers.raw]
    given = {spell(name): "another's" for name in names}

    await client(network).post("/orders", json={}, idempotency_key="order-1", headers=given)

    for request in network.sent:
        sent = [(name.decode().lower(), value) for name, value in request.headers.raw]
        assert sorted(name for name, _ in sent) == sorted(map(str.lower, names))
        assert [name for name, value in sent if value == b"another's"] == ["accept"]


@pytest.mark.parametrize("name", ["Content-Length ", "X-Note: a", "", " Host", "X\tY", "X\n"])
async def test_header_whose_name_is_none_is_not_sent(name: str) -> None:
    """
    A name that others would read otherwise is a mistake of the caller's.
    """
    network = Network()

    with pytest.raises(ValueError, match="a name"):
        await client(network).post("/x", headers={name: "5"})

    assert network.sent == []


async def test_callers_header_keeps_what_we_accept() -> None:
    """
    Without an ``Accept`` of the caller's, JSON is what we want.
    """
    network = Network()

    await client(network).get("/products", headers={"DNT": "1"})

    assert network.sent[0].headers["Accept"] == "application/json"


async def test_parameters_stand_in_the_query() -> None:
    """
    Text is quoted, lists repeat, booleans and decimals are written plainly, None is left out.
    """
    network = Network()
    params: Params = {
        "q": "a&b c",
        "ids": ["1", "2"],
        "page": 3,
        "all": True,
        "max": Decimal("1E+1"),
        "sort": None,
    }

    await client(network).get("/products", params=params)
    await client(network).get("/products", params={"sort": None})

    assert str(network.sent[0].url) == (
        "http://inventory:8001/api/v1/products?q=a%26b+c&ids=1&ids=2&page=3&all=true&max=10"
    )
    assert network.sent[1].url.query == b""


@pytest.mark.parametrize(
    "path",
    [
        "products",
        "",
        "/../admin",
        "/products/..",
        "/products/./x",
        "/%2e%2e/admin",
        "/a/%2E%2E%2Fadmin",
        "/a?b=c",
        "/a#b",
        "/a\\b",
        "/a b",
        "/a\r\nX: y",
        "/a\n",
        "http://elsewhere/",
        "@elsewhere/",
        "/ü",
    ],
)
async def test_path_cannot_leave_its_base(path: str) -> None:
    """
    No path, however it was put together, leads to another host, resource or header.
    """
    network = Network()

    with pytest.raises(ValueError, match=r"not a path|leads out"):
        await client(network).get(path)

    assert network.sent == []


@pytest.mark.parametrize("path", ["//elsewhere/x", "/:80/x", "/@elsewhere", "/a//b"])
async def test_odd_paths_stay_on_their_host(path: str) -> None:
    """
    What looks like another host is a path below the base.
    """
    network = Network()

    await client(network).get(path)

    assert network.sent[0].url.host == "inventory"
    assert network.sent[0].url.path == f"/api/v1{path}"


@pytest.mark.parametrize(
    ("text", "written"),
    [("TEST-001", "TEST-001"), ("a/b", "a%2Fb"), ("a b?c#d", "a%20b%3Fc%23d"), ("ü", "%C3%BC")],
)
async def test_segment_stands_for_one_name(text: str, written: str) -> None:
    """
    A name is quoted so that it is one segment, whatever is in it.
    """
    network = Network()

    await client(network).get(f"/products/{segment(text)}")

    assert network.sent[0].url.raw_path == f"/api/v1/products/{written}".encode()


@pytest.mark.parametrize("text", ["", ".", ".."])
def test_segment_refuses_what_would_move_up(text: str) -> None:
    """
    Dots cannot be quoted, and are no names.
    """
    with pytest.raises(ValueError, match="cannot stand in a path"):
        segment(text)


@pytest.mark.parametrize(
    "base_url",
    [
        "inventory:8001",
        "ftp://inventory",
        "http://",
        "http://u:p@inventory",
        "http://i?x",
        "http://i#x",
    ],
)
def test_base_must_be_a_plain_http_address(base_url: str) -> None:
    """
    A wrong address stops the start.
    """
    with pytest.raises(ValueError, match="must be"):
        ServiceClient("inventory", base_url, caller="gateway", network=Network())


async def test_decimals_are_sent_as_strings() -> None:
    """
    Money is never a float, not on the wire either.
    """
    network = Network()

    await client(network).post("/prices", json={"price": Decimal("19.90"), "huge": Decimal("1E+3")})

    assert orjson.loads(await sent_by(network)) == {"price": "19.90", "huge": "1000"}
    assert network.sent[0].headers["Content-Type"] == "application/json"
    assert network.sent[0].headers["Content-Length"] == "31"


@pytest.mark.parametrize(
    "value", [Decimal("NaN"), Decimal("Infinity"), object()], ids=["nan", "infinity", "object"]
)
async def test_what_is_no_json_is_not_sent(value: object) -> None:
    """
    A value that JSON cannot hold is a mistake of the caller.
    """
    network = Network()

    with pytest.raises(TypeError):
        await client(network).post("/x", json={"value": value})

    assert network.sent == []


async def test_forms_are_sent_as_forms() -> None:
    """
    Token endpoints take forms.
    """
    network = Network()

    await client(network).post("/auth/token", form={"grant_type": "password", "username": "a b"})

    assert await sent_by(network) == b"grant_type=password&username=a+b"
    assert network.sent[0].headers["Content-Type"] == "application/x-www-form-urlencoded"


async def test_request_has_one_body() -> None:
    """
    JSON and a form at once is a mistake.
    """
    with pytest.raises(ValueError, match="one body"):
        await client(Network()).post("/x", json={}, form={})


async def test_write_without_a_body_says_so() -> None:
    """
    An empty write has the length zero.
    """
    network = Network()

    await client(network).delete("/products/1")

    assert network.sent[0].headers["Content-Length"] == "0"
    assert await sent_by(network) == b""


@pytest.mark.parametrize("key", ["", "a b", "x" * 256, "ü", "a\n"])
async def test_key_has_visible_characters(key: str) -> None:
    """
    A key that no upstream would take is not sent.
    """
    with pytest.raises(ValueError, match="idempotency key"):
        await client(Network()).post("/x", json={}, idempotency_key=key)


async def test_header_that_is_not_ascii_is_not_sent() -> None:
    """
    It is a mistake of the caller's, and says nothing about the upstream.
    """
    network = Network()
    inventory = client(network)

    with pytest.raises(ValueError, match="ASCII"):
        await inventory.post("/x", headers={"X-Note": "ü"})

    assert network.sent == []
    assert inventory.breaker.snapshot().failures_in_a_row == 0


async def test_reply_has_what_came() -> None:
    """
    Status, headers in any case, content, JSON.
    """
    network = Network([answer(201, b'{"id": 1}', {"Location": "/orders/1"})])

    reply = await client(network).post("/orders", json={})

    assert (reply.status, reply.content, reply.json()) == (201, b'{"id": 1}', {"id": 1})
    assert reply.headers["location"] == "/orders/1"
    assert reply.elapsed_s == 0


async def test_redirect_is_not_followed() -> None:
    """
    A redirect is an answer like any other; nothing goes to where it points.
    """
    network = Network([answer(302, headers={"Location": "http://elsewhere/"})])

    reply = await client(network).get("/x")

    assert reply.status == 302
    assert len(network.sent) == 1


OUR_SHAPE = (
    b'{"error":{"code":"OUT_OF_STOCK","message":"Gone.","details":{"left":0}},"request_id":"r"}'
)
PROBLEM = (
    b'{"type":"urn:problem:out-of-stock","title":"T","status":409,"detail":"Gone.",'
    b'"code":"OUT_OF_STOCK","details":{"left":0}}'
)
BARE_PROBLEM = b'{"type":"about:blank","title":"Gone.","left":0}'


@pytest.mark.parametrize(
    ("body", "media_type", "code"),
    [
        (OUR_SHAPE, "application/json", "OUT_OF_STOCK"),
        (PROBLEM, "application/problem+json; charset=utf-8", "OUT_OF_STOCK"),
        (BARE_PROBLEM, "application/problem+json", "about:blank"),
    ],
)
async def test_refusal_keeps_its_facts(body: bytes, media_type: str, code: str) -> None:
    """
    Code, reason and details of a 4xx, in our shape of errors or as problem+json.
    """
    network = Network([answer(409, body, {"Content-Type": media_type})])

    with pytest.raises(UpstreamRefused) as caught:
        await client(network).post("/stock/reserve", json={})

    refusal = caught.value
    assert (refusal.upstream, refusal.upstream_status) == ("inventory", 409)
    assert (refusal.upstream_code, refusal.reason, refusal.facts) == (code, "Gone.", {"left": 0})


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html>",
        b"[]",
        b'"no"',
        b'{"error": "no"}',
        b'{"error": {"code": 5, "message": ["x"], "details": "x"}}',
        b'{"error": {"code": "X", "message": "' + b"x" * 40_000 + b'"}}',
    ],
    ids=lambda body: body[:20],
)
async def test_refusal_without_facts_is_a_refusal(body: bytes) -> None:
    """
    What has another form, or is too long, is left out.
    """
    with pytest.raises(UpstreamRefused) as caught:
        await client(Network([answer(404, body)])).get("/x")

    assert (caught.value.upstream_code, caught.value.reason, caught.value.facts) == (None, None, {})


async def test_long_reason_is_cut() -> None:
    """
    What an upstream says does not fill our logs.
    """
    body = b'{"error": {"code": "X", "message": "' + b"x" * 1000 + b'"}}'

    with pytest.raises(UpstreamRefused) as caught:
        await client(Network([answer(404, body)])).get("/x")

    assert caught.value.reason == "x" * 500


FAILURES: list[tuple[int | Exception, type[UpstreamError]]] = [
    (500, OutcomeUnknown),
    (503, OutcomeUnknown),
    (httpx.ReadTimeout("stalled"), OutcomeUnknown),
    (httpx.ReadError("reset"), OutcomeUnknown),
    (httpx.WriteError("reset"), OutcomeUnknown),
    (httpx.RemoteProtocolError("closed"), OutcomeUnknown),
    (httpx.ConnectError("refused"), UpstreamFailed),
    (httpx.ConnectTimeout("stalled"), UpstreamFailed),
    (httpx.PoolTimeout("full"), UpstreamFailed),
    (httpx.LocalProtocolError("header"), UpstreamFailed),
]


@pytest.mark.parametrize(("failure", "error"), FAILURES, ids=repr)
@pytest.mark.parametrize("method", ["post", "put", "patch", "delete"])
async def test_write_that_may_have_happened_is_unknown(
    method: str, failure: int | Exception, error: type[UpstreamError]
) -> None:
    """
    Once sent, a write without a clear answer is unknown; before, it failed.
    """
    call = getattr(client(Network([failure]), policy=ONCE), method)

    with pytest.raises(UpstreamError) as caught:
        await call("/x", json={})

    assert type(caught.value) is error


@pytest.mark.parametrize("failure", [failure for failure, _ in FAILURES], ids=repr)
async def test_failed_read_has_failed(failure: int | Exception) -> None:
    """
    Nothing about a read is unknown.
    """
    with pytest.raises(UpstreamFailed):
        await client(Network([failure]), policy=ONCE).get("/x")


@pytest.mark.parametrize(("method", "error"), [("get", UpstreamFailed), ("post", OutcomeUnknown)])
async def test_body_that_breaks_off_is_no_answer(method: str, error: type[Exception]) -> None:
    """
    An answer is an answer when it is whole; what was open is closed.
    """
    body = BrokenBody(httpx.ReadError("reset"))
    network = Network([httpx.Response(200, stream=body)])

    with pytest.raises(error):
        await getattr(client(network, policy=ONCE), method)("/x")

    assert body.is_closed


@pytest.mark.parametrize(("method", "error"), [("get", UpstreamFailed), ("post", OutcomeUnknown)])
async def test_body_beyond_the_bound_is_not_read(method: str, error: type[Exception]) -> None:
    """
    An answer without end does not fill our memory.
    """
    network = Network([answer(200, b"x" * 1001)])

    with pytest.raises(error):
        await getattr(client(network, policy=Policy(max_response_bytes=1000)), method)("/x")


@pytest.mark.parametrize(("method", "error"), [("get", UpstreamFailed), ("post", OutcomeUnknown)])
async def test_garbage_in_place_of_json(method: str, error: type[Exception]) -> None:
    """
    A good status with an unreadable body is a failed read, or a write that may have happened.
    """
    reply = await getattr(client(Network([answer(200, b"<html>")])), method)("/x")

    with pytest.raises(error):
        reply.json()


async def test_error_names_no_address() -> None:
    """
    What clients may see of a failure tells no internal address.
    """
    with pytest.raises(UpstreamFailed) as caught:
        await client(Network([httpx.ConnectError("http://10.0.0.1:8001")]), policy=ONCE).get("/x")

    assert "10.0.0.1" not in str(caught.value)
    assert "8001" not in str(caught.value)


@pytest.mark.leaping_time
@pytest.mark.parametrize(("method", "error"), [("get", DeadlineExceeded), ("post", OutcomeUnknown)])
async def test_time_that_runs_out_on_the_wire(method: str, error: type[Exception]) -> None:
    """
    A read is past its deadline; a write that was sent is unknown.
    """
    inventory = ServiceClient("i", "http://i", caller="gateway", network=HeldNetwork())

    with deadline.within(0.02), pytest.raises(error):
        await getattr(inventory, method)("/x")


@pytest.mark.parametrize("method", ["get", "post"])
async def test_without_time_nothing_is_sent(method: str) -> None:
    """
    A call whose time is over is past its deadline, and was not sent.
    """
    network = Network()

    with deadline.within(0), pytest.raises(DeadlineExceeded):
        await getattr(client(network), method)("/x")

    assert network.sent == []


@pytest.mark.leaping_time
async def test_deadline_tells_what_was_given() -> None:
    """
    The error carries the time that the call had.
    """
    inventory = ServiceClient("i", "http://i", caller="gateway", network=HeldNetwork())

    with deadline.within(0.02), pytest.raises(DeadlineExceeded) as caught:
        await inventory.get("/x")

    assert caught.value.after_s == pytest.approx(0.02, abs=0.005)
    assert caught.value.upstream == "i"


def with_token(
    network: httpx.AsyncBaseTransport, authorize: Callable[[], Any], policy: Policy = ONCE
) -> ServiceClient:
    """
    A client that calls in its own service's name.
    """
    return ServiceClient(
        "i", "http://i", caller="gateway", network=network, authorize=authorize, policy=policy
    )


async def test_own_token_is_sent_unless_the_caller_gives_one() -> None:
    """
    A forwarded token goes before the service's own.
    """
    network = Network()

    async def authorize() -> str:
        return "Bearer ours"

    inventory = with_token(network, authorize)
    await inventory.get("/x")
    await inventory.get("/x", headers={"authorization": "Bearer theirs"})

    assert [request.headers["Authorization"] for request in network.sent] == [
        "Bearer ours",
        "Bearer theirs",
    ]


async def test_refused_token_is_not_tried_again() -> None:
    """
    A 401 ends the call: no loop of new tokens.
    """
    network, asked = Network([401]), []

    async def authorize() -> str:
        asked.append(1)
        return "Bearer stale"

    with pytest.raises(UpstreamRefused):
        await with_token(network, authorize, Policy()).get("/x")

    assert (len(asked), len(network.sent)) == (1, 1)


async def test_failing_token_source_is_its_own_failure() -> None:
    """
    Without a token nothing is sent, and the upstream is not blamed.
    """
    network = Network()

    async def authorize() -> str:
        raise AuthError("no token")

    inventory = with_token(network, authorize)
    with pytest.raises(AuthError):
        await inventory.post("/x")

    assert network.sent == []
    assert inventory.breaker.snapshot().failures_in_a_row == 0


@pytest.mark.leaping_time
async def test_stalled_token_source_ends_at_the_deadline() -> None:
    """
    Whatever takes the time, the call ends when it is over; nothing was sent.
    """
    network = Network()

    async def authorize() -> str:
        await asyncio.get_running_loop().create_future()
        return "never"

    async with asyncio.timeout(30):
        with deadline.within(0.02), pytest.raises(DeadlineExceeded):
            await with_token(network, authorize).post("/x")

    assert network.sent == []


ENDS: list[tuple[int | Exception, CallOutcome, int | None]] = [
    (200, CallOutcome.OK, 200),
    (404, CallOutcome.REFUSED, 404),
    (500, CallOutcome.UNKNOWN, 500),
    (httpx.ConnectError("refused"), CallOutcome.FAILED, None),
    (httpx.ReadError("reset"), CallOutcome.UNKNOWN, None),
    (RuntimeError("a mistake"), CallOutcome.ERROR, None),
    (CircuitOpen("inventory", retry_after_s=1), CallOutcome.UNKNOWN, None),
]


@pytest.mark.parametrize(("said", "outcome", "status"), ENDS, ids=repr)
async def test_observer_is_told_how_calls_end(
    said: int | Exception, outcome: CallOutcome, status: int | None
) -> None:
    """
    Each call has one beginning and one end, with its outcome.
    """
    watcher = Watcher()
    with suppress(StorefrontError, RuntimeError):
        await client(Network([said]), observer=watcher, policy=ONCE).post("/x")

    assert watcher.started == [("inventory", "POST")]
    assert watcher.ended == [
        CallEnded("inventory", "POST", outcome, status, 0.0, 1, 30.0, State.CLOSED)
    ]


async def test_calls_are_recorded_for_whoever_asks() -> None:
    """
    Inside ``recorded`` each call leaves what became of it, also where nobody observes.
    """
    inventory = client(Network([500, 200]), policy=ONCE)

    with recorded() as calls:
        with suppress(StorefrontError):
            await inventory.get("/x")
        await inventory.get("/x")
    await inventory.get("/x")

    assert [(call.outcome, call.status, call.attempts) for call in calls] == [
        (CallOutcome.FAILED, 500, 1),
        (CallOutcome.OK, 200, 1),
    ]


async def test_observer_is_told_of_calls_that_were_not_made() -> None:
    """
    Open breaker, full bulkhead, no time, no caller any more.
    """
    watcher, network = Watcher(), HeldNetwork()
    inventory = client(network, observer=watcher, policy=Policy(max_in_flight=1, max_waiting=1))
    first, second = (asyncio.ensure_future(inventory.get("/x")) for _ in range(2))
    await turns()
    with pytest.raises(Overloaded):
        await inventory.get("/x")
    second.cancel()
    await turns()
    network.release()
    await first
    with deadline.within(0), pytest.raises(DeadlineExceeded):
        await inventory.get("/x")
    for _ in range(5):
        inventory.breaker.failed(inventory.breaker.admit(), "made so")
    with pytest.raises(CircuitOpen):
        await inventory.get("/x")

    assert [end.outcome for end in watcher.ended] == [
        CallOutcome.OVERLOADED,
        CallOutcome.CANCELLED,
        CallOutcome.OK,
        CallOutcome.DEADLINE,
        CallOutcome.CIRCUIT_OPEN,
    ]


async def test_span_is_around_the_call() -> None:
    """
    What is sent inside a span carries the span's ids.
    """
    network = Network()
    ids = correlation.new("in a span")

    @contextmanager
    def span(upstream: str, method: str) -> Iterator[None]:
        assert (upstream, method) == ("i", "GET")
        with correlation.correlated(ids):
            yield

    opened: Callable[[str, str], AbstractContextManager[None]] = span
    inventory = ServiceClient("i", "http://i", caller="gateway", network=network, span=opened)
    await inventory.get("/x")

    assert network.sent[0].headers["traceparent"] == ids.traceparent


async def test_closing_reaches_the_network() -> None:
    """
    Every layer passes the close on.
    """
    network = Network()

    async def authorize() -> str:
        return "token"

    await with_token(network, authorize).aclose()

    assert network.is_closed


async def test_elapsed_time_includes_pauses() -> None:
    """
    What the caller has waited is what the reply says.
    """
    network = Network([answer(503, headers={"Retry-After": "4"}), 200])

    reply = await client(network, clock=FakeClock()).get("/x")

    assert reply.elapsed_s == 4


async def test_respx_can_stand_for_the_network() -> None:
    """
    Services fake upstreams with respx in their own tests.
    """
    router = respx.Router(assert_all_called=False)
    router.get("http://inventory:8001/api/v1/products", params={"page": "2"}).respond(
        json={"items": []}
    )
    router.post("http://inventory:8001/api/v1/stock/reserve", json={"quantity": 1}).respond(201)

    inventory = client(httpx.MockTransport(router.async_handler))

    assert (await inventory.get("/products", params={"page": 2})).json() == {"items": []}
    assert (await inventory.post("/stock/reserve", json={"quantity": 1})).status == 201


@pytest.mark.parametrize("name", ["total_timeout_s", "max_in_flight", "breaker_open_for_s"])
def test_policy_has_positive_values(name: str) -> None:
    """
    A policy that could never make a call is not made, and the error names the value.
    """
    with pytest.raises(ValueError, match=name):
        Policy(**{name: 0})


async def test_network_must_be_asynchronous() -> None:
    """
    A blocking body would hold up everybody.
    """

    class Blocking(httpx.SyncByteStream):
        pass

    with pytest.raises(TypeError):
        await client(Network([httpx.Response(200, stream=Blocking())])).get("/x")


async def test_dates_in_json_are_written_as_iso() -> None:
    """
    A date is sent with its offset.
    """
    network = Network()

    await client(network).post("/x", json={"at": datetime(2026, 11, 21, tzinfo=UTC)})

    assert await sent_by(network) == b'{"at":"2026-11-21T00:00:00+00:00"}'
