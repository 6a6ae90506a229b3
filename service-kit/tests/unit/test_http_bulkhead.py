"""
How many calls are inside at once, who is next, and that no place is ever lost.
"""

import asyncio

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lookups import turns
from networks import HeldNetwork, Network, client

from servicekit import deadline
from servicekit.errors import DeadlineExceeded, Overloaded, UpstreamFailed
from servicekit.http import Policy, ServiceClient
from servicekit.testing.polling import eventually

ONE_AT_A_TIME = Policy(max_in_flight=1, max_waiting=2)


def asking(inventory: ServiceClient, path: str = "/x") -> "asyncio.Task[object]":
    """
    A call as a task of its own.
    """
    return asyncio.ensure_future(inventory.get(path))


async def test_calls_in_progress_are_bounded_and_the_rest_wait_in_order() -> None:
    """
    First come, first served.
    """
    network = HeldNetwork()
    inventory = client(network, policy=ONE_AT_A_TIME)
    calls = [asking(inventory, f"/{name}") for name in "abc"]

    await turns()
    for _ in calls:
        assert len(network.held) == 1
        network.release()
        await turns(8)
    await asyncio.gather(*calls)

    assert [request.url.path[-1] for request in network.sent] == ["a", "b", "c"]


async def test_full_line_is_overloaded_at_once() -> None:
    """
    Whoever finds the line full is told so without waiting, and nothing is sent.
    """
    network = HeldNetwork()
    inventory = client(network, policy=ONE_AT_A_TIME)
    calls = [asking(inventory) for _ in range(3)]
    await turns()

    with pytest.raises(Overloaded):
        await inventory.get("/x")

    for _ in calls:
        network.release()
        await turns(8)
    await asyncio.gather(*calls)
    assert len(network.sent) == 3


@pytest.mark.leaping_time
async def test_nobody_waits_in_line_beyond_the_deadline() -> None:
    """
    A write that never left the line did not happen, and says so.
    """
    network = HeldNetwork()
    inventory = ServiceClient(
        "inventory", "http://inventory", caller="gateway", network=network, policy=ONE_AT_A_TIME
    )
    first = asking(inventory)
    await turns()

    with deadline.within(0.02), pytest.raises(DeadlineExceeded):
        await inventory.post("/x", json={})

    network.release()
    await first
    assert len(network.sent) == 1
    assert inventory.breaker.snapshot().failures_in_a_row == 0


async def test_place_in_line_is_given_back_by_who_leaves() -> None:
    """
    The line has room again, and the turn goes to who is left.
    """
    network = HeldNetwork()
    inventory = client(network, policy=ONE_AT_A_TIME)
    first, leaving, staying = (asking(inventory, f"/{name}") for name in ("first", "left", "kept"))
    await turns()

    leaving.cancel()
    await turns()
    late = asking(inventory, "/late")
    await turns()
    for _ in range(3):
        network.release()
        await turns(8)
    await asyncio.gather(first, staying, late)

    assert [request.url.path[8:] for request in network.sent] == ["first", "kept", "late"]


async def test_place_is_not_lost_on_who_leaves_when_called() -> None:
    """
    A waiter that is cancelled in the turn in which its turn comes passes it on.
    """
    network = HeldNetwork()
    inventory = client(network, policy=ONE_AT_A_TIME)
    first, called, after = (asking(inventory, f"/{name}") for name in ("first", "called", "after"))
    await turns()

    network.release()
    while not first.done():
        await turns(1)
    called.cancel()
    await turns(8)
    network.release()
    await asyncio.gather(first, after)

    assert called.cancelled()


async def test_place_is_given_back_after_a_failure() -> None:
    """
    Failures don't fill the bulkhead.
    """
    network = Network([httpx.ReadError("reset")])
    inventory = client(network, policy=Policy(max_in_flight=1, max_attempts=1))

    for _ in range(4):
        with pytest.raises(UpstreamFailed):
            await inventory.get("/x")

    network.say = [200]
    assert (await inventory.get("/x")).status == 200


acts = st.tuples(
    st.sampled_from(["call", "call", "cancel", "release", "turn"]),
    st.integers(min_value=0, max_value=9),
)


async def happen(
    act: str,
    n: int,
    calls: "list[asyncio.Task[object]]",
    inventory: ServiceClient,
    network: HeldNetwork,
) -> None:
    """
    One event of a story.
    """
    if act == "call":
        calls.append(asking(inventory))
    elif act == "cancel" and n < len(calls):
        calls[n].cancel()
    elif act == "release":
        network.release(n=n)
    else:
        await turns(1)


@settings(max_examples=200, deadline=None)
@given(story=st.lists(acts, max_size=50), places=st.integers(1, 3), waiting=st.integers(1, 4))
def test_no_place_is_ever_lost(story: list[tuple[str, int]], places: int, waiting: int) -> None:
    """
    Whatever was cancelled, refused or answered: bounds hold, and in the end all places are free.
    """

    async def run() -> None:
        network = HeldNetwork()
        inventory = client(network, policy=Policy(max_in_flight=places, max_waiting=waiting))
        calls: list[asyncio.Task[object]] = []
        for act, n in story:
            await happen(act, n, calls, inventory, network)
            assert len(network.held) <= places
        while not all(call.done() for call in calls):
            network.release()
            await turns(1)
            assert len(network.held) <= places
        for call in calls:
            if not call.cancelled():
                assert call.exception() is None or isinstance(call.exception(), Overloaded)

        last = [asking(inventory) for _ in range(places)]
        await eventually(lambda: len(network.held) == places, every_s=0)
        network.release()
        await asyncio.gather(*last)

    asyncio.run(run())
