"""
Placing an order: what it is answered, and what is sold by it.
"""

from collections.abc import AsyncIterator, Mapping
from typing import Any

import pytest
from checkout_app import ADMIN, GUEST, OTHER, SHOPPER, RunningCheckout, running_checkout
from fake_backends import Code, FakeBackends, Held, refused
from gateway_app import bearer

from gateway.checkout.schemas import (
    ConfirmedOrderResponse,
    OrderResponse,
    OrderWithTimelineResponse,
)
from servicekit.testing import eventually


@pytest.fixture
def backends() -> FakeBackends:
    """
    Two products with three of each in stock, and codes of which one can be used once.
    """
    return FakeBackends.selling(
        "A-1", "B-1", stock=3, codes={"TEN": Code(10), "ONCE": Code(20, use_limit=1)}
    )


@pytest.fixture
async def shop(backends: FakeBackends) -> AsyncIterator[RunningCheckout]:
    """
    A gateway in front of them.
    """
    async with running_checkout(backends) as running:
        yield running


async def test_an_order_is_confirmed_with_what_it_costs_and_where_it_is(
    shop: RunningCheckout,
) -> None:
    """
    201 names every line with its price and reservation, and says where the order can be read.
    """
    answer = await shop.order({"A-1": 2, "B-1": 1}, codes=[" ten "])

    told = answer.json()
    ConfirmedOrderResponse.model_validate(told)
    assert answer.status_code == 201
    assert answer.headers["Location"] == f"/api/v1/orders/{told['orderId']}"
    assert "Idempotency-Replayed" not in answer.headers
    assert told["status"] == "CONFIRMED"
    assert [item["productId"] for item in told["items"]] == ["A-1", "B-1"]
    assert [item["lineTotal"] for item in told["items"]] == ["35.98", "17.99"]
    assert (told["subtotal"], told["discount"], told["totalPrice"]) == ("59.97", "6.00", "53.97")
    assert told["discounts"][0]["code"] == "TEN"


async def test_a_confirmed_order_has_sold_what_it_names_once(
    shop: RunningCheckout, backends: FakeBackends
) -> None:
    """
    The stock is taken out, nothing is held any more, and each thing was asked for once.
    """
    await shop.order({"A-1": 2, "B-1": 1})

    assert backends.inventory.stock.sold == {"A-1": 2, "B-1": 1}
    assert not any(backends.inventory.stock.held.values())
    assert backends.inventory.on("commit").calls == 1


async def test_what_was_sold_is_kept_in_minor_units(shop: RunningCheckout) -> None:
    """
    An order's row, its lines and its discounts hold whole minor units and the day it was placed.
    """
    order_id = (await shop.order({"A-1": 2}, codes=["TEN"])).json()["orderId"]

    (order,) = await shop.rows("orders")
    (line,) = await shop.rows("order_lines")
    (discount,) = await shop.rows("order_discounts")
    assert (order["currency"], order["subtotal"], order["total"]) == ("USD", 3998, 3598)
    assert (line["unit_price"], line["quantity"], line["line_total"]) == (1999, 2, 3598)
    assert (discount["code"], discount["amount"]) == ("TEN", 400)
    assert {row["order_id"] for row in (line, discount)} == {order_id}
    assert {row["day"] for row in (line, discount)} == {order["day"]}
    assert order["day"] == order["created_at"].date().isoformat()


async def test_the_timeline_tells_every_step(shop: RunningCheckout) -> None:
    """
    What happened to an order stands in it in its order, from one on.
    """
    order_id = (await shop.order({"A-1": 1})).json()["orderId"]

    answer = await shop.get(order_id)

    timeline = OrderWithTimelineResponse.model_validate(answer.json()).timeline
    assert [event.seq for event in timeline] == [1, 2, 3, 4, 5]
    assert [event.name for event in timeline] == [
        "accepted",
        "reserve-stock.done",
        "quote-price.done",
        "commit-stock.done",
        "confirmed",
    ]


async def test_an_order_in_another_currency_is_priced_in_it(
    shop: RunningCheckout, backends: FakeBackends
) -> None:
    """
    Amounts have the decimals of the currency that was asked for.
    """
    backends.pricing.quotes.elsewhere["JPY"] = {"A-1": "1500"}

    answer = await shop.order({"A-1": 2}, currency="JPY")

    assert (answer.json()["totalPrice"], answer.json()["currency"]) == ("3000", "JPY")
    (order,) = await shop.rows("orders")
    assert order["total"] == 3000


@pytest.mark.parametrize(
    ("wanted", "codes", "status", "code", "details"),
    [
        (
            {"A-1": 9, "B-1": 4},
            [],
            409,
            "OUT_OF_STOCK",
            {
                "items": [
                    {"productId": "A-1", "wanted": 9, "left": 3},
                    {"productId": "B-1", "wanted": 4, "left": 3},
                ]
            },
        ),
        ({"A-1": 1, "NOPE": 1}, [], 404, "NOT_FOUND", {"what": "product", "id": "NOPE"}),
        (
            {"A-1": 1},
            ["TYPO"],
            422,
            "INVALID_DISCOUNT",
            {"codes": [{"code": "TYPO", "reason": "UNKNOWN"}]},
        ),
    ],
    ids=["out of stock", "no such product", "no such code"],
)
async def test_a_refused_order_says_what_to_change_and_leaves_nothing_behind(  # noqa: PLR0917  # a table
    shop: RunningCheckout,
    backends: FakeBackends,
    wanted: Mapping[str, int],
    codes: list[str],
    status: int,
    code: str,
    details: dict[str, Any],
) -> None:
    """
    The error has the reason's code and facts and names the order, which is REJECTED; nothing is held.
    """
    answer = await shop.order(wanted, codes=codes)

    error = answer.json()["error"]
    assert (answer.status_code, error["code"]) == (status, code)
    order = (await shop.get(error["details"].pop("orderId"))).json()
    assert error["details"] == details
    assert (order["status"], order["reason"]["code"]) == ("REJECTED", code)
    assert order["timeline"][-1]["name"] == "rejected"
    assert not any(backends.inventory.stock.held.values())
    assert not backends.inventory.stock.sold


async def test_a_product_without_a_price_is_not_sold(
    shop: RunningCheckout, backends: FakeBackends
) -> None:
    """
    404 names the products that have no price in the currency; what was held for them is given back.
    """
    del backends.pricing.prices["B-1"]

    answer = await shop.order({"A-1": 1, "B-1": 1})

    assert answer.status_code == 404
    assert answer.json()["error"]["details"]["what"] == "price"
    assert answer.json()["error"]["details"]["ids"] == ["B-1"]
    assert not any(backends.inventory.stock.held.values())


async def test_a_currency_that_is_not_sold_in_is_refused(
    shop: RunningCheckout, backends: FakeBackends
) -> None:
    """
    Pricing's refusal of a currency is the shopper's to mend: 422 that says which field.
    """
    problem = {"field": "body.currency", "problem": "must be one of EUR, USD"}
    backends.pricing.on("quote").fail_next(refused(422, "INVALID_REQUEST", problems=[problem]))

    answer = await shop.order({"A-1": 1}, currency="XXX")

    error = answer.json()["error"]
    assert (answer.status_code, error["code"]) == (422, "INVALID_REQUEST")
    assert error["details"]["problems"] == [problem]
    assert not any(backends.inventory.stock.held.values())


async def test_a_code_that_was_used_up_by_a_quote_is_nobody_elses(
    shop: RunningCheckout, backends: FakeBackends
) -> None:
    """
    A discount cannot run out between quote and commit: the quote has claimed it, for this order alone.
    """
    backends.inventory.on("commit").fail_next(held := Held())
    first = await shop.order({"A-1": 1}, codes=["ONCE"], prefer="respond-async")
    await eventually(lambda: held.has_come)

    second = await shop.order({"B-1": 1}, codes=["ONCE"])
    held.release()

    order_id = first.json()["orderId"]
    await shop.becomes(order_id, "CONFIRMED")
    assert second.status_code == 422
    assert second.json()["error"]["details"]["codes"] == [{"code": "ONCE", "reason": "USED_UP"}]
    assert backends.pricing.quotes.claims("ONCE") == {order_id}


_ONE = {"productId": "A-1", "quantity": 1}
_BAD_BODIES: list[tuple[dict[str, Any], str]] = [
    ({}, "body.items"),
    ({"items": []}, "body.items"),
    ({"items": [{**_ONE, "quantity": 0}]}, "body.items[0].quantity"),
    ({"items": [{**_ONE, "quantity": True}]}, "body.items[0].quantity"),
    ({"items": [{**_ONE, "quantity": 1_000_001}]}, "body.items[0].quantity"),
    ({"items": [{**_ONE, "productId": "a b"}]}, "body.items[0].productId"),
    ({"items": [_ONE, _ONE]}, "body.items"),
    ({"items": [{**_ONE, "productId": f"P-{n}"} for n in range(101)]}, "body.items"),
    ({"items": [_ONE], "coupon": "X"}, "body.coupon"),
    ({"items": [_ONE], "currency": "usd"}, "body.currency"),
    ({"items": [_ONE], "discountCodes": ["a b"]}, "body.discountCodes[0]"),
    ({"items": [_ONE], "discountCodes": ["A"] * 6}, "body.discountCodes"),
]


async def test_an_order_that_is_none_is_refused_before_anything_is_kept(
    shop: RunningCheckout, backends: FakeBackends
) -> None:
    """
    422 names the field; no order is accepted, and no backend asked.
    """
    answers = [
        await shop.client.post("/api/v1/orders", json=body, headers=SHOPPER)
        for body, _ in _BAD_BODIES
    ]

    told = [one.json()["error"]["details"]["problems"][0]["field"] for one in answers]
    assert told == [field for _, field in _BAD_BODIES]
    assert {one.status_code for one in answers} == {422}
    assert await shop.rows("orders") == []
    assert backends.inventory.on("reserve").calls == 0


async def test_to_order_needs_the_scope_write(shop: RunningCheckout) -> None:
    """
    A guest of a shop that sells to nobody unknown is told to sign in; a reader, what is lacking.
    """
    guest = await shop.order({"A-1": 1}, caller=GUEST)
    reader = await shop.order({"A-1": 1}, caller=bearer(sub="reader-1", scope="read"))

    assert (guest.status_code, reader.status_code) == (401, 403)
    assert await shop.rows("orders") == []


async def test_an_order_is_for_its_owner_and_for_administrators(shop: RunningCheckout) -> None:
    """
    To everybody else it is not there, whatever they want of it.
    """
    order_id = (await shop.order({"A-1": 1})).json()["orderId"]

    seen = [(await shop.get(order_id, caller=who)).status_code for who in (SHOPPER, ADMIN, OTHER)]
    cancelled = await shop.cancel(order_id, caller=OTHER)
    events = await shop.client.get(f"/api/v1/orders/{order_id}/events", headers=OTHER)

    assert seen == [200, 200, 404]
    assert (cancelled.status_code, events.status_code) == (404, 404)


async def test_a_services_order_is_its_own(shop: RunningCheckout) -> None:
    """
    A client that is called like a user owns nothing of that user's, and the reverse.
    """
    service = bearer(sub="shopper-1", kind="service", scope="read write")
    order_id = (await shop.order({"A-1": 1}, caller=service)).json()["orderId"]

    seen = [(await shop.get(order_id, caller=who)).status_code for who in (service, SHOPPER)]

    assert seen == [200, 404]


async def test_a_guests_order_is_for_whoever_holds_its_id(backends: FakeBackends) -> None:
    """
    Where guests may order, the id is all that is needed to read and to cancel; nothing lists it.
    """
    async with running_checkout(backends, anonymous_scopes=["read", "write"]) as shop:
        order_id = (await shop.order({"A-1": 1}, caller=GUEST)).json()["orderId"]

        read = await shop.get(order_id, caller=GUEST)
        listed = await shop.listed(GUEST)
        cancelled = await shop.cancel(order_id, caller=GUEST)

    assert (read.status_code, read.json()["owner"]) == (200, None)
    assert listed.status_code == 401
    assert (cancelled.status_code, cancelled.json()["status"]) == (200, "CANCELLED")


async def test_who_prefers_not_to_wait_is_told_where_to_ask(
    shop: RunningCheckout, backends: FakeBackends
) -> None:
    """
    ``Prefer: respond-async`` is answered at once: 202 with the place, and that the wish was granted.
    """
    backends.inventory.on("reserve").fail_next(held := Held())

    answer = await shop.order({"A-1": 1}, prefer="return=minimal, respond-async")
    held.release()

    OrderResponse.model_validate(answer.json())
    assert answer.status_code == 202
    assert answer.json()["status"] == "PENDING"
    assert answer.headers["Preference-Applied"] == "respond-async"
    assert answer.headers["Retry-After"] == "1"
    await shop.becomes(answer.json()["orderId"], "CONFIRMED")
    assert answer.headers["Location"].endswith(answer.json()["orderId"])


@pytest.mark.leaping_time
@pytest.mark.parametrize("within_ms", [None, 5000], ids=["the shop's patience", "the caller's"])
async def test_who_waits_too_long_is_told_where_to_ask(
    backends: FakeBackends, within_ms: int | None
) -> None:
    """
    An order that is not through when the waiting is over is 202, and goes on.
    """
    wait_s = 2 if within_ms is None else 60
    commit = backends.inventory.on("commit")
    commit.fail_always(held := Held())
    async with running_checkout(backends, order_wait_seconds=wait_s) as shop:
        answer = await shop.order({"A-1": 1}, within_ms=within_ms)
        commit.recover()
        held.release()

        assert answer.status_code == 202
        assert "Preference-Applied" not in answer.headers
        await shop.becomes(answer.json()["orderId"], "CONFIRMED")


async def test_more_than_can_be_carried_through_is_refused_before_anything_is_kept(
    backends: FakeBackends,
) -> None:
    """
    With all places taken a new order is 503 OVERLOADED; one that is known is answered all the same.
    """
    backends.inventory.on("reserve").fail_next(held := Held())
    async with running_checkout(backends, max_running_orders=1) as shop:
        first = await shop.order({"A-1": 1}, key="first", prefer="respond-async")
        await eventually(lambda: held.has_come)

        other = await shop.order({"B-1": 1}, key="second")
        again = await shop.order({"A-1": 1}, key="first", prefer="respond-async")
        held.release()

        assert (other.status_code, other.json()["error"]["code"]) == (503, "OVERLOADED")
        assert "Retry-After" in other.headers
        assert again.json()["orderId"] == first.json()["orderId"]
        assert len(await shop.rows("orders")) == 1


async def test_a_gateway_that_takes_no_orders_says_so(backends: FakeBackends) -> None:
    """
    503 before anything is kept; what was ordered before can still be read.
    """
    async with running_checkout(backends) as shop:
        order_id = (await shop.order({"A-1": 1})).json()["orderId"]
        url = shop.url
    async with running_checkout(backends, url=url, takes_orders=False) as shop:
        placed, cancelled = await shop.order({"A-1": 1}), await shop.cancel(order_id)
        read = await shop.get(order_id)
        orders = await shop.rows("orders")

    assert [one.status_code for one in (placed, cancelled)] == [503, 503]
    assert placed.json()["error"]["message"] == "Orders are not taken here now."
    assert (read.status_code, read.json()["status"]) == (200, "CONFIRMED")
    assert len(orders) == 1
