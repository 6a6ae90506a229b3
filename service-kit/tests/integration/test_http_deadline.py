"""
No upstream holds a caller beyond its deadline, whatever it does with the connection.

Each case runs against a real server that stalls at a different place, on both event loops.
"""

import asyncio
import socket
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import AbstractAsyncContextManager, aclosing, asynccontextmanager
from dataclasses import replace
from typing import Any

import pytest
import uvloop
from tcp import Behaviour, Peer, serving

from servicekit import deadline
from servicekit.errors import DeadlineExceeded, OutcomeUnknown, UpstreamFailed
from servicekit.http import Policy, ServiceClient

pytestmark = pytest.mark.real_time

GIVEN_S = 0.15
GRACE_S = 0.05
#: Scheduling on a busy machine is not the client's doing: late tries are forgiven, if one is in time.
TRIES = 8


async def stalled_headers(peer: Peer, _: bytes) -> None:
    """
    Not a byte of an answer.
    """
    await peer.hang()


async def half_headers(peer: Peer, _: bytes) -> None:
    """
    Headers that don't end.
    """
    await peer.send(b"HTTP/1.1 200 OK\r\n")
    await peer.hang()


async def stalled_body(peer: Peer, _: bytes) -> None:
    """
    Headers, and then nothing.
    """
    await peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n")
    await peer.hang()


async def slow_drip(peer: Peer, _: bytes) -> None:
    """
    A byte now and then, for ever: every single read is quick.
    """
    await peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n")
    while not peer.writer.is_closing():
        await peer.send(b"x")
        await asyncio.sleep(0.005)


@asynccontextmanager
async def never_accepted() -> AsyncIterator[str]:
    """
    A listener that accepts nothing: the kernel takes the connection, and nobody reads.
    """
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"


@asynccontextmanager
async def never_connected() -> AsyncIterator[str]:
    """
    A listener whose queue is full: connecting itself stalls.
    """
    with socket.create_server(("127.0.0.1", 0), backlog=0) as listener:
        address = listener.getsockname()
        fillers = [socket.socket() for _ in range(4)]
        for filler in fillers:
            filler.setblocking(False)
            filler.connect_ex(address)
        try:
            yield f"http://127.0.0.1:{address[1]}"
        finally:
            for filler in fillers:
                filler.close()


async def took_s(call: Callable[[], Awaitable[object]], error: type[Exception]) -> float:
    """
    How long ``call`` took to end in ``error``.
    """
    began = time.monotonic()
    async with asyncio.timeout(30):
        with deadline.within(GIVEN_S), pytest.raises(error):
            await call()
    return time.monotonic() - began


async def is_kept(call: Callable[[], Awaitable[object]], error: type[Exception]) -> None:
    """
    One of a few tries ends within the grace, and none ends before the time.
    """
    times: list[float] = []
    while not times or (times[-1] > GIVEN_S + GRACE_S and len(times) < TRIES):
        times.append(await took_s(call, error))
    assert min(times) >= GIVEN_S - 0.002
    assert times[-1] <= GIVEN_S + GRACE_S, times


#: All the time in the world, but for the caller's.
CALM = Policy(breaker_threshold=1000, max_attempts=1)


def connected(url: str, policy: Policy = CALM) -> AbstractAsyncContextManager[ServiceClient]:
    """
    A client that is closed in the end.
    """
    return aclosing(ServiceClient("inventory", url, caller="gateway", policy=policy))


Run = Callable[[Coroutine[Any, Any, None]], None]


@pytest.fixture(params=[asyncio.run, uvloop.run], ids=["asyncio", "uvloop"])
def run(request: pytest.FixtureRequest) -> Run:
    """
    Runs a test on either event loop.
    """
    runner: Run = request.param
    return runner


@pytest.mark.parametrize("behave", [stalled_headers, half_headers, stalled_body, slow_drip])
@pytest.mark.parametrize(("method", "error"), [("get", DeadlineExceeded), ("post", OutcomeUnknown)])
def test_stalled_answer_ends_at_the_deadline(
    run: Run, behave: Behaviour, method: str, error: type[Exception]
) -> None:
    """
    Wherever an answer stops, the caller is told in time; a write is unknown.
    """

    async def story() -> None:
        async with serving(behave) as server, connected(server.url) as inventory:
            await is_kept(lambda: getattr(inventory, method)("/x"), error)

    run(story())


@pytest.mark.parametrize(("method", "error"), [("get", DeadlineExceeded), ("post", OutcomeUnknown)])
def test_stalled_accept_ends_at_the_deadline(run: Run, method: str, error: type[Exception]) -> None:
    """
    A connection that nobody serves: the request has left, so a write is unknown.
    """

    async def story() -> None:
        async with never_accepted() as url, connected(url) as inventory:
            await is_kept(lambda: getattr(inventory, method)("/x"), error)

    run(story())


@pytest.mark.parametrize("method", ["get", "post"])
def test_stalled_connect_ends_at_the_deadline(run: Run, method: str) -> None:
    """
    Nothing was sent, so a write has not happened.
    """

    async def story() -> None:
        async with never_connected() as url, connected(url) as inventory:
            await is_kept(lambda: getattr(inventory, method)("/x"), DeadlineExceeded)

    run(story())


def test_stalled_upload_ends_at_the_deadline(run: Run) -> None:
    """
    A body that the other side does not take is given up in time.
    """

    async def story() -> None:
        async with never_accepted() as url, connected(url) as inventory:
            body = {"x": "y" * 20_000_000}
            # Writing JSON of this size takes a while by itself, which is not the point.
            with deadline.within(GIVEN_S), pytest.raises((OutcomeUnknown, DeadlineExceeded)):
                async with asyncio.timeout(30):
                    await inventory.post("/x", json=body)

    run(story())


def test_wait_in_line_ends_at_the_deadline(run: Run) -> None:
    """
    Behind calls that hang, a caller leaves the line in time.
    """

    async def story() -> None:
        async with (
            serving(stalled_headers) as server,
            connected(server.url, replace(CALM, max_in_flight=1)) as inventory,
        ):
            hanging = asyncio.ensure_future(inventory.get("/x"))
            await asyncio.sleep(0)
            await is_kept(lambda: inventory.post("/x"), DeadlineExceeded)
            hanging.cancel()
            await asyncio.gather(hanging, return_exceptions=True)

    run(story())


def test_retries_end_at_the_deadline(run: Run) -> None:
    """
    Attempts and pauses together take no longer than one call may.
    """
    persistent = replace(
        CALM,
        max_attempts=50,
        attempt_timeout_s=0.04,
        retry_budget_cap=1000.0,
        retry_budget_start=1000.0,
        backoff_base_s=0.001,
        backoff_max_s=0.002,
    )

    async def story() -> None:
        async with (
            serving(stalled_headers) as server,
            connected(server.url, persistent) as inventory,
        ):
            await is_kept(lambda: inventory.get("/x"), DeadlineExceeded)
        assert len(server.requests) > 1

    run(story())


def test_pauses_do_not_outlast_the_deadline(run: Run) -> None:
    """
    A failure whose pause would end too late is told at once.
    """

    async def busy(peer: Peer, _: bytes) -> None:
        await peer.send(b"HTTP/1.1 503 Busy\r\nRetry-After: 1\r\nContent-Length: 0\r\n\r\n")

    async def story() -> None:
        async with (
            serving(busy) as server,
            connected(server.url, replace(CALM, max_attempts=3)) as inventory,
        ):
            began = time.monotonic()
            with deadline.within(GIVEN_S), pytest.raises(UpstreamFailed):
                await inventory.get("/x")
            assert time.monotonic() - began < GIVEN_S

    run(story())


def test_policy_bounds_a_call_without_a_deadline(run: Run) -> None:
    """
    ``total_timeout_s`` holds where the caller has set nothing.
    """

    async def story() -> None:
        async with (
            serving(slow_drip) as server,
            connected(server.url, replace(CALM, total_timeout_s=0.05)) as inventory,
        ):
            with pytest.raises(DeadlineExceeded):
                async with asyncio.timeout(30):
                    await inventory.get("/x")

    run(story())
