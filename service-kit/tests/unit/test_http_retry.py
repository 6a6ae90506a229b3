"""
What is tried again, when, how often, and at whose expense.
"""

import asyncio
from typing import Any

import httpx
import pytest
from lookups import turns
from networks import HeldNetwork, Naps, Network, Watcher, answer, client

from servicekit.errors import (
    CircuitOpen,
    DeadlineExceeded,
    OutcomeUnknown,
    StorefrontError,
    UpstreamError,
    UpstreamFailed,
    UpstreamRefused,
)
from servicekit.http import CallOutcome, Policy, ServiceClient
from servicekit.http.budget import RetryBudget
from servicekit.testing.clock import FakeClock

#: Retries at no one's expense, where the budget is not the point.
RICH = Policy(retry_budget_start=10.0, breaker_threshold=1000)


async def test_post_without_key_is_sent_once() -> None:
    """
    A POST that carries no idempotency key is never retried.
    """
    network = Network([503])

    with pytest.raises(OutcomeUnknown):
        await client(network, policy=RICH).post("/stock/reserve", json={"quantity": 1})

    assert len(network.sent) == 1


async def test_post_without_key_is_sent_once_even_if_it_never_arrived() -> None:
    """
    Not even a refused connection makes it go twice.
    """
    network = Network([httpx.ConnectError("refused")])

    with pytest.raises(UpstreamFailed):
        await client(network, policy=RICH).post("/stock/reserve", json={})

    assert len(network.sent) == 1


@pytest.mark.parametrize("method", ["post", "put", "patch", "delete"])
async def test_keyed_write_is_repeated_with_the_same_key_and_body(method: str) -> None:
    """
    Whatever is repeated is the same to the last byte.
    """
    network = Network([503, 504, 201])
    inventory = client(network, policy=RICH)

    reply = await getattr(inventory, method)("/x", json={"n": 1}, idempotency_key="order-1")

    assert reply.status == 201
    assert [request.headers["Idempotency-Key"] for request in network.sent] == ["order-1"] * 3
    bodies = [await request.aread() for request in network.sent]
    assert bodies == [b'{"n":1}'] * 3


@pytest.mark.parametrize(
    "failure",
    [
        502,
        503,
        504,
        httpx.ConnectError("refused"),
        httpx.ConnectTimeout("stalled"),
        httpx.ReadTimeout("stalled"),
        httpx.ReadError("reset"),
        httpx.RemoteProtocolError("closed"),
    ],
    ids=repr,
)
async def test_passing_failure_of_a_read_is_not_seen(failure: int | Exception) -> None:
    """
    Two failures, then an answer: the caller has the answer.
    """
    network = Network([failure, failure, 200])

    reply = await client(network, policy=RICH).get("/products")

    assert reply.status == 200
    assert len(network.sent) == 3


async def test_key_that_is_given_as_a_header_counts_in_any_case() -> None:
    """
    Who passes a caller's headers on may pass on the key, too.
    """
    network = Network([503, 201])

    reply = await client(network).post("/orders", headers={"idempotency-key": "order-1"})

    assert reply.status == 201
    assert [request.headers["Idempotency-Key"] for request in network.sent] == ["order-1"] * 2


async def test_three_attempts_are_all() -> None:
    """
    Then the last failure is the caller's.
    """
    network = Network([503])

    with pytest.raises(UpstreamFailed):
        await client(network, policy=RICH).get("/products")

    assert len(network.sent) == 3


@pytest.mark.parametrize("status", [400, 401, 404, 409, 429, 500, 501])
async def test_what_repeating_does_not_cure_is_not_repeated(status: int) -> None:
    """
    Refusals, crashes, and a 429 that does not say when.
    """
    network = Network([status])

    with pytest.raises(UpstreamError):
        await client(network, policy=RICH).get("/products")

    assert len(network.sent) == 1


async def test_answer_that_is_too_large_is_not_asked_for_again() -> None:
    """
    Asking again would bring the same.
    """
    network = Network(lambda _: answer(body=b"x" * 11))

    with pytest.raises(UpstreamFailed):
        await client(network, policy=Policy(max_response_bytes=10)).get("/products")

    assert len(network.sent) == 1


async def test_pauses_are_random_below_a_growing_bound() -> None:
    """
    Full jitter: anywhere between nothing and a bound that doubles.
    """
    firsts, seconds = [], []
    for _ in range(40):
        clock = FakeClock()
        naps = Naps(clock)
        inventory = ServiceClient(
            "inventory",
            "http://inventory",
            caller="gateway",
            network=Network([503, 503, 200]),
            policy=Policy(backoff_base_s=0.1, backoff_max_s=10, retry_budget_start=10),
            clock=clock.monotonic,
            sleep=naps,
        )
        await inventory.get("/products")
        firsts.append(naps.taken_s[0])
        seconds.append(naps.taken_s[1])

    assert 0 <= min(firsts) < max(firsts) <= 0.1
    assert 0.1 < max(seconds) <= 0.2
    assert len(set(firsts)) == 40


@pytest.mark.parametrize("status", [429, 503])
async def test_asked_to_wait_it_waits(status: int) -> None:
    """
    A ``Retry-After`` that fits in the time left is kept to.
    """
    watcher = Watcher()
    network = Network([answer(status, headers={"Retry-After": "3"}), 200])

    reply = await client(network, observer=watcher).get("/products")

    assert reply.status == 200
    assert watcher.retries[0].pause_s == 3


async def test_retry_after_may_be_a_date() -> None:
    """
    A date counts from the upstream's own clock.
    """
    watcher = Watcher()
    headers = {
        "Retry-After": "Fri, 20 Nov 2026 12:00:05 GMT",
        "Date": "Fri, 20 Nov 2026 12:00:01 GMT",
    }
    network = Network([answer(429, headers=headers), 200])

    await client(network, observer=watcher).get("/products")

    assert watcher.retries[0].pause_s == 4


async def test_retry_after_in_the_past_asks_for_no_wait() -> None:
    """
    Without a date of the upstream's clock, ours must do.
    """
    watcher = Watcher()
    network = Network([answer(429, headers={"Retry-After": "Fri, 20 Nov 2020 12:00:05 GMT"}), 200])

    await client(network, observer=watcher).get("/products")

    assert watcher.retries[0].pause_s <= 0.05


@pytest.mark.parametrize("asked", ["31", "soon", "-1", "1e3", "99999999999999999999", ""])
async def test_wait_that_does_not_fit_or_means_nothing_is_not_begun(asked: str) -> None:
    """
    A wait that would end after the deadline is not begun; nonsense is no wait.
    """
    network = Network([answer(429, headers={"Retry-After": asked}), 200])

    with pytest.raises(UpstreamRefused):
        await client(network).get("/products")

    assert len(network.sent) == 1


async def test_pause_that_outlasts_the_deadline_is_not_begun() -> None:
    """
    With no time for a pause, the failure is told at once, and nothing is paid.
    """
    watcher = Watcher()
    network = Network([answer(503, headers={"Retry-After": "2"}), 200])
    policy = Policy(total_timeout_s=1.5)

    with pytest.raises(UpstreamFailed):
        await client(network, policy=policy, observer=watcher).get("/products")

    assert watcher.retries == []
    assert watcher.ended[0].duration_s == 0


async def test_open_breaker_is_not_asked_again() -> None:
    """
    ``CircuitOpen`` is never retried.
    """
    network = Network([503])
    inventory = client(network, policy=Policy(retry_budget_start=10, breaker_threshold=2))

    with pytest.raises(CircuitOpen):
        await inventory.get("/products")
    with pytest.raises(CircuitOpen):
        await inventory.get("/products")

    assert len(network.sent) == 2


async def test_brown_out_costs_a_fifth_more_calls_at_most() -> None:
    """
    While everything fails, a thousand requests cause at most 1200 calls.
    """
    network = Network([503])
    inventory = client(network, policy=Policy(breaker_threshold=10_000))

    for _ in range(1000):
        with pytest.raises(UpstreamFailed):
            await inventory.get("/products")

    assert 1190 <= len(network.sent) <= 1200


async def test_quiet_time_saves_up_ten_retries_at_most() -> None:
    """
    After a thousand good calls, ten repeats are paid for at once, and then one in five.
    """
    network = Network([200])
    inventory = client(network, policy=Policy(breaker_threshold=10_000))
    for _ in range(1000):
        await inventory.get("/products")
    network.say, network.sent = [503], []

    for _ in range(20):
        with pytest.raises(UpstreamFailed):
            await inventory.get("/products")

    assert 20 + 10 + 3 <= len(network.sent) <= 20 + 10 + 4


def test_budget_adds_up_exactly() -> None:
    """
    A fifth is a fifth, also the thousandth time.
    """
    budget = RetryBudget(ratio=0.2, start=0.8, cap=10)

    retries = 0
    for n in range(1, 1001):
        budget.deposit()
        retries += budget.withdraw()
        assert retries <= 0.8 + 0.2 * n + 1e-9

    assert retries == 200
    assert budget.retries_left == pytest.approx(0.8)


async def test_caller_that_leaves_during_a_pause_ends_it() -> None:
    """
    Nothing more is sent for someone who is not there.
    """
    clock = FakeClock()
    network = Network([503])
    inventory = ServiceClient(
        "inventory",
        "http://inventory",
        caller="gateway",
        network=network,
        policy=RICH,
        clock=clock.monotonic,
        sleep=clock.sleep,
    )
    call = asyncio.ensure_future(inventory.get("/products"))
    while not clock.sleepers:
        await turns(1)

    call.cancel()
    await asyncio.gather(call, return_exceptions=True)
    clock.advance(100)
    await turns()

    assert call.cancelled()
    assert len(network.sent) == 1


async def test_caller_that_leaves_during_the_second_attempt_ends_it() -> None:
    """
    A cancellation goes through tenacity as it is.
    """
    held = HeldNetwork()

    class FailsFirst(httpx.AsyncBaseTransport):
        attempts = 0

        async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
            self.attempts += 1
            return answer(503) if self.attempts == 1 else await held.handle_async_request(request)

    call = asyncio.ensure_future(client(FailsFirst()).get("/products"))
    while not held.sent:
        await turns(1)

    call.cancel()
    await asyncio.gather(call, return_exceptions=True)

    assert call.cancelled()


async def test_pause_that_took_too_long_is_not_followed_by_an_attempt() -> None:
    """
    A loop that was held up past the deadline does not send for a caller who has left.
    """
    clock, network = FakeClock(), Network([503])

    async def oversleep(seconds: float) -> None:
        clock.advance(seconds + 60)

    inventory = ServiceClient(
        "inventory",
        "http://inventory",
        caller="gateway",
        network=network,
        clock=clock.monotonic,
        sleep=oversleep,
    )

    with pytest.raises(DeadlineExceeded):
        await inventory.get("/products")
    assert len(network.sent) == 1


AFTER_DOUBT: list[tuple[Any, type[StorefrontError]]] = [
    (httpx.ConnectError("refused"), OutcomeUnknown),
    (429, OutcomeUnknown),
    (401, OutcomeUnknown),
    (503, OutcomeUnknown),
    (409, UpstreamRefused),
    (422, UpstreamRefused),
]


@pytest.mark.parametrize(("second", "error"), AFTER_DOUBT, ids=repr)
async def test_doubt_about_a_first_attempt_outlives_the_second(
    second: int | Exception, error: type[StorefrontError]
) -> None:
    """
    A keyed write that may have happened is unknown, unless the upstream itself decides on its key.
    """
    network = Network([httpx.ReadTimeout("lost"), second])
    policy = Policy(max_attempts=2, retry_budget_start=10)

    with pytest.raises(error):
        await client(network, policy=policy).post("/orders", json={}, idempotency_key="k")


async def test_breaker_that_opens_between_attempts_leaves_a_write_in_doubt() -> None:
    """
    ``CircuitOpen`` would say that nothing happened, which nobody knows.
    """
    network = Network([503])
    policy = Policy(breaker_threshold=1)

    with pytest.raises(OutcomeUnknown):
        await client(network, policy=policy).post("/orders", json={}, idempotency_key="k")
    with pytest.raises(CircuitOpen):
        await client(network, policy=policy).get("/x")


async def test_write_that_never_arrived_and_then_succeeds_is_in_no_doubt() -> None:
    """
    The good answer to a keyed write is its answer, whatever came before.
    """
    watcher = Watcher()
    network = Network([httpx.ReadError("reset"), 201])

    reply = await client(network, observer=watcher).post("/orders", json={}, idempotency_key="k")

    assert reply.status == 201
    assert [(end.outcome, end.status, end.attempts) for end in watcher.ended] == [
        (CallOutcome.OK, 201, 2)
    ]
