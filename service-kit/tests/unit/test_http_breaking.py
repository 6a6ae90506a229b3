"""
What the breaker counts, seen from a client: failures and refusals, probes and callers that leave.
"""

import asyncio

import httpx
import pytest
from lookups import turns
from networks import HeldNetwork, Network, Watcher, answer, client

from servicekit import deadline
from servicekit.errors import CircuitOpen, StorefrontError, UpstreamError, UpstreamRefused
from servicekit.http import Policy, ServiceClient, State
from servicekit.testing.clock import FakeClock

ONCE = Policy(max_attempts=1)


async def ask(inventory: ServiceClient, times: int) -> None:
    """
    Ask, and don't mind the answer.
    """
    for _ in range(times):
        with pytest.raises(StorefrontError):
            await inventory.get("/products")


@pytest.mark.parametrize(
    "failure",
    [
        500,
        503,
        httpx.ConnectError("refused"),
        httpx.ConnectTimeout("stalled"),
        httpx.ReadTimeout("stalled"),
        httpx.ReadError("reset"),
        httpx.WriteError("reset"),
        httpx.RemoteProtocolError("no HTTP"),
    ],
    ids=repr,
)
async def test_failures_open_it(failure: int | Exception) -> None:
    """
    Five of what a sick upstream does, and the sixth call is not sent.
    """
    network = Network([failure])
    inventory = client(network, policy=ONCE)

    await ask(inventory, 6)

    assert len(network.sent) == 5
    assert inventory.breaker.snapshot().state is State.OPEN


@pytest.mark.parametrize("status", [400, 401, 404, 409, 422, 429])
async def test_refusals_never_open_it(status: int) -> None:
    """
    An upstream that says no is well.
    """
    network = Network([status])
    inventory = client(network, policy=ONCE)

    for _ in range(20):
        with pytest.raises(UpstreamRefused):
            await inventory.get("/products/none")

    assert inventory.breaker.snapshot().state is State.CLOSED


async def test_refusal_ends_a_row_of_failures() -> None:
    """
    A 404 shows that the upstream answers.
    """
    network = Network([500, 500, 500, 500, 404, 500])
    inventory = client(network, policy=ONCE)

    await ask(inventory, 9)

    assert inventory.breaker.snapshot().state is State.CLOSED
    assert inventory.breaker.snapshot().failures_in_a_row == 4


@pytest.mark.parametrize(
    "mistake", [httpx.LocalProtocolError("bad header"), httpx.PoolTimeout("full")], ids=repr
)
async def test_mistakes_of_ours_say_nothing(mistake: Exception) -> None:
    """
    A request that could not be made, or had no turn, is no failure of the upstream.
    """
    inventory = client(Network([mistake]), policy=ONCE)

    await ask(inventory, 20)

    assert inventory.breaker.snapshot().state is State.CLOSED


async def test_answer_that_is_too_large_says_nothing() -> None:
    """
    One caller's enormous question does not cut the others off.
    """
    network = Network(lambda _: answer(body=b"x" * 101))
    inventory = client(network, policy=Policy(max_response_bytes=100))

    await ask(inventory, 20)

    assert inventory.breaker.snapshot().state is State.CLOSED
    assert len(network.sent) == 20


async def half_open(network: Network | HeldNetwork, clock: FakeClock) -> ServiceClient:
    """
    A client whose breaker has been open for its time.
    """
    inventory = client(network, clock=clock, policy=Policy(max_attempts=1, max_in_flight=1000))
    for _ in range(5):
        inventory.breaker.failed(inventory.breaker.admit(), "made so")
    clock.advance(60)
    return inventory


async def test_of_500_waiting_at_half_open_three_get_through() -> None:
    """
    However many come at once, the upstream sees three; the others fail fast.
    """
    network = HeldNetwork()
    inventory = await half_open(network, FakeClock())

    calls = [asyncio.ensure_future(inventory.get("/products")) for _ in range(500)]
    await turns()

    assert len(network.sent) == 3
    network.release()
    ends = await asyncio.gather(*calls, return_exceptions=True)
    assert sum(isinstance(end, CircuitOpen) for end in ends) == 497
    assert inventory.breaker.snapshot().state is State.CLOSED


async def test_cancelled_probe_gives_its_place_back() -> None:
    """
    Three probes whose callers leave make room for three more, and count as nothing.
    """
    network = HeldNetwork()
    inventory = await half_open(network, FakeClock())
    leaving = [asyncio.ensure_future(inventory.get("/products")) for _ in range(3)]
    await turns()

    for call in leaving:
        call.cancel()
    await turns()
    staying = [asyncio.ensure_future(inventory.get("/products")) for _ in range(3)]
    await turns()

    assert len(network.sent) == 6
    assert inventory.breaker.snapshot().state is State.HALF_OPEN
    network.release()
    await asyncio.gather(*staying)
    assert inventory.breaker.snapshot().state is State.CLOSED


async def test_one_bad_probe_opens_it_again() -> None:
    """
    The two other probes, good as they are, come too late.
    """
    network = HeldNetwork()
    inventory = await half_open(network, FakeClock())
    calls = [asyncio.ensure_future(inventory.get("/products")) for _ in range(3)]
    await turns()

    network.release(503, n=1)
    await turns()
    network.release(200)
    await asyncio.gather(*calls, return_exceptions=True)

    assert inventory.breaker.snapshot().state is State.OPEN


async def test_calls_from_before_do_not_count_after() -> None:
    """
    Slow calls that began while it was closed neither close nor open it later.
    """
    clock, network = FakeClock(), HeldNetwork()
    inventory = client(network, clock=clock, policy=Policy(max_attempts=1))
    slow = [asyncio.ensure_future(inventory.get("/products")) for _ in range(10)]
    await turns()
    for _ in range(5):
        inventory.breaker.failed(inventory.breaker.admit(), "made so")

    network.release(200)
    await asyncio.gather(*slow)

    assert inventory.breaker.snapshot().state is State.OPEN


@pytest.mark.leaping_time
async def test_tiny_deadlines_do_not_open_it() -> None:
    """
    A client that gives no time cannot cut the others off from a healthy upstream.
    """
    network = HeldNetwork()
    inventory = ServiceClient(
        "inventory",
        "http://inventory",
        caller="gateway",
        network=network,
        clock=asyncio.get_running_loop().time,
    )

    for _ in range(20):
        with deadline.within(0.002):
            await ask(inventory, 1)

    assert inventory.breaker.snapshot().state is State.CLOSED
    assert inventory.breaker.snapshot().failures_in_a_row == 0


@pytest.mark.leaping_time
async def test_long_waits_that_a_deadline_ends_do_open_it() -> None:
    """
    From ``slow_call_s`` on the wire, a call cut short speaks against the upstream.
    """
    network = HeldNetwork()
    inventory = ServiceClient(
        "inventory",
        "http://inventory",
        caller="gateway",
        network=network,
        policy=Policy(slow_call_s=0.01, max_attempts=1),
        clock=asyncio.get_running_loop().time,
    )

    for _ in range(5):
        with deadline.within(0.02):
            await ask(inventory, 1)

    assert inventory.breaker.snapshot().state is State.OPEN


@pytest.mark.leaping_time
async def test_attempts_that_run_out_of_time_open_it() -> None:
    """
    The attempt's own limit is the upstream's fault, however short a call it was.
    """
    inventory = ServiceClient(
        "inventory",
        "http://inventory",
        caller="gateway",
        network=HeldNetwork(),
        policy=Policy(attempt_timeout_s=0.005, max_attempts=1),
    )

    await ask(inventory, 5)

    assert inventory.breaker.snapshot().state is State.OPEN


async def test_transitions_are_announced() -> None:
    """
    The observer hears of each, with its reason.
    """
    watcher = Watcher()
    inventory = client(Network([502]), policy=ONCE, observer=watcher)

    for _ in range(5):
        with pytest.raises(UpstreamError):
            await inventory.get("/products")

    (change,) = watcher.transitions
    assert (change.upstream, change.before, change.after) == ("inventory", "closed", "open")
    assert change.reason == "5 failures in a row, the last: status 502"
