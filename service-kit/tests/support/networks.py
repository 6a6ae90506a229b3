"""
Networks for the pipeline's tests: what comes back is what a test says, and what was sent is kept.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass, field

import httpx
from httpx import AsyncByteStream, Request, Response

from servicekit.http import CallEnded, Policy, Retry, ServiceClient, Transition
from servicekit.testing.clock import FakeClock

Answer = Response | Exception


def answer(
    status: int = 200, body: bytes = b"{}", headers: Mapping[str, str] | None = None
) -> Response:
    """
    A response as a network gives it.
    """
    raw = [(name.encode(), value.encode()) for name, value in (headers or {}).items()]
    return Response(status, headers=raw, stream=httpx.ByteStream(body))


@dataclass
class Network(httpx.AsyncBaseTransport):
    """
    Answers each request by ``say``: a sequence whose last item repeats, or a function.
    """

    say: Sequence[int | Answer] | Callable[[Request], int | Answer] = (200,)
    sent: list[Request] = field(default_factory=list)
    is_closed: bool = False

    async def handle_async_request(self, request: Request) -> Response:
        n = len(self.sent)
        self.sent.append(request)
        said = self.say(request) if callable(self.say) else self.say[min(n, len(self.say) - 1)]
        if isinstance(said, Exception):
            raise said
        return answer(said) if isinstance(said, int) else said

    async def aclose(self) -> None:
        self.is_closed = True


@dataclass
class HeldNetwork(httpx.AsyncBaseTransport):
    """
    Holds every request until the test answers it.
    """

    held: list[asyncio.Future[Response]] = field(default_factory=list)
    sent: list[Request] = field(default_factory=list)

    async def handle_async_request(self, request: Request) -> Response:
        self.sent.append(request)
        reply: asyncio.Future[Response] = asyncio.get_running_loop().create_future()
        self.held.append(reply)
        try:
            return await reply
        finally:
            self.held.remove(reply)

    def release(self, status: int = 200, n: int | None = None) -> None:
        """
        Answer the first ``n`` that are held, or all.
        """
        for reply in self.held[:n]:
            if not reply.done():
                reply.set_result(answer(status))


class BrokenBody(AsyncByteStream):
    """
    A body that begins well and then raises.
    """

    def __init__(self, error: Exception) -> None:
        self._error = error
        self.is_closed = False

    async def __aiter__(self) -> AsyncIterator[bytes]:
        yield b"{"
        raise self._error

    async def aclose(self) -> None:
        self.is_closed = True


@dataclass
class Watcher:
    """
    An observer that remembers.
    """

    started: list[tuple[str, str]] = field(default_factory=list)
    ended: list[CallEnded] = field(default_factory=list)
    retries: list[Retry] = field(default_factory=list)
    transitions: list[Transition] = field(default_factory=list)

    def call_started(self, upstream: str, method: str) -> None:
        self.started.append((upstream, method))

    def call_ended(self, ended: CallEnded) -> None:
        self.ended.append(ended)

    def retrying(self, retry: Retry) -> None:
        self.retries.append(retry)

    def breaker_changed(self, transition: Transition) -> None:
        self.transitions.append(transition)


@dataclass
class Naps:
    """
    A sleep that takes no time but moves the clock, and remembers how long it was.
    """

    clock: FakeClock
    taken_s: list[float] = field(default_factory=list)

    async def __call__(self, seconds: float) -> None:
        self.taken_s.append(seconds)
        self.clock.advance(seconds)
        await asyncio.sleep(0)


def client(
    network: httpx.AsyncBaseTransport,
    *,
    clock: FakeClock | None = None,
    policy: Policy | None = None,
    observer: Watcher | None = None,
) -> ServiceClient:
    """
    A client of ``inventory`` on ``network``, with a clock that stands still.
    """
    clock = clock or FakeClock()
    return ServiceClient(
        "inventory",
        "http://inventory:8001/api/v1",
        caller="gateway",
        network=network,
        policy=policy or Policy(),
        observer=observer,
        clock=clock.monotonic,
        sleep=Naps(clock),
    )
