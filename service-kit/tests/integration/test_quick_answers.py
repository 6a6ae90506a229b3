"""
Answers whose heads are put together here are, byte for byte, those that uvicorn would send.
"""

import asyncio
from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from typing import Final, NamedTuple

import pytest
from bare_connections import bare_connection
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.server import ServerState

from servicekit.serving.bounded_http import BoundedHttpProtocol

Headers = Sequence[tuple[bytes, bytes]]

#: Uvicorn's own, such as the date; they stand first in every head.
OWN_HEADERS: Final = [(b"x-own", b"yes")]
TYPE: Final = (b"content-type", b"text/plain")


class Answer(NamedTuple):
    """
    What an application sends.
    """

    headers: Headers
    parts: Sequence[bytes] = (b"ok",)
    status: int = 200


class Application:
    """
    Sends ``answer`` to the first request, and a plain one to all others.
    """

    def __init__(self, answer: Answer) -> None:
        self._answers = [answer]
        #: What the server raised at what was sent.
        self.refused = 0

    async def __call__(self, _scope: Scope, _receive: Receive, send: Send) -> None:
        answer = self._answers.pop() if self._answers else Answer([(b"content-length", b"2")])
        try:
            for message in _messages(answer):
                await send(message)
        except (RuntimeError, ValueError):
            self.refused += 1
            raise


def _messages(answer: Answer) -> list[Message]:
    head = {
        "type": "http.response.start",
        "status": answer.status,
        "headers": list(answer.headers),
    }
    last = len(answer.parts) - 1
    bodies = [
        {"type": "http.response.body", "body": part, "more_body": place < last}
        for place, part in enumerate(answer.parts)
    ]
    return [head, *bodies]


def _connected(
    application: ASGIApp, protocol: type[HttpToolsProtocol]
) -> AbstractAsyncContextManager[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    state = ServerState()
    state.default_headers = list(OWN_HEADERS)
    return bare_connection(application, protocol, state=state)


async def sent_by(
    protocol: type[HttpToolsProtocol], answer: Answer, request: bytes
) -> tuple[bytes, int]:
    """
    All that comes for ``request`` and one more on the same connection, and how often was refused.
    """
    application = Application(answer)
    async with _connected(application, protocol) as (reader, writer):
        writer.write(request + b"GET /last HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        return await asyncio.wait_for(reader.read(), 30), application.refused


GET: Final = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"
HEAD: Final = b"HEAD / HTTP/1.1\r\nHost: x\r\n\r\n"
OLD: Final = b"GET / HTTP/1.0\r\nHost: x\r\n\r\n"
CLOSING: Final = b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
EXPECTING: Final = (
    b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\nhi"
)
OF_TWO: Final = (b"content-length", b"2")

ANSWERS: Final = {
    "usual": Answer([TYPE, OF_TWO]),
    "a header that comes twice": Answer([OF_TWO, (b"set-cookie", b"a"), (b"set-cookie", b"b")]),
    "an empty body": Answer([(b"content-length", b"0")], parts=[b""]),
    "a body in parts": Answer([(b"content-length", b"4")], parts=[b"ab", b"cd"]),
    "an end that comes by itself": Answer([OF_TWO], parts=[b"ok", b""]),
    "no length": Answer([TYPE]),
    "no length, and in parts": Answer([TYPE], parts=[b"ab", b"cd", b""]),
    "chunks that were announced": Answer([(b"transfer-encoding", b"chunked")]),
    "the last on its connection": Answer([OF_TWO, (b"connection", b"close")]),
    "names in capitals": Answer([(b"Content-Length", b"2"), (b"X-Thing", b"1")]),
    "no content": Answer([], parts=[b""], status=204),
    "not modified": Answer([(b"etag", b'"1"')], parts=[b""], status=304),
    "an error": Answer([TYPE, OF_TWO], status=503),
    "words beyond ASCII": Answer([OF_TWO, (b"x-word", "Größe".encode("latin-1"))]),
    "a tab in a value": Answer([OF_TWO, (b"x-word", b"a\tb")]),
    "nothing told of": Answer([]),
}

REQUESTS: Final = {
    "GET": GET,
    "HEAD": HEAD,
    "HTTP/1.0": OLD,
    "closing": CLOSING,
    "expecting": EXPECTING,
}


@pytest.mark.parametrize("request_", REQUESTS.values(), ids=REQUESTS.keys())
@pytest.mark.parametrize("answer", ANSWERS.values(), ids=ANSWERS.keys())
async def test_an_answer_is_sent_as_uvicorn_sends_it(answer: Answer, request_: bytes) -> None:
    """
    Each byte is uvicorn's, whatever the answer is like, and so is what comes next on the connection.
    """
    ours = await sent_by(BoundedHttpProtocol, answer, request_)

    assert ours == await sent_by(HttpToolsProtocol, answer, request_)
    assert ours[1] == 0
    assert ours[0].startswith((b"HTTP/1.1 %d " % answer.status, b"HTTP/1.1 100 "))


@pytest.mark.parametrize(
    "header",
    [
        (b"x-split", b"a\r\nx-more: b"),
        (b"x-split", b"a\nx-more: b"),
        (b"x-split", b"a\rx-more: b"),
        (b"x-split: a\r\nx-more", b"b"),
        (b"x-split\n", b"b"),
    ],
)
async def test_a_header_that_would_make_two_is_refused(header: tuple[bytes, bytes]) -> None:
    """
    A line break inside a header never reaches a client: the answer is an error instead.
    """
    answer = Answer([TYPE, header, OF_TWO])

    sent, refused = await sent_by(BoundedHttpProtocol, answer, GET)

    assert refused == 1
    assert b"x-more" not in sent
    assert b"x-split" not in sent


@pytest.mark.parametrize("parts", [[b"too much"], [b"x"], [b"o", b"k", b"!"], [b""]])
async def test_a_body_of_another_length_than_told_is_refused(parts: list[bytes]) -> None:
    """
    Nobody is sent a byte beyond the length, and a connection with too few is broken.
    """
    answer = Answer([OF_TWO], parts=parts)

    ours = await sent_by(BoundedHttpProtocol, answer, GET)

    assert ours == await sent_by(HttpToolsProtocol, answer, GET)
    assert ours[1] == 1


@pytest.mark.parametrize(
    "headers",
    [
        [OF_TWO, (b"x-word", b"a\x00b")],
        [OF_TWO, (b"x word", b"a")],
        [OF_TWO, (b"x:word", b"a")],
        [OF_TWO, (b"content-length", b"3")],
        [(b"content-length", b"two")],
        [OF_TWO, (b"Connection", b"close")],
        [OF_TWO, (b"Transfer-Encoding", b"chunked")],
    ],
    ids=repr,
)
async def test_what_is_odd_is_uvicorns_to_judge(headers: Headers) -> None:
    """
    A head that uvicorn would refuse, or frame in a way of its own, is not put together here.
    """
    answer = Answer(headers)

    ours = await sent_by(BoundedHttpProtocol, answer, GET)

    assert ours == await sent_by(HttpToolsProtocol, answer, GET)


async def test_a_head_does_not_wait_for_a_slow_body() -> None:
    """
    What is known goes out in the turn in which it was told.
    """
    body = asyncio.Event()

    async def slow(_scope: Scope, _receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": [OF_TWO]})
        await body.wait()
        await send({"type": "http.response.body", "body": b"ok"})

    async with _connected(slow, BoundedHttpProtocol) as (reader, writer):
        writer.write(GET)
        head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 30)
        body.set()
        rest = await asyncio.wait_for(reader.readexactly(2), 30)

    assert head.startswith(b"HTTP/1.1 200 ")
    assert rest == b"ok"
