"""
What comes before a body has bounds, in size and in time.
"""

import asyncio
from contextlib import AbstractAsyncContextManager

import orjson
import pytest
from bare_connections import bare_connection
from starlette.types import ASGIApp, Receive, Scope, Send
from uvicorn.server import ServerState

from servicekit.serving.bounded_http import MAX_HEAD_BYTES, BoundedHttpProtocol
from servicekit.testing import eventually

pytestmark = pytest.mark.real_time

HEAD = b"GET / HTTP/1.1\r\nHost: x\r\n"


class Hasty(BoundedHttpProtocol):
    """
    With a bound on time that a test can wait for.
    """

    head_timeout_s = 0.2
    late_body_timeout_s = 0.1


class Unhurried(Hasty):
    """
    Whose client gets around to its body.
    """

    late_body_timeout_s = 0.3


async def echo(scope: Scope, receive: Receive, send: Send) -> None:
    """
    Answers 200 once the body is there; ``/half`` begins its answer before, ``/rash`` ends it before.
    """
    if scope["type"] == "lifespan":
        return
    if scope["path"] == "/half":
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"half", "more_body": True})
    while scope["path"] != "/rash" and (await receive()).get("more_body"):
        pass
    if scope["path"] != "/half":
        headers = [(b"content-length", b"2")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": b"ok"})


def connected(
    protocol: type[BoundedHttpProtocol] = BoundedHttpProtocol,
    *,
    keep_alive_s: int = 60,
    app: ASGIApp = echo,
    state: ServerState | None = None,
) -> AbstractAsyncContextManager[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    """
    A bare connection to a server that speaks ``protocol``.
    """
    return bare_connection(app, protocol, keep_alive_s=keep_alive_s, state=state)


async def refusal(reader: asyncio.StreamReader) -> tuple[int, str, dict[str, str]]:
    """
    Status, code and headers of the answer on a connection that is then closed.
    """
    head, _, body = (await asyncio.wait_for(reader.read(), 30)).partition(b"\r\n\r\n")
    first, *rest = head.decode().split("\r\n")
    headers = dict(line.split(": ") for line in rest)
    content = orjson.loads(body)
    assert content["request_id"] == headers["X-Correlation-ID"]
    return int(first.split(" ")[1]), content["error"]["code"], headers


async def test_a_head_that_does_not_end_is_refused() -> None:
    """
    A head beyond the bound is 431 in our shape, and the connection is closed.
    """
    async with connected() as (reader, writer):
        # No more than is read before the refusal: what is left unread would break the connection.
        writer.write(HEAD + b"X-Long: " + b"x" * MAX_HEAD_BYTES)
        status, code, headers = await refusal(reader)

    assert (status, code, headers["Connection"]) == (431, "INVALID_REQUEST", "close")


async def test_a_head_that_comes_slowly_is_refused() -> None:
    """
    A head that is not there in time is 408.
    """
    async with connected(Hasty) as (reader, writer):
        writer.write(HEAD)
        status, code, _ = await refusal(reader)

    assert (status, code) == (408, "INVALID_REQUEST")


async def test_a_client_that_says_nothing_is_let_go() -> None:
    """
    A connection without a request ends as an idle one does.
    """
    async with connected(keep_alive_s=0) as (reader, _):
        assert await asyncio.wait_for(reader.read(), 30) == b""


async def test_a_large_body_is_no_head() -> None:
    """
    The bound is on what comes before a body; a slow body has the request's deadline.
    """
    size = 3 * MAX_HEAD_BYTES
    async with connected(Hasty) as (reader, writer):
        writer.write(HEAD + f"Content-Length: {size}\r\n\r\n".encode())
        for _ in range(3):
            writer.write(b"x" * MAX_HEAD_BYTES)
            await writer.drain()
        first = await asyncio.wait_for(reader.readline(), 30)

    assert first == b"HTTP/1.1 200 OK\r\n"


async def test_each_head_has_the_bound_for_itself() -> None:
    """
    Many requests on one connection, some of them in pieces, do not add up.
    """
    async with connected() as (reader, writer):
        for _ in range(6):
            writer.write(HEAD + b"X-Long: " + b"x" * (MAX_HEAD_BYTES // 2))
            for _ in range(10):  # turns of the loop, in which the server reads the first piece
                await asyncio.sleep(0)
            writer.write(b"\r\n\r\n")
            answer = await asyncio.wait_for(reader.readuntil(b"\r\n\r\nok"), 30)
            assert answer.startswith(b"HTTP/1.1 200")


@pytest.mark.parametrize("noise", [b"\x16\x03\x01\x02", b"NONSENSE\r\n\r\n"])
async def test_what_is_no_http_is_refused_in_our_shape(noise: bytes) -> None:
    """
    What cannot be read gets the same shape as every other error.
    """
    async with connected() as (reader, writer):
        writer.write(noise)
        status, code, _ = await refusal(reader)

    assert (status, code) == (400, "INVALID_REQUEST")


async def test_an_answer_that_has_begun_is_not_mixed_with_a_refusal() -> None:
    """
    Where half an answer is out, a broken request only ends the connection.
    """
    async with connected() as (reader, writer):
        writer.write(b"POST /half HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n")
        await asyncio.wait_for(reader.readuntil(b"half"), 30)
        writer.write(b"no chunk\r\n")
        rest = await asyncio.wait_for(reader.read(), 30)

    assert b"INVALID_REQUEST" not in rest


@pytest.mark.parametrize("noise", [b"\x00garbage\r\n\r\n", b"!\r\n\r\n"])
@pytest.mark.parametrize("requests", [1, 3])
async def test_what_was_asked_before_noise_is_answered_first(requests: int, noise: bytes) -> None:
    """
    No refusal takes the place of an answer to a request that is carried out.
    """
    asked = b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\nhi"
    async with connected() as (reader, writer):
        writer.write(asked * requests + noise)
        answers = [await reader.readuntil(b"\r\n\r\nok") for _ in range(requests)]
        status, _, _ = await refusal(reader)

    assert [answer[:12] for answer in answers] == [b"HTTP/1.1 200"] * requests
    assert status == 400


async def test_a_slow_head_behind_a_request_waits_for_its_answer() -> None:
    """
    A head that is late is refused only when nobody is served any more.
    """
    async with connected(Hasty) as (reader, writer):
        writer.write(HEAD + b"Content-Length: 2\r\n\r\n")
        writer.write(b"hi" + HEAD)
        answer = await reader.readuntil(b"\r\n\r\nok")
        status, _, _ = await refusal(reader)

    assert (answer[:12], status) == (b"HTTP/1.1 200", 408)


async def test_a_request_whose_body_breaks_answers_for_itself() -> None:
    """
    Whoever reads a body that cannot be read is told that it ends, and answers for the last time.
    """
    async with connected() as (reader, writer):
        writer.write(b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n")
        writer.write(b"no chunk\r\n")
        answer = await asyncio.wait_for(reader.read(), 30)

    assert answer.startswith(b"HTTP/1.1 200")
    assert answer.count(b"HTTP/1.1") == 1
    assert b"connection: close" in answer


async def test_an_answered_request_is_not_answered_again() -> None:
    """
    Where a body breaks after its answer, the end of the connection is all that is said.
    """
    async with connected() as (reader, writer):
        writer.write(b"POST /rash HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n")
        await asyncio.wait_for(reader.readuntil(b"\r\n\r\nok"), 30)
        writer.write(b"no chunk\r\n")
        rest = await asyncio.wait_for(reader.read(), 30)

    assert rest == b""


@pytest.mark.parametrize("before", [b"", HEAD + b"\r\n"], ids=["at once", "after an answer"])
async def test_empty_lines_do_not_hold_a_connection(before: bytes) -> None:
    """
    What begins no request does not put off the end of an idle connection.
    """
    async with connected(keep_alive_s=1) as (reader, writer):
        writer.write(before)
        if before:
            await reader.readuntil(b"\r\n\r\nok")
        writer.write(b"\r\n")
        rest = await asyncio.wait_for(reader.read(), 30)

    assert rest == b""


@pytest.mark.parametrize("more", [b"", b"x"], ids=["nothing more", "one byte more"])
async def test_a_body_that_does_not_come_does_not_hold_a_connection(more: bytes) -> None:
    """
    Where the answer did not wait for the body, the connection waits for it a moment only.
    """
    async with connected(Hasty) as (reader, writer):
        writer.write(b"POST /rash HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n")
        await asyncio.wait_for(reader.readuntil(b"\r\n\r\nok"), 30)
        writer.write(more)
        rest = await asyncio.wait_for(reader.read(), 30)

    assert rest == b""


async def test_a_late_body_leaves_the_connection_open() -> None:
    """
    A body that comes after its answer is thrown away, and the next request is served.
    """
    async with connected(Unhurried) as (reader, writer):
        writer.write(b"POST /rash HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n\r\n")
        await asyncio.wait_for(reader.readuntil(b"\r\n\r\nok"), 30)
        writer.write(b"late")
        await asyncio.sleep(0.5)  # past the time that the body had
        writer.write(HEAD + b"\r\n")
        answer = await asyncio.wait_for(reader.readuntil(b"\r\n\r\nok"), 30)

    assert answer.startswith(b"HTTP/1.1 200")


async def test_many_requests_in_one_piece_are_no_long_head() -> None:
    """
    What was asked before a head, in the same piece, does not count against its bound.
    """
    many = MAX_HEAD_BYTES // len(HEAD) + 10
    async with connected() as (reader, writer):
        writer.write((HEAD + b"\r\n") * many + HEAD)
        for _ in range(many):
            answer = await asyncio.wait_for(reader.readuntil(b"\r\n\r\nok"), 30)
            assert answer.startswith(b"HTTP/1.1 200")


async def test_each_request_of_a_client_that_left_is_told() -> None:
    """
    Of requests that wait for their turn the first learns of the leave, and the others never begin.
    """
    told: list[str] = []
    has_begun = asyncio.Event()

    async def wait_for_leave(scope: Scope, receive: Receive, _send: Send) -> None:
        has_begun.set()
        while (await receive())["type"] != "http.disconnect":
            pass
        told.append(scope["path"])

    async with connected(app=wait_for_leave) as (_, writer):
        paths = (b"/1", b"/2", b"/3")
        writer.write(b"".join(b"GET %b HTTP/1.1\r\nHost: x\r\n\r\n" % path for path in paths))
        await has_begun.wait()
        writer.transport.abort()
        await eventually(lambda: bool(told))

    assert told == ["/1"]


@pytest.mark.parametrize("protocol", [b"h2c", b"websocket"])
async def test_an_upgrade_that_is_not_taken_is_ignored(protocol: bytes) -> None:
    """
    Who offers another protocol is answered as if they had not, its body and what follows and all.
    """
    offer = b"Connection: Upgrade\r\nUpgrade: " + protocol + b"\r\n"
    seen: list[bytes] = []

    async def note(_scope: Scope, receive: Receive, send: Send) -> None:
        seen.append((await receive())["body"])
        headers = [(b"content-length", b"2")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": b"ok"})

    async with connected(app=note) as (reader, writer):
        for body in (b"first", b"", b"third"):
            length = b"Content-Length: %d\r\n\r\n" % len(body) if body else b"\r\n"
            writer.write(HEAD + offer + length + body)
        for _ in range(3):
            answer = await asyncio.wait_for(reader.readuntil(b"\r\n\r\nok"), 30)
            assert answer.startswith(b"HTTP/1.1 200")

    assert seen == [b"first", b"", b"third"]


async def test_who_was_accepted_a_moment_ago_is_served_before_the_end() -> None:
    """
    A stop leaves those who have asked nothing yet the time that their request is on its way.
    """
    state = ServerState()
    async with connected(state=state) as (reader, writer):
        await eventually(lambda: bool(state.connections))
        for connection in state.connections:
            connection.shutdown()
        writer.write(HEAD + b"\r\n")
        answer = await asyncio.wait_for(reader.read(), 30)

    assert answer.startswith(b"HTTP/1.1 200")
    assert b"connection: close" in answer


async def test_who_asks_nothing_does_not_put_off_the_end() -> None:
    """
    A stop waits a moment only for those who have asked nothing.
    """
    state = ServerState()
    async with connected(state=state) as (reader, _):
        await eventually(lambda: bool(state.connections))
        for connection in state.connections:
            connection.shutdown()
        assert await asyncio.wait_for(reader.read(), 30) == b""
