"""
One trace for all that is done for an order, whoever does it and when; sent over a real socket.
"""

from collections.abc import AsyncIterator, Iterator
from typing import Final

import pytest
from checkout_app import SHOPPER, Pauses, RunningCheckout, running_checkout
from fake_backends import Code, FakeBackends
from otlp_collector import Collector, collecting
from sqlalchemy import update

from gateway.tables import metadata, orders
from servicekit.testing import eventually
from servicekit.testing.clock import FakeClock

PLACED: Final = [
    "POST /api/v1/orders",
    "POST /api/v1/orders > write accept_all",
    "POST /api/v1/orders > place-order",
    "POST /api/v1/orders > place-order > reserve-stock",
    "POST /api/v1/orders > place-order > reserve-stock > POST inventory-orders",
    "POST /api/v1/orders > place-order > quote-price",
    "POST /api/v1/orders > place-order > quote-price > POST pricing-orders",
    "POST /api/v1/orders > place-order > write keep_all",
    "POST /api/v1/orders > place-order > commit-stock",
    "POST /api/v1/orders > place-order > commit-stock > POST inventory-orders",
    "POST /api/v1/orders > place-order > write end_all",
]
CANCEL: Final = "POST /api/v1/orders/{order_id}/cancel"
CANCELLED: Final = [
    CANCEL,
    f"{CANCEL} > cancel-order",
    f"{CANCEL} > cancel-order > return-stock",
    f"{CANCEL} > cancel-order > return-stock > POST inventory-orders",
    f"{CANCEL} > cancel-order > release-discounts",
    f"{CANCEL} > cancel-order > release-discounts > POST pricing-orders",
]


@pytest.fixture
def backends(clock: FakeClock) -> FakeBackends:
    """
    A product with some in stock, and a code.
    """
    return FakeBackends.selling("A-1", stock=9, codes={"TEN": Code(10)}, now=clock.now)


@pytest.fixture
def collector() -> Iterator[Collector]:
    """
    Where the gateway sends its spans.
    """
    with collecting() as collector:
        yield collector


@pytest.fixture
async def shop(
    backends: FakeBackends, clock: FakeClock, collector: Collector
) -> AsyncIterator[RunningCheckout]:
    """
    A gateway that is traced.
    """
    async with running_checkout(
        backends, clock=clock, otel_exporter_otlp_endpoint=collector.url
    ) as running:
        yield running


async def _sent(shop: RunningCheckout, collector: Collector) -> Collector:
    """
    The collector, once all that was traced so far has been sent.
    """
    answer = await shop.client.get("/health")
    await eventually(
        lambda: answer.headers["X-Trace-ID"] in {one.trace_id for one in collector.sent}
    )
    return collector


async def test_an_order_is_one_trace_with_each_step_and_each_call(
    shop: RunningCheckout, collector: Collector
) -> None:
    """
    The request, its saga, the steps, what they call and what is written: this and nothing else.
    """
    answer = await shop.order({"A-1": 1}, codes=["TEN"])

    trace_id = answer.headers["X-Trace-ID"]
    assert (await _sent(shop, collector)).paths(trace_id) == PLACED
    whole = collector.named("place-order")
    assert whole.facts["saga.work"] == answer.json()["orderId"]
    assert whole.facts["saga.outcome"] == "done"


async def test_a_cancellation_belongs_to_the_request_that_asks_for_it(
    shop: RunningCheckout, collector: Collector
) -> None:
    """
    Also where the order was placed under another correlation id, which the backends are told.
    """
    order_id = (await shop.order({"A-1": 1})).json()["orderId"]

    answer = await shop.cancel(order_id)

    assert (await _sent(shop, collector)).paths(answer.headers["X-Trace-ID"]) == CANCELLED


async def test_an_order_that_was_lost_joins_the_trace_of_its_request(
    shop: RunningCheckout, collector: Collector, clock: FakeClock
) -> None:
    """
    What the sweep finds and starts, after a crash, stands where it would have stood.
    """
    answer = await shop.order({"A-1": 1})
    order_id, trace_id = answer.json()["orderId"], answer.headers["X-Trace-ID"]
    async with shop.database.write() as connection:
        await connection.execute(update(orders).values(status="PENDING", ended_at=None))
        for table in ("order_lines", "order_findings"):
            await connection.execute(metadata.tables[table].delete())
    clock.advance(3)

    await shop.parts.upkeep.look_after_open()
    await shop.becomes(order_id, "CONFIRMED")

    carried = [path for path in PLACED if "place-order" in path]
    again = (await _sent(shop, collector)).paths(trace_id)[len(PLACED) :]
    assert [path for path in again if "write" not in path] == [
        path for path in carried if "write" not in path
    ]


async def test_an_order_that_another_process_goes_on_with_joins_its_trace(
    backends: FakeBackends, clock: FakeClock, collector: Collector
) -> None:
    """
    After a restart, what is repeated is sent below the request that ended before it.
    """
    backends.inventory.on("commit").fail_always(503)
    pauses = Pauses(are_endless=True)
    async with running_checkout(
        backends, clock=clock, pauses=pauses, otel_exporter_otlp_endpoint=collector.url
    ) as shop:
        answer = await shop.order({"A-1": 1}, prefer="respond-async")
        await eventually(lambda: pauses.waiting)
    backends.inventory.on("commit").recover()
    calls = backends.inventory.on("commit").calls
    async with running_checkout(
        backends, clock=clock, url=shop.url, otel_exporter_otlp_endpoint=collector.url
    ) as restarted:
        await restarted.becomes(answer.json()["orderId"], "CONFIRMED")

    paths = collector.paths(answer.headers["X-Trace-ID"])
    commit = "POST /api/v1/orders > place-order > commit-stock > POST inventory-orders"
    assert paths.count(commit) == calls + 1
    assert not [path for path in paths if path.startswith("?")]


async def test_a_cancellation_that_was_lost_joins_the_trace_of_its_own_request(
    shop: RunningCheckout, collector: Collector, clock: FakeClock
) -> None:
    """
    What the sweep finds and starts stands below the request that cancels, and not below the one that ordered.
    """
    placed = await shop.order({"A-1": 1})
    order_id = placed.json()["orderId"]
    cancelled = await shop.cancel(order_id)
    async with shop.database.write() as connection:
        await connection.execute(update(orders).values(status="CANCELLING"))
    clock.advance(3)

    await shop.parts.upkeep.look_after_open()
    await shop.becomes(order_id, "CANCELLED")

    paths = (await _sent(shop, collector)).paths(cancelled.headers["X-Trace-ID"])
    again = [path for path in paths[len(CANCELLED) :] if "write" not in path]
    assert again == [path for path in CANCELLED if "cancel-order" in path]


@pytest.mark.parametrize("share", [0.0, 1.0])
async def test_strangers_do_not_say_which_orders_are_traced(
    backends: FakeBackends, clock: FakeClock, collector: Collector, share: float
) -> None:
    """
    An order of a trace that somebody outside has begun keeps its id, and is recorded, whole or not at all, if our own
    share says so.
    """
    flags = "00" if share else "01"
    brought = {"traceparent": f"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-{flags}"}

    async with running_checkout(
        backends,
        clock=clock,
        otel_exporter_otlp_endpoint=collector.url,
        otel_traces_sampler_arg=share,
    ) as shop:
        answer = await shop.order({"A-1": 1}, caller={**SHOPPER, **brought})

    trace_id = answer.headers["X-Trace-ID"]
    assert (answer.status_code, trace_id) == (201, "0af7651916cd43dd8448eb211c80319c")
    assert collector.paths(trace_id) == ([f"? > {path}" for path in PLACED] if share else [])
