"""
Whether the service goes on serving whatever arrives at its port.
"""

import asyncio
from contextlib import AsyncExitStack, suppress
from typing import Final

from servicekit.conformance.check import check
from servicekit.conformance.subject import Subject
from servicekit.conformance.verdicts import Violation, expect
from servicekit.conformance.wire import Connection, NoAnswer

_SERVER: Final = "Serve by servicekit.serving.server.run(): "
_GARBAGE: Final = (
    b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(range(64)),
    b"GET /health/live HTTP/9.9\r\nHost: x\r\n\r\n",
    b"\r\n\r\n\r\n\r\nNONSENSE\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost: x\r\nbad header\r\n\r\n",
    b"GET /\x00 HTTP/1.1\r\nHost: x\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost: x\r\nX-A: a\x00b\r\n\r\n",
    b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: -5\r\n\r\n",
    b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
)
_BLOCK: Final = b"x" * 65536
_BLOCKS: Final = 64
_SLOW_CONNECTIONS: Final = 100
_PROMPT_S: Final = 5.0


@check(mend=_SERVER + "an HTTP parser's error ends a connection, never the process.")
async def bad_http_does_no_harm(subject: Subject) -> None:
    """
    What is no HTTP is answered with a refusal or a closed connection, and serving goes on.
    """
    for garbage in _GARBAGE:
        async with subject.connected() as connection:
            await connection.send(garbage)
            status = await _status(connection)
            expect(
                status is None or 400 <= status < 600,
                seen=f"{status} where {garbage[:40]!r} was sent",
                expected="a refusal",
            )
        await _expect_serving(subject, f"{garbage[:40]!r} was sent")


@check(mend=_SERVER + "its parser refuses a request that two servers may read in two ways.")
async def ambiguous_lengths_are_refused(subject: Subject) -> None:
    """
    A request with two lengths is refused, or is the last on its connection: nothing is smuggled.
    """
    for lengths in (
        [("Content-Length", "4"), ("Content-Length", "5")],
        [("Content-Length", "4"), ("Transfer-Encoding", "chunked")],
        [("Transfer-Encoding", "chunked"), ("Content-Length", "4")],
    ):
        async with subject.connected() as connection:
            request = subject.raw("POST", "/health/live", headers=lengths, body=b"0\r\n\r\n")
            await connection.send(request)
            status = await _status(connection)
            expect(
                status in {None, 400, 411, 413, 501}
                or await connection.is_closed(within_s=_PROMPT_S),
                seen=f"{status} on a connection that stays open, for {lengths}",
                expected="400, or a closed connection",
            )


@check(
    mend=_SERVER + "it refuses a request whose headers are larger than a bound. "
    "A server without one lets any client fill its memory."
)
async def endless_headers_are_cut_off(subject: Subject) -> None:
    """
    A header that does not end is refused, or its connection closed, before it is 4 MiB long.
    """
    async with subject.connected() as connection:
        with suppress(NoAnswer):  # a connection that breaks is one of the good ends
            await connection.send(b"GET /health/live HTTP/1.1\r\nHost: x\r\nX-Endless: ")
            for _ in range(_BLOCKS):
                await connection.send(_BLOCK)
        expect(
            await connection.has_answer(within_s=_PROMPT_S),
            seen=f"{_BLOCKS * len(_BLOCK)} bytes of one header, and the service waits for more",
            expected="431, 400 or a closed connection",
        )
    await _expect_serving(subject, "an endless header")


@check(mend=_SERVER + "a client that leaves ends its own request and nothing else.")
async def abandoned_requests_do_no_harm(subject: Subject) -> None:
    """
    Clients that leave in the middle of a header or of a body do not stop the service.
    """
    for request in (
        b"GET /health/li",
        subject.raw("GET", "/health/live")[:-2],
        subject.raw("POST", "/health/live", headers=[("Content-Length", "1000")], body=b"half"),
        subject.raw("GET", "/health/live"),
    ):
        for _ in range(10):
            async with subject.connected() as connection:
                await connection.send(request)
    await _expect_serving(subject, "clients have left")


@check(mend=_SERVER + "waiting for a slow client must cost no thread and no worker.")
async def slow_clients_do_no_harm(subject: Subject) -> None:
    """
    A hundred clients in the middle of sending a request do not keep others from an answer.
    """
    async with AsyncExitStack() as stack:
        for _ in range(_SLOW_CONNECTIONS):
            connection = await stack.enter_async_context(subject.connected())
            await connection.send(b"GET /health/live HTTP/1.1\r\nHost: x\r\nX-Slow: ")
        await _expect_serving(subject, f"{_SLOW_CONNECTIONS} clients are slow")


async def _status(connection: Connection) -> int | None:
    """
    The status of the answer; None where the connection was closed instead.
    """
    try:
        return (await connection.receive(within_s=_PROMPT_S)).status
    except NoAnswer:
        return None


async def _expect_serving(subject: Subject, after: str) -> None:
    try:
        async with asyncio.timeout(_PROMPT_S):
            answer = await subject.ask("GET", "/health/live")
    except (TimeoutError, NoAnswer) as error:
        raise Violation(
            seen=f"after {after}: {str(error) or 'no answer'}",
            expected=f"/health/live is served within {_PROMPT_S:g} s",
        ) from None
    expect(
        answer.status == 200, seen=f"after {after}: /health/live answers {answer}", expected="200"
    )
