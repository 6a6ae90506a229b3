"""
What holds when several processes of the service are asked at the same moment: on both databases.

The processes are started once for each database. No test sees another's products and orders.
"""

import asyncio
import random
import uuid
from collections import Counter
from collections.abc import AsyncIterator, Iterator

import pytest
import pytest_asyncio
from bursts import Call, Fleet, Sweep, fleet_of, statuses, sweepers

from servicekit import migrations
from servicekit.testing.fixtures import BOTH_DATABASES

pytestmark = pytest.mark.asyncio(loop_scope="module")

PROCESSES = 2
SWEEPERS = 2
#: Later than the last moment at which what is reserved now may expire.
LATER_S = 2000


@pytest.fixture(scope="module", params=BOTH_DATABASES)
def module_url(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[str]:
    """
    A database that all tests of this file share; once SQLite, once PostgreSQL.
    """
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path_factory.mktemp('races')}/races.db"
        return
    server = request.getfixturevalue("postgres_server")
    name = f"races_{uuid.uuid4().hex}"
    server.create(name)
    yield server.url(name)
    server.drop(name)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def fleet(module_url: str) -> AsyncIterator[Fleet]:
    """
    Some processes of the service.
    """
    await migrations.upgrade(module_url, "inventory")
    async with fleet_of(PROCESSES, module_url) as running:
        yield running


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def sweep(fleet: Fleet) -> AsyncIterator[Sweep]:
    """
    Lets some processes, whose clocks are ahead, expire at once all that is reserved now.
    """
    async with sweepers(fleet.database_url, SWEEPERS, ahead_s=LATER_S) as waiting:
        yield waiting


def an_order() -> str:
    return f"order-{uuid.uuid4().hex[:12]}"


def reserve(order: str, product: str, quantity: int = 1) -> Call:
    body = {"orderId": order, "productId": product, "quantity": quantity}
    return "/stock/reserve", body


def reserve_all(order: str, products: list[str]) -> Call:
    items = [{"productId": product, "quantity": 1} for product in products]
    return "/stock/reservations", {"orderId": order, "items": items}


async def test_the_last_units_are_sold_once(fleet: Fleet) -> None:
    """
    Of 200 orders that want one of the last 50 units at once, 50 get one; the others are told.
    """
    product = await fleet.product(50)

    answers = await fleet.at_once(reserve(an_order(), product) for _ in range(200))

    assert statuses(answers) == {"201": 50, "409 OUT_OF_STOCK": 150}
    assert await fleet.amounts(product) == (50, 50)
    assert await fleet.kinds(product) == {"INITIAL": 1, "RESERVED": 50}


async def test_a_call_that_is_sent_many_times_counts_once(fleet: Fleet) -> None:
    """
    The same reserve, five times at the same moment, is one reservation with one answer.
    """
    product = await fleet.product(100)
    orders = [an_order() for _ in range(8)]

    answers = await fleet.at_once(reserve(order, product, 2) for _ in range(5) for order in orders)

    assert statuses(answers) == {"201": 40}
    assert len({answer.text for answer in answers}) == len(orders)
    assert await fleet.amounts(product) == (100, 16)
    assert await fleet.kinds(product) == {"INITIAL": 1, "RESERVED": 8}


async def test_a_commit_that_is_sent_many_times_counts_once(fleet: Fleet) -> None:
    """
    The same commit, and then the same return, five times at the same moment, move stock once.
    """
    product = await fleet.product(100)
    orders = [an_order() for _ in range(8)]
    await fleet.at_once(reserve(order, product, 2) for order in orders)

    sold = await fleet.at_once(
        ("/stock/commit", {"orderId": order}) for _ in range(5) for order in orders
    )
    after_commit = await fleet.amounts(product)
    returned = await fleet.at_once(
        ("/stock/return", {"orderId": order}) for _ in range(5) for order in orders
    )

    assert statuses(sold) == statuses(returned) == {"200": 40}
    assert after_commit == (84, 0)
    assert await fleet.amounts(product) == (100, 0)
    assert await fleet.kinds(product) == {
        "INITIAL": 1,
        "RESERVED": 8,
        "COMMITTED": 8,
        "RETURNED": 8,
    }


async def test_nothing_is_held_after_a_release(fleet: Fleet) -> None:
    """
    Reserve and release of one order at the same moment: whichever comes first, nothing is held
    afterwards, and what comes later is refused.
    """
    product, other = await fleet.product(1000), await fleet.product(1000)
    orders = [an_order() for _ in range(40)]
    calls = [
        call
        for order in orders
        for call in (
            reserve(order, product),
            ("/stock/release", {"orderId": order}),
            reserve(order, other),
        )
    ]
    random.Random(7).shuffle(calls)

    answers = await fleet.at_once(calls)
    late = await fleet.at_once(reserve(order, product) for order in orders)

    told = statuses(answers)
    assert told["200"] == len(orders)
    assert told["201"] + told["409 RELEASED"] == 2 * len(orders)
    assert statuses(late) == {"409 RELEASED": len(orders)}
    for one in (product, other):
        kinds = await fleet.kinds(one)
        assert await fleet.amounts(one) == (1000, 0)
        assert kinds["RESERVED"] == kinds["RELEASED"]


async def test_orders_that_cross_each_other_all_get_through(fleet: Fleet) -> None:
    """
    Orders that name the same products in different order neither block each other nor fail.
    """
    products = [await fleet.product(1000) for _ in range(4)]
    chance = random.Random(11)
    orders = [an_order() for _ in range(40)]

    reserved = await fleet.at_once(
        reserve_all(order, chance.sample(products, len(products))) for order in orders
    )
    ended = await fleet.at_once(
        (chance.choice(["/stock/commit", "/stock/release"]), {"orderId": order}) for order in orders
    )

    assert statuses(reserved) == {"201": 40}
    assert statuses(ended) == {"200": 40}
    for product in products:
        kinds = await fleet.kinds(product)
        assert kinds["COMMITTED"] + kinds["RELEASED"] == 40
        assert await fleet.amounts(product) == (1000 - kinds["COMMITTED"], 0)


async def test_stock_is_counted_while_it_is_sold(fleet: Fleet) -> None:
    """
    Adjustments and reservations at the same moment: no unit is promised that is counted out.
    """
    product = await fleet.product(20)
    counted_out: list[Call] = [
        (
            f"/products/{product}/adjustments",
            {"change": -1, "reason": "broken", "adjustmentId": f"broken-{number}"},
        )
        for number in range(25)
    ]
    calls = counted_out + [reserve(an_order(), product) for _ in range(25)]
    random.Random(3).shuffle(calls)

    told = statuses(await fleet.at_once(calls))

    stock, reserved = await fleet.amounts(product)
    kinds = await fleet.kinds(product)
    assert stock == reserved == kinds["RESERVED"] == told["201"] - kinds["ADJUSTED"]
    assert kinds["ADJUSTED"] + kinds["RESERVED"] == 20
    assert told["409 OUT_OF_STOCK"] + told["409 BELOW_RESERVED"] == 30


async def test_a_reservation_is_either_sold_or_expired(fleet: Fleet, sweep: Sweep) -> None:
    """
    Commits while two sweepers expire the same reservations: each ends in exactly one of the two,
    its caller is told which, and the books agree.
    """
    product = await fleet.product(1000)
    orders = [an_order() for _ in range(60)]
    await fleet.at_once(reserve(order, product) for order in orders)

    commits = [
        asyncio.create_task(fleet.post("/stock/commit", {"orderId": order}, process=turn))
        for turn, order in enumerate(orders)
    ]
    await asyncio.wait(commits, return_when=asyncio.FIRST_COMPLETED)
    await sweep()
    answers = await asyncio.gather(*commits)

    told = statuses(answers)
    assert set(told) <= {"200", "409 EXPIRED"}
    assert await fleet.amounts(product) == (1000 - told["200"], 0)
    assert await fleet.kinds(product) == Counter(
        INITIAL=1, RESERVED=60, COMMITTED=told["200"], EXPIRED=told["409 EXPIRED"]
    )
    for order, answer in zip(orders, answers, strict=True):
        (line,) = await fleet.lines(order)
        assert line["status"] == ("COMMITTED" if answer.is_success else "EXPIRED")


async def test_sweepers_share_the_work(fleet: Fleet, sweep: Sweep) -> None:
    """
    Sweepers at once expire what is due, each reservation once, and give all of it back.
    """
    products = [await fleet.product(1000) for _ in range(3)]
    await sweep()  # What other tests have left.
    await fleet.at_once(reserve_all(an_order(), products) for _ in range(25))

    expired = await sweep()

    assert sum(expired) == 75
    for product in products:
        assert await fleet.kinds(product) == {"INITIAL": 1, "RESERVED": 25, "EXPIRED": 25}
        assert await fleet.amounts(product) == (1000, 0)
