"""
Lists of orders: whose, which, and in what order.
"""

from collections.abc import AsyncIterator, Mapping

import pytest
import structlog
from checkout_app import ADMIN, OTHER, SHOPPER, RunningCheckout, running_checkout
from fake_backends import FakeBackends
from sqlalchemy import update

from gateway.checkout.schemas import OrdersResponse
from gateway.tables import orders
from servicekit.testing.clock import FakeClock


@pytest.fixture
async def shop() -> AsyncIterator[RunningCheckout]:
    """
    A gateway on which two shoppers have ordered, a minute apart: the first one three times.
    """
    clock = FakeClock()
    async with running_checkout(FakeBackends.selling("A-1", stock=50), clock=clock) as running:
        for who, quantity in ((SHOPPER, 1), (SHOPPER, 99), (OTHER, 2), (SHOPPER, 3)):
            await running.order({"A-1": quantity}, caller=who)
            clock.advance(60)
        yield running


async def _quantities(
    shop: RunningCheckout, who: Mapping[str, str], **params: str | int
) -> list[int]:
    answer = await shop.listed(who, **params)
    page = OrdersResponse.model_validate(answer.json())
    return [order.items[0].quantity for order in page.items]


async def test_a_list_holds_ones_own_orders_the_newest_first(shop: RunningCheckout) -> None:
    """
    Whatever has become of them; an administrator's holds everybody's.
    """
    own = [await _quantities(shop, who) for who in (SHOPPER, OTHER, ADMIN)]

    assert own == [[3, 99, 1], [2], [3, 2, 99, 1]]


async def test_a_list_comes_in_pages(shop: RunningCheckout) -> None:
    """
    Each page says how many orders and pages there are.
    """
    pages = [(await shop.listed(page=page, size=2)).json() for page in (1, 2, 3)]

    assert [[order["items"][0]["quantity"] for order in one["items"]] for one in pages] == [
        [3, 99],
        [1],
        [],
    ]
    assert {(one["total"], one["pages"], one["size"]) for one in pages} == {(3, 2, 2)}


async def test_a_list_can_be_filtered(shop: RunningCheckout) -> None:
    """
    By status, and by when an order was placed: from then on, and before.
    """
    minute = "2026-01-01T12:01:00Z"

    by_status = await _quantities(shop, SHOPPER, status="REJECTED")
    later = await _quantities(shop, SHOPPER, **{"from": minute})
    earlier = await _quantities(shop, SHOPPER, to=minute)
    owner = (await shop.listed(OTHER)).json()["items"][0]["owner"]
    by_owner = await _quantities(shop, ADMIN, owner=owner)

    assert (by_status, later, earlier, by_owner) == ([99], [3, 99], [1], [2])


async def test_the_ends_of_the_calendar_are_moments_too(shop: RunningCheckout) -> None:
    """
    Also where in UTC they lie in a year that there is not.
    """
    ends = {"from": "0001-01-01T00:00:00+23:00", "to": "9999-12-31T23:59:59-23:00"}

    assert await _quantities(shop, SHOPPER, **ends) == [3, 99, 1]


async def test_a_filter_that_is_none_is_refused_by_its_name(shop: RunningCheckout) -> None:
    """
    A filter with a typo must not look like one that found nothing.
    """
    asked: list[dict[str, str | int]] = [
        {"status": "LOST"},
        {"from": "2026-01-01T12:00:00"},
        {"to": "0.5"},
        {"size": 101},
        {"page": 0},
        {"colour": "red"},
        {"owner": "shopper-2"},
    ]

    answers = [await shop.listed(SHOPPER, **params) for params in asked]

    told = [one.json()["error"]["details"]["problems"][0]["field"] for one in answers]
    assert told == [f"query.{name}" for params in asked for name in params]
    assert {one.status_code for one in answers} == {422}


async def test_an_order_that_is_not_there_is_not_found(shop: RunningCheckout) -> None:
    """
    404 for an id of nothing, 422 for what can be none.
    """
    answers = [await shop.get("0" * 32), await shop.get("nope")]

    assert [one.status_code for one in answers] == [404, 422]


async def test_what_is_asked_twice_at_once_is_refused(shop: RunningCheckout) -> None:
    """
    One of two filters of a name would count, and nobody be told which.
    """
    path = "/api/v1/orders?page=1&page=2&status=CONFIRMED&status=FAILED"

    answer = await shop.client.get(path, headers=dict(SHOPPER))

    assert answer.status_code == 422
    told = [one["field"] for one in answer.json()["error"]["details"]["problems"]]
    assert told == ["query.page", "query.status"]


async def test_a_preference_counts_in_whichever_line_it_stands(shop: RunningCheckout) -> None:
    """
    Several lines are one list.
    """
    headers = [*SHOPPER.items(), ("Prefer", "wait=5"), ("Prefer", "respond-async")]
    body = {"items": [{"productId": "A-1", "quantity": 1}]}

    answer = await shop.client.post("/api/v1/orders", json=body, headers=headers)

    assert answer.headers.get("preference-applied") == "respond-async"


async def test_an_order_that_cannot_be_read_keeps_no_list_from_being_told(
    shop: RunningCheckout,
) -> None:
    """
    A newer release has written it: the list leaves it out, and by its id it is not available now.
    """
    first = (await shop.listed()).json()["items"][0]["orderId"]
    async with shop.database.write() as connection:
        which = update(orders).where(orders.c.id == first)
        await connection.execute(which.values(status="PARKED"))

    with structlog.testing.capture_logs() as logs:
        left = await _quantities(shop, SHOPPER)
    alone = await shop.get(first)

    assert left == [99, 1]
    assert [line["order_id"] for line in logs if line["event"] == "order.left_out"] == [first]
    assert (alone.status_code, alone.json()["error"]["code"]) == (503, "SERVICE_UNAVAILABLE")
