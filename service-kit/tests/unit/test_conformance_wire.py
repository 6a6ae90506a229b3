"""
The suite's own HTTP: what it reads, and what it says of what it cannot read.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from servicekit.conformance.subject import Subject
from servicekit.conformance.target import Target
from servicekit.conformance.wire import (
    Address,
    Answer,
    Connection,
    NoAnswer,
    connect,
    connected,
    request_bytes,
)


@asynccontextmanager
async def answering(raw: bytes, *, is_closing: bool = True) -> AsyncIterator[Connection]:
    """
    A connection to a server that says ``raw`` whatever it is asked.
    """
    writers: list[asyncio.StreamWriter] = []

    async def say(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writers.append(writer)
        writer.write(raw)
        await writer.drain()
        if is_closing:
            writer.close()

    server = await asyncio.start_server(say, "127.0.0.1", 0)
    host, port = server.sockets[0].getsockname()
    try:
        async with connected(Address(host, port)) as connection:
            yield connection
    finally:
        server.close()
        for writer in writers:
            writer.transport.abort()
        await asyncio.sleep(0)


@pytest.mark.parametrize(
    ("raw", "body"),
    [
        (b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nokmore", b"ok"),
        (b"HTTP/1.0 200 OK\r\n\r\nto the end", b"to the end"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2;x=y\r\nok\r\n1\r\n!\r\n0\r\nT: x\r\n\r\n", b"ok!"),
        (b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", b"ok"),
        (b"HTTP/1.1 204 No Content\r\nContent-Length: 5\r\n\r\n", b""),
    ],
)  # fmt: skip
async def test_every_framing_is_read(raw: bytes, body: bytes) -> None:
    """
    A body comes whole, by its length, in chunks or to the end; interim answers are passed over.
    """
    async with answering(raw) as connection:
        answer = await connection.receive()

    assert answer.body == body


async def test_an_answer_to_head_has_no_body() -> None:
    """
    HEAD tells a length and sends nothing.
    """
    async with answering(
        b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n", is_closing=False
    ) as connection:
        assert (await connection.receive(is_head=True)).body == b""


@pytest.mark.parametrize(
    ("raw", "complaint"),
    [
        (b"", "closed without an answer"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf", "closed in the middle of an answer"),
        (b"SSH-2.0-OpenSSH\r\n\r\n", "no HTTP/1.1 .*SSH-2.0"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\n\r\n", "a body of 99999999999 bytes"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n", "a body of -1 bytes"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", "no HTTP/1.1"),
        (b"HTTP/1.1 200 OK\r\n" + b"X: " + b"x" * 2**21, "no HTTP/1.1"),
    ],
)
async def test_what_is_no_answer_is_told(raw: bytes, complaint: str) -> None:
    """
    Whatever comes instead of an answer becomes one exception that says what it was.
    """
    async with answering(raw) as connection:
        with pytest.raises(NoAnswer, match=complaint):
            await connection.receive()


async def test_silence_is_bounded() -> None:
    """
    Nobody waits for ever.
    """
    async with answering(b"", is_closing=False) as connection:
        with pytest.raises(NoAnswer, match=r"no answer came within 0\.01 s"):
            await connection.receive(within_s=0.01)
        assert not await connection.has_answer(within_s=0.01)
        assert not await connection.is_closed(within_s=0.01)


async def test_the_end_of_a_connection_is_seen() -> None:
    """
    A connection that the service closes counts as closed, whatever it sent before.
    """
    async with answering(b"good bye") as connection:
        assert await connection.has_answer(within_s=5)
        assert await connection.is_closed(within_s=5)


async def test_a_broken_connection_is_told() -> None:
    """
    A reset is no answer, and it is an end.
    """
    async with answering(b"", is_closing=False) as connection:
        connection.close()
        await asyncio.sleep(0)
        with pytest.raises(NoAnswer):
            await connection.receive(within_s=5)
        assert await connection.is_closed(within_s=5)


async def test_nobody_there_is_told() -> None:
    """
    A connection that is refused says so.
    """
    with pytest.raises(NoAnswer, match="refused"):
        await connect(Address("127.0.0.1", 1))


async def test_tls_with_a_plain_service_is_told() -> None:
    """
    An https address of a service that speaks plain HTTP is no connection.
    """
    async with answering(b"HTTP/1.1 400 Bad Request\r\n\r\n") as plain:
        del plain
        server = await asyncio.start_server(_refuse, "127.0.0.1", 0)
        host, port = server.sockets[0].getsockname()
        with pytest.raises(NoAnswer, match="no connection"):
            await connect(Address(host, port, is_tls=True))
        server.close()


async def _refuse(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
    writer.close()


@pytest.mark.parametrize(
    ("base_url", "address"),
    [
        ("http://127.0.0.1:8003", Address("127.0.0.1", 8003)),
        ("http://shop.test/identity/", Address("shop.test", 80, "/identity")),
        ("https://shop.test", Address("shop.test", 443, "", is_tls=True)),
    ],
)
def test_addresses_are_read(base_url: str, address: Address) -> None:
    """
    Host, port, prefix and whether it is TLS.
    """
    assert Address.of(base_url) == address


@pytest.mark.parametrize("base_url", ["", "localhost:8000", "ftp://x", "http://"])
def test_what_is_no_address_is_told(base_url: str) -> None:
    """
    Anything else is refused before anything is sent.
    """
    with pytest.raises(ValueError, match="is no address"):
        Address.of(base_url)


def test_a_request_is_written_as_it_is_told() -> None:
    """
    Headers go out in order and as often as given; a length is added where none is told.
    """
    headers = [("X-A", "1"), ("X-A", "2")]
    raw = request_bytes(Address("::1", 80, "/p"), "POST", "/x", headers, b"ab")

    assert raw == (
        b"POST /p/x HTTP/1.1\r\nHost: [::1]:80\r\nX-A: 1\r\nX-A: 2\r\nContent-Length: 2\r\n\r\nab"
    )


def test_a_long_answer_is_shown_in_part() -> None:
    """
    A report stays readable whatever a service sends.
    """
    shown = str(Answer(200, (), b"x" * 5000))

    assert shown.startswith("200 without a content type: xxx")
    assert len(shown) < 400


def test_a_header_that_came_twice_is_seen() -> None:
    """
    Values are kept apart, and joined as HTTP has it.
    """
    answer = Answer(200, (("allow", "GET"), ("allow", "PUT")), b"")

    assert (answer.all("Allow"), answer.header("Allow")) == (["GET", "PUT"], "GET, PUT")


async def test_a_rate_limit_is_respected() -> None:
    """
    A 429 is asked again after the time that it tells, a bounded number of times.
    """
    asked = 0

    async def limited(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal asked
        await reader.readuntil(b"\r\n\r\n")
        asked += 1
        status = b"200 OK" if asked == 3 else b"429 Too Many Requests\r\nRetry-After: 0"
        writer.write(b"HTTP/1.1 " + status + b"\r\nContent-Length: 0\r\n\r\n")
        writer.close()

    server = await asyncio.start_server(limited, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    try:
        answer = await Subject(Target(f"http://127.0.0.1:{port}")).ask("GET", "/")
    finally:
        server.close()

    assert (answer.status, asked) == (200, 3)
