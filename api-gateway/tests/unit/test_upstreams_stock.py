"""
What orders ask of inventory, and what is made of whatever it answers.
"""

from collections.abc import Awaitable, Callable
from typing import Any

import httpx
import pytest
import structlog.testing
from asking import ONCE
from fake_backends import FakeBackends, Fault, Late, lost, refused, telling

from gateway.upstreams.models import Item
from gateway.upstreams.stock import Stock
from servicekit.errors import OutcomeUnknown, UpstreamFailed, UpstreamRefused
from servicekit.http import Policy

ORDER = "order-1"
ITEMS = [Item("B-1", 1), Item("A-1", 2)]
MIB_8 = 8 * 1024 * 1024

Answer = dict[str, Any]
Change = Callable[[Answer], object]


class Shop:
    """
    Inventory with some stock, and what orders ask it by.
    """

    def __init__(self, policy: Policy = ONCE) -> None:
        backends = FakeBackends.selling("A-1", "B-1")
        self.inventory = backends.inventory
        self.stock = Stock(backends.inventory_client(policy=policy))

    async def ask(self, name: str) -> object:
        """
        One of the four, for an order that is ready for it.
        """
        before = {"commit": ["reserve"], "return": ["reserve", "commit"], "release": ["reserve"]}
        for step in before.get(name, []):
            await self._asked(step)
        return await self._asked(name)

    async def ask_and_meet(self, name: str, fault: Fault) -> object:
        """
        The same, where the last call meets a fault.
        """
        self.inventory.on(name).fail_next(fault)
        return await self.ask(name)

    def _asked(self, name: str) -> Awaitable[object]:
        match name:
            case "reserve":
                return self.stock.reserve(ORDER, ITEMS)
            case "release":
                return self.stock.release(ORDER)
            case "commit":
                return self.stock.commit(ORDER)
            case _:
                return self.stock.give_back(ORDER)


async def test_an_order_is_reserved_sold_and_given_back() -> None:
    """
    Each is one call, under a key that is made of the order alone.
    """
    shop = Shop()

    held = await shop.stock.reserve(ORDER, ITEMS)
    held_units = shop.inventory.stock.held
    await shop.stock.commit(ORDER)
    sold_units = shop.inventory.stock.sold
    await shop.stock.give_back(ORDER)

    assert [(one, line.product_id, line.quantity) for one, line in held.items()] == [
        ("B-1", "B-1", 1),
        ("A-1", "A-1", 2),
    ]
    assert held_units == sold_units == {"A-1": 2, "B-1": 1}
    assert shop.inventory.stock.sold == {}
    keys = [[*shop.inventory.on(name).keys.items()] for name in ("reserve", "commit", "return")]
    assert keys == [[("order-1:reserve", 1)], [("order-1:commit", 1)], [("order-1:return", 1)]]


async def test_a_reserve_says_what_is_wanted_and_for_which_order() -> None:
    """
    The body has the form of inventory's contract, in the order of the items.
    """
    shop = Shop()

    await shop.stock.reserve(ORDER, ITEMS)

    assert shop.inventory.on("reserve").bodies == [
        {
            "orderId": ORDER,
            "items": [{"productId": "B-1", "quantity": 1}, {"productId": "A-1", "quantity": 2}],
        }
    ]


async def test_a_release_closes_an_order_that_nothing_was_held_for() -> None:
    """
    A release before any reserve is well, and what arrives after it is refused.
    """
    shop = Shop()
    late = Late()
    with pytest.raises(OutcomeUnknown):
        await shop.ask_and_meet("reserve", late)

    await shop.stock.release(ORDER)
    (delivered,) = late.arrive()

    assert delivered.status_code == 409
    assert shop.inventory.stock.is_closed(ORDER)
    assert shop.inventory.stock.movements == []


@pytest.mark.parametrize("name", ["reserve", "release", "commit", "return"])
async def test_a_lost_answer_is_asked_for_again_by_itself(name: str) -> None:
    """
    The same key goes out twice, the answer comes, and it has happened once.
    """
    shop = Shop(Policy())

    await shop.ask_and_meet(name, lost())

    assert [*shop.inventory.on(name).keys.values()] == [2]
    moved = [one.kind for one in shop.inventory.stock.movements]
    assert {kind: moved.count(kind) for kind in moved} == dict.fromkeys(moved, 2)


@pytest.mark.parametrize("status", ["RESERVED", "COMMITTED"])
async def test_a_reserve_takes_the_orders_lines_in_any_order_and_also_sold(status: str) -> None:
    """
    What is asked a second time is told as it is by now, and handed on in the order asked for.
    """
    shop = Shop()

    def told(answer: Answer) -> None:
        answer["reservations"].reverse()
        answer["reservations"][0]["status"] = status

    shop.inventory.on("reserve").fail_next(telling(told))
    held = await shop.stock.reserve(ORDER, ITEMS)

    assert [*held] == ["B-1", "A-1"]


@pytest.mark.parametrize("status", ["RELEASED", "EXPIRED", "RETURNED"])
async def test_a_release_holds_however_the_line_ended(status: str) -> None:
    """
    Nothing is held any more: that is all a release asks for.
    """
    shop = Shop()

    assert await shop.ask_and_meet("release", telling(lambda a: _first(a, status=status))) is None


async def test_a_refusal_comes_with_its_code_and_facts() -> None:
    """
    Who is short of what reaches whoever asked.
    """
    shop = Shop()

    with pytest.raises(UpstreamRefused) as refusal:
        await shop.stock.reserve(ORDER, [Item("A-1", 11)])

    assert (refusal.value.upstream_status, refusal.value.upstream_code) == (409, "OUT_OF_STOCK")
    assert refusal.value.facts == {"items": [{"productId": "A-1", "wanted": 11, "left": 10}]}


async def test_a_refusal_is_not_repeated() -> None:
    """
    A no is an answer.
    """
    shop = Shop(Policy())
    shop.inventory.on("commit").fail_always(refused(409, "CONFLICT", reason="EXPIRED"))

    with pytest.raises(UpstreamRefused):
        await shop.ask("commit")

    assert shop.inventory.on("commit").calls == 1


def _first(answer: Answer, **changed: object) -> None:
    answer["reservations"][0] |= changed


def _without(answer: Answer, name: str) -> None:
    del answer["reservations"][0][name]


#: What none of the four answers says.
WRONG: dict[str, Change] = {
    "another order": lambda a: a.update(orderId="order-2"),
    "no order": lambda a: a.pop("orderId"),
    "a number for an order": lambda a: a.update(orderId=1),
    "a line of another order": lambda a: _first(a, orderId="order-2"),
    "a line of no order": lambda a: _without(a, "orderId"),
    "a line twice": lambda a: a["reservations"].append(a["reservations"][0]),
    "two lines of one product": lambda a: a["reservations"].append(
        a["reservations"][0] | {"reservationId": "another"}
    ),
    "two lines of one id": lambda a: _first(a, reservationId=a["reservations"][1]["reservationId"]),
    "no list": lambda a: a.pop("reservations"),
    "null for a list": lambda a: a.update(reservations=None),
    "null for a line": lambda a: a["reservations"].append(None),
    "no status": lambda a: _without(a, "status"),
    "a status that is none": lambda a: _first(a, status="SOLD"),
    "no id": lambda a: _without(a, "reservationId"),
    "an empty id": lambda a: _first(a, reservationId=""),
    "an id with a line's end": lambda a: _first(a, reservationId="a\n"),
    "an id without end": lambda a: _first(a, reservationId="a" * 129),
    "no product": lambda a: _without(a, "productId"),
    "no quantity": lambda a: _without(a, "quantity"),
    "less than nothing": lambda a: _first(a, quantity=-1),
    "half a unit": lambda a: _first(a, quantity=1.5),
    "a number as text": lambda a: _first(a, quantity="1"),
    "no end": lambda a: _without(a, "expiresAt"),
    "an end without its offset": lambda a: _first(a, expiresAt="2026-01-01T12:00:00"),
}
#: What one of them does not say, by its name.
WRONG_IN: dict[str, dict[str, Change]] = {
    "reserve": {
        "another product": lambda a: _first(a, productId="C-1"),
        "another quantity": lambda a: _first(a, quantity=2),
        "a line less": lambda a: a["reservations"].pop(),
        "a line more": lambda a: a["reservations"].append(
            a["reservations"][0] | {"productId": "C-1", "reservationId": "another"}
        ),
        "no line": lambda a: a["reservations"].clear(),
        "a line that was released": lambda a: _first(a, status="RELEASED"),
        "a line that has expired": lambda a: _first(a, status="EXPIRED"),
        "a line that was returned": lambda a: _first(a, status="RETURNED"),
    },
    "release": {
        "a line that is held": lambda a: _first(a, status="RESERVED"),
        "a line that is sold": lambda a: _first(a, status="COMMITTED"),
    },
    "commit": {
        "no line": lambda a: a["reservations"].clear(),
        "a line that is only held": lambda a: _first(a, status="RESERVED"),
        "a line that was released": lambda a: _first(a, status="RELEASED"),
        "a line that has expired": lambda a: _first(a, status="EXPIRED"),
        "a line that was returned": lambda a: _first(a, status="RETURNED"),
    },
    "return": {
        "no line": lambda a: a["reservations"].clear(),
        "a line that is sold": lambda a: _first(a, status="COMMITTED"),
        "a line that was released": lambda a: _first(a, status="RELEASED"),
    },
}
CASES = [
    pytest.param(name, change, id=f"{name}: {what}")
    for name, its_own in WRONG_IN.items()
    for what, change in (WRONG | its_own).items()
]


@pytest.mark.parametrize(("name", "change"), CASES)
async def test_what_is_no_answer_to_what_was_asked_is_not_believed(
    name: str, change: Change
) -> None:
    """
    Another order, product, quantity or outcome than was asked for is a failure, and is logged.
    """
    shop = Shop()

    with structlog.testing.capture_logs() as logs, pytest.raises(UpstreamFailed):
        await shop.ask_and_meet(name, telling(change))

    assert [(line["event"], line["upstream"]) for line in logs] == [
        ("upstream.answer_unusable", "inventory")
    ]


#: Answers that are none, whatever was asked.
UNUSABLE: dict[str, Fault] = {
    "nothing": b"",
    "a page for people": b"<html><h1>Bad gateway</h1></html>",
    "null": b"null",
    "a list": b"[]",
    "half of an answer": b'{"orderId":"order-1","reservat',
    "no encoding": b'{"orderId":"\xff","reservations":[]}',
    "lists without end": b'{"reservations":' + b"[" * 100_000 + b"]" * 100_000 + b"}",
    "a status of nothing": lambda _: httpx.Response(204),
    "a status of elsewhere": lambda _: httpx.Response(302, headers={"Location": "/"}),
    "a status of something else": lambda _: httpx.Response(202, content=b"{}"),
}


@pytest.mark.parametrize("name", [*WRONG_IN])
@pytest.mark.parametrize("fault", UNUSABLE.values(), ids=UNUSABLE)
async def test_what_cannot_be_read_is_a_failure(name: str, fault: Fault) -> None:
    """
    Nothing that inventory sends raises anything but errors of the kit.
    """
    with pytest.raises(UpstreamFailed):
        await Shop().ask_and_meet(name, fault)


async def test_a_right_answer_with_another_status_is_not_believed() -> None:
    """
    A reserve that says 200 in place of 201 comes from somebody else.
    """
    shop = Shop()

    def with_200(request: httpx.Request) -> httpx.Response:
        good = shop.inventory.stock.reserve(request)
        return httpx.Response(200, content=good.content)

    with pytest.raises(UpstreamFailed):
        await shop.ask_and_meet("reserve", with_200)


async def test_an_answer_without_end_leaves_it_unknown() -> None:
    """
    More than is read may be an answer to what was done.
    """
    with pytest.raises(OutcomeUnknown):
        await Shop().ask_and_meet("commit", b" " * (MIB_8 + 1))


async def test_fields_of_later_versions_are_passed_over() -> None:
    """
    What inventory will tell besides does no harm.
    """

    def later(answer: Answer) -> None:
        answer["warehouse"] = "north"
        _first(answer, colour={"later": [1.5e300]})

    assert await Shop().ask_and_meet("commit", telling(later)) is None


async def test_operators_are_not_told_what_stood_in_an_answer() -> None:
    """
    The log has the upstream and the kind of fault.
    """
    with structlog.testing.capture_logs() as logs, pytest.raises(UpstreamFailed):
        await Shop().ask_and_meet("commit", telling(lambda a: a.update(orderId="secret-word")))

    assert "secret-word" not in str(logs)
