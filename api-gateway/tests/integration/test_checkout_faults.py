"""
Orders while backends fail: whatever becomes of a call, an order ends as one thing, and the books agree.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from typing import Final

import httpx
import pytest
from checkout_app import RunningCheckout, prepare, running_checkout
from fake_backends import After, Code, FakeBackends, Fault, Held, Late, lost, refused
from fake_faults import Operation

from servicekit.http import Policy
from servicekit.testing import eventually
from servicekit.testing.clock import FakeClock

#: What may become of one call: before the effect, and after it.
FAULTS: Final[Mapping[str, Callable[[], Fault]]] = {
    "503": lambda: 503,
    "500": lambda: 500,
    "no connection": lambda: httpx.ConnectError("no"),
    "no answer": lambda: httpx.ReadTimeout("none"),
    "garbage": lambda: b"<html>",
    "done, then 503": lambda: After(503),
    "done, then no answer": lost,
    "done, then a broken connection": lambda: After(httpx.RemoteProtocolError("broken")),
    "done, then garbage": lambda: After(b"<html>"),
    # What inventory and pricing say to callers, not to shoppers: it is ours to mend.
    "our token is refused": lambda: 401,
    "our permission is refused": lambda: 403,
    "too many calls": lambda: 429,
    "a proxy speaks": lambda: refused(404, "NO_SUCH_HOST"),
    "a no that cannot be": lambda: refused(409, "CONFLICT", reason="OTHER_ITEMS"),
}


@pytest.fixture
def backends(clock: FakeClock) -> FakeBackends:
    """
    Two products with many in stock, and a code that can be used a few times.
    """
    return FakeBackends.selling(
        "A-1", "B-1", stock=100, codes={"TEN": Code(10, use_limit=50)}, now=clock.now
    )


@pytest.fixture
async def shop(backends: FakeBackends, clock: FakeClock) -> AsyncIterator[RunningCheckout]:
    """
    A gateway in front of them.
    """
    async with running_checkout(backends, clock=clock) as running:
        yield running


def _call(backends: FakeBackends, step: str) -> Operation:
    if step == "quote-price":
        return backends.pricing.on("quote")
    return backends.inventory.on("reserve" if step == "reserve-stock" else "commit")


STEPS: Final = ("reserve-stock", "quote-price", "commit-stock")


@pytest.mark.parametrize("step", STEPS)
async def test_an_order_survives_whatever_becomes_of_one_call(
    shop: RunningCheckout, backends: FakeBackends, step: str
) -> None:
    """
    Every fault of every step is met by asking again: the order is confirmed, and counts once.
    """
    told = {}
    for name, fault in FAULTS.items():
        _call(backends, step).fail_next(fault())
        answer = await shop.order({"A-1": 1, "B-1": 2}, codes=["TEN"])
        told[name] = (
            answer.status_code,
            f"{step}.repeating" in await shop.names(answer.json()["orderId"]),
        )

    assert told == dict.fromkeys(FAULTS, (201, True))
    assert backends.inventory.stock.sold == {"A-1": len(FAULTS), "B-1": 2 * len(FAULTS)}
    assert not any(backends.inventory.stock.held.values())
    assert len(backends.pricing.quotes.claims("TEN")) == len(FAULTS)


@pytest.mark.postgres
async def test_orders_survive_faults_on_postgresql(
    backends: FakeBackends, clock: FakeClock, postgres_url: str
) -> None:
    """
    The same there, one fault of each step in one order.
    """
    await asyncio.to_thread(prepare, postgres_url)
    for step in STEPS:
        _call(backends, step).fail_next(lost())
    async with running_checkout(backends, clock=clock, url=postgres_url) as shop:
        answer = await shop.order({"A-1": 1}, codes=["TEN"])
        names = await shop.names(answer.json()["orderId"])

    assert answer.status_code == 201
    assert [name for name in names if name.endswith("repeating")] == [
        f"{step}.repeating" for step in STEPS
    ]
    assert backends.inventory.stock.sold == {"A-1": 1}


async def test_faults_that_the_client_absorbs_are_no_news(
    backends: FakeBackends, clock: FakeClock
) -> None:
    """
    The client repeats what is keyed by itself: one lost answer costs no event and no pause of the saga.
    """
    for step in ("reserve-stock", "quote-price"):
        _call(backends, step).fail_next(lost())
    async with running_checkout(backends, clock=clock, policy=Policy()) as shop:
        answer = await shop.order({"A-1": 1})
        names = await shop.names(answer.json()["orderId"])

    assert answer.status_code == 201
    assert not any(name.endswith("repeating") for name in names)


@pytest.mark.parametrize("step", ["reserve-stock", "quote-price"])
async def test_an_order_that_cannot_be_placed_in_time_fails_and_leaves_nothing_behind(
    shop: RunningCheckout, backends: FakeBackends, step: str
) -> None:
    """
    503 that says why and what to do; stock and codes are free again, and the order is FAILED.
    """
    _call(backends, step).fail_always(After(503) if step == "quote-price" else 503)

    answer = await shop.order({"A-1": 1}, codes=["TEN"])

    error = answer.json()["error"]
    order_id = error["details"]["orderId"]
    order = (await shop.get(order_id)).json()
    assert (answer.status_code, error["code"]) == (503, "SERVICE_UNAVAILABLE")
    assert "Retry-After" in answer.headers
    assert "place the order again" in error["message"]
    assert error["details"]["step"] == step
    assert (order["status"], order["timeline"][-1]["name"]) == ("FAILED", "failed")
    assert f"{step}.given-up" in [event["name"] for event in order["timeline"]]
    assert backends.inventory.stock.is_closed(order_id)
    assert not any(backends.inventory.stock.held.values())
    assert not backends.pricing.quotes.claims("TEN")


async def test_a_reserve_that_arrives_after_its_order_was_given_up_is_refused(
    shop: RunningCheckout, backends: FakeBackends
) -> None:
    """
    What the network delivers late meets the barrier: nothing is held for an order that has failed.
    """
    backends.inventory.on("reserve").fail_next(late := Late())
    backends.inventory.on("reserve").fail_always(503)
    answer = await shop.order({"A-1": 1})

    delivered = late.arrive()

    assert answer.status_code == 503
    assert [one.status_code for one in delivered] == [409]
    assert not any(backends.inventory.stock.held.values())


async def test_a_quote_that_comes_after_the_deadline_is_released(
    shop: RunningCheckout, backends: FakeBackends, clock: FakeClock
) -> None:
    """
    Pricing's answer is good and too late: the order fails, and its codes are free again.
    """
    backends.pricing.on("quote").fail_next(After(held := Held()))
    placing = await shop.order({"A-1": 1}, codes=["TEN"], prefer="respond-async")
    await eventually(lambda: held.has_come)

    clock.advance(11)
    held.release()

    order = await shop.becomes(placing.json()["orderId"], "FAILED")
    assert order["reason"]["step"] == "quote-price"
    assert not backends.pricing.quotes.claims("TEN")
    assert not any(backends.inventory.stock.held.values())


async def test_a_reservation_that_expires_before_the_commit_fails_the_order(
    shop: RunningCheckout, backends: FakeBackends
) -> None:
    """
    The commit is refused for good: 503 with RESERVATION_EXPIRED, nothing sold, the codes free again.
    """
    backends.inventory.on("commit").fail_next(held := Held())
    placing = await shop.order({"A-1": 1}, codes=["TEN"], key="k", prefer="respond-async")
    order_id = placing.json()["orderId"]
    await eventually(lambda: held.has_come)
    backends.inventory.stock.expire(order_id)

    held.release()

    await shop.becomes(order_id, "FAILED")
    again = await shop.order({"A-1": 1}, codes=["TEN"], key="k")
    assert again.status_code == 503
    assert "Retry-After" not in again.headers
    assert again.json()["error"]["details"]["reason"] == "RESERVATION_EXPIRED"
    assert not backends.inventory.stock.sold.get("A-1")
    assert not any(backends.inventory.stock.held.values())
    assert not backends.pricing.quotes.claims("TEN")


async def test_a_commit_is_asked_for_until_it_is_answered(
    backends: FakeBackends, clock: FakeClock
) -> None:
    """
    Past every deadline an order whose commit may have been made goes forward only: never undone.
    """
    backends.inventory.on("commit").fail_always(lost())
    async with running_checkout(backends, clock=clock, order_wait_seconds=0.1) as shop:
        placing = await shop.order({"A-1": 1})
        order = await shop.becomes(placing.json()["orderId"], "NEEDS_ATTENTION")

        backends.inventory.on("commit").recover()

        await shop.becomes(order["orderId"], "CONFIRMED")
    assert placing.status_code == 202
    assert order["attention"]["step"] == "commit-stock"
    assert backends.inventory.on("release").calls == 0
    assert backends.inventory.stock.sold == {"A-1": 1}


async def test_an_open_breaker_is_waited_for(backends: FakeBackends, clock: FakeClock) -> None:
    """
    Inventory fails until its breaker opens; when it is back within the order's time, all goes well.
    """
    backends.inventory.on("reserve").fail_next(*[503] * 5)
    async with running_checkout(backends, clock=clock, order_deadline_seconds=600) as shop:
        answer = await shop.order({"A-1": 1})

    assert answer.status_code == 201
    assert backends.inventory.on("reserve").calls == 6


async def test_an_undo_is_repeated_until_it_holds(
    shop: RunningCheckout, backends: FakeBackends
) -> None:
    """
    A rejected order whose stock cannot be given back at first is told as rejected only when it is.
    """
    backends.inventory.on("release").fail_next(503, lost(), After(503), b"<html>")

    answer = await shop.order({"A-1": 1}, codes=["TYPO"])

    order_id = answer.json()["error"]["details"]["orderId"]
    names = await shop.names(order_id)
    assert answer.status_code == 422
    assert names[-4:] == [
        "quote-price.undone",
        "reserve-stock.undo-repeating",
        "reserve-stock.undone",
        "rejected",
    ]
    assert backends.inventory.on("release").calls == 5
    assert not any(backends.inventory.stock.held.values())
