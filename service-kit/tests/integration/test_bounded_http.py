"""
What comes before a body has bounds, in size and in time.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import orjson
import pytest
import uvicorn
from starlette.types import Receive, Scope, Send

from servicekit.bounded_http import MAX_HEAD_BYTES, BoundedHttpProtocol
from servicekit.testing import eventually

HEAD = b"GET / HTTP/1.1\r\nHost: x\r\n"


class Hasty(BoundedHttpProtocol):
    """
    With a bound on time that a test can wait for.
    """

    head_timeout_s = 0.2


async def echo(scope: Scope, receive: Receive, send: Send) -> None:
    """
    Answers 200 once the body is there; ``/half`` begins its answer before.
    """
    if scope["type"] == "lifespan":
        return
    if scope["path"] == "/half":
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"half", "more_body": True})
    while (await receive()).get("more_body"):
        pass
    if scope["path"] != "/half":
        headers = [(b"content-length", b"2")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": b"ok"})


@asynccontextmanager
async def connected(
    protocol: type[BoundedHttpProtocol] = BoundedHttpProtocol, *, keep_alive_s: int = 60
) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    """
    A bare connection to a server that speaks ``protocol``.
    """
    config = uvicorn.Config(
        echo, log_config=None, lifespan="off", timeout_keep_alive=keep_alive_s, http=protocol
    )
    config.load()
    state = uvicorn.server.ServerState()
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: protocol(config, state, {}), "127.0.0.1", 0)
    reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
    try:
        yield reader, writer
    finally:
        writer.transport.abort()
        server.close()
        await eventually(lambda: not state.tasks and not state.connections)


async def refusal(reader: asyncio.StreamReader) -> tuple[int, str, dict[str, str]]:
    """
    Status, code and headers of the answer on a connection that is then closed.
    """
    head, _, body = (await asyncio.wait_for(reader.read(), 5)).partition(b"\r\n\r\n")
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
        assert await asyncio.wait_for(reader.read(), 5) == b""


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
        first = await asyncio.wait_for(reader.readline(), 5)

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
            answer = await asyncio.wait_for(reader.readuntil(b"\r\n\r\nok"), 5)
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
        await asyncio.wait_for(reader.readuntil(b"half"), 5)
        writer.write(b"no chunk\r\n")
        rest = await asyncio.wait_for(reader.read(), 5)

    assert b"INVALID_REQUEST" not in rest
