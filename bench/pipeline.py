"""
What the layers of an outgoing call cost, in microseconds a call, without a network.

A null network answers at once under a plain ``httpx.AsyncClient``, under a
``ServiceClient``, and under the pipeline with each layer added in turn. Rounds
are interleaved, and each figure is the best of them: what the code costs when
nothing else of the machine is in the way.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Final

import httpx
import uvloop

from servicekit import correlation, deadline
from servicekit.http.answer import Headers, Received
from servicekit.http.attempt import Attempt
from servicekit.http.breaker import Breaker
from servicekit.http.breaking import Breaking
from servicekit.http.budget import RetryBudget
from servicekit.http.bulkhead import Bulkhead
from servicekit.http.call import Call
from servicekit.http.client import ServiceClient
from servicekit.http.deadlines import TotalDeadline
from servicekit.http.retry import Retrying

ROUNDS: Final = 30
CALLS: Final = 200
URL: Final = "http://inventory:8001"
PATH: Final = "/api/v1/products"

Action = Callable[[], Awaitable[object]]
Send = Callable[[Call], Awaitable[object]]


class NullNetwork(httpx.AsyncBaseTransport):
    """
    Answers at once.
    """

    async def handle_async_request(self, _: httpx.Request) -> httpx.Response:
        """
        A small answer to any request.
        """
        headers = [(b"content-type", b"application/json"), (b"content-length", b"2")]
        return httpx.Response(200, headers=headers, stream=httpx.ByteStream(b"{}"))


class NullWire:
    """
    The same, as our own network would.
    """

    async def exchange(self, _: Call, *, within_s: float, max_bytes: int) -> Received:  # noqa: ARG002 - the protocol's
        """
        A small answer to any call.
        """
        headers = [(b"content-type", b"application/json"), (b"content-length", b"2")]
        return Received(200, Headers(headers), b"{}")

    async def aclose(self) -> None:
        """
        There is nothing to close.
        """


def measure() -> dict[str, float]:
    """
    Microseconds for a whole call of each client, for the layers together, and for each layer.
    """
    return uvloop.run(_measure())


async def _measure() -> dict[str, float]:
    plain = httpx.AsyncClient(transport=NullNetwork(), base_url=URL)
    ours = ServiceClient("inventory", URL, caller="gateway", network=NullWire())
    layers = _layers()
    actions: dict[str, Action] = {
        "httpx": lambda: plain.get(PATH),
        "client": lambda: ours.get(PATH),
        **{name: _through(send) for name, send in layers.items()},
    }
    with correlation.correlated(correlation.new()), deadline.within(3600):
        took_us = await _best_us(actions)
    names = list(layers)
    steps = zip(names[1:], names, strict=False)
    return {
        "httpx_client_us": took_us["httpx"],
        "service_client_us": took_us["client"],
        "service_client_above_httpx_us": took_us["client"] - took_us["httpx"],
        "layers_us": took_us[names[-1]] - took_us[names[0]],
        **{f"layer_{name}_us": took_us[name] - took_us[below] for name, below in steps},
    }


def _layers() -> dict[str, Send]:
    """
    The pipeline as far as each of its layers, from the network up.
    """
    clock = time.monotonic
    wire = NullWire()
    attempt = Attempt(wire, limit_s=10, max_response_bytes=8 << 20, clock=clock)
    breaker = Breaker("inventory", threshold=5, open_for_s=60, clock=clock)
    breaking = Breaking(attempt, breaker=breaker, slow_call_s=1, clock=clock)
    retrying = Retrying(
        breaking,
        max_attempts=3,
        backoff_base_s=0.05,
        backoff_max_s=1,
        budget=RetryBudget(ratio=0.2, start=0.8, cap=10),
        clock=clock,
        sleep=asyncio.sleep,
    )
    total = TotalDeadline(retrying, clock=clock, has_timer=False)
    bulkhead = Bulkhead(total, max_in_flight=100, max_waiting=1000, clock=clock)
    return {
        "network": lambda call: wire.exchange(call, within_s=10, max_bytes=8 << 20),
        "attempt": attempt.send,
        "breaker": breaking.send,
        "retry": retrying.send,
        "deadline": total.send,
        "bulkhead": bulkhead.send,
    }


def _through(send: Send) -> Action:
    async def call() -> None:
        now = time.monotonic()
        await send(Call("inventory", "GET", PATH, {}, b"", True, False, now, now + 30))  # noqa: FBT003 - as the client makes it

    return call


async def _best_us(actions: dict[str, Action]) -> dict[str, float]:
    taken: dict[str, list[float]] = {name: [] for name in actions}
    for _ in range(ROUNDS):
        for name, action in actions.items():
            began_at = time.perf_counter()
            for _ in range(CALLS):
                await action()
            taken[name].append((time.perf_counter() - began_at) / CALLS * 1e6)
    return {name: min(times) for name, times in taken.items()}


if __name__ == "__main__":
    for name, value in measure().items():
        print(f"{name:32} {value:8.1f}")
