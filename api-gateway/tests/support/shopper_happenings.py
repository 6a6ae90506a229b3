"""
What may become of an order, made to happen; the stories in ``shopper_stories`` are told of these.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

import httpx
from checkout_app import ADMIN, OTHER, SHOPPER, RunningCheckout
from fake_backends import Fault, Held
from fake_faults import Operation
from real_goods import ONCE

from servicekit.testing import eventually

LAMP: Final[Mapping[str, int]] = {"TEST-001": 1}


@dataclass(frozen=True, slots=True)
class Seen:
    """
    The answer that a story is about, and what its order was from then on; nothing where there is none.
    """

    answer: httpx.Response
    statuses: tuple[str, ...]


Happening = Callable[[RunningCheckout], Awaitable[Seen]]


def order_of(answer: httpx.Response) -> str | None:
    """
    The order that an answer is about, if there is one.
    """
    told = answer.json()
    details = told.get("error", {}).get("details", {})
    named = details.get("id") if details.get("what") == "order" else details.get("orderId")
    found: str | None = told.get("orderId", named)
    return found


async def _told(shop: RunningCheckout, answer: httpx.Response) -> Seen:
    order_id = order_of(answer)
    if order_id is None:
        return Seen(answer, ())
    order = (await shop.get(order_id, caller=ADMIN)).json()
    return Seen(answer, (order["status"],))


async def _goes_on(shop: RunningCheckout, answer: httpx.Response, *statuses: str) -> Seen:
    order_id = order_of(answer)
    assert order_id is not None, answer.text
    for status in statuses:
        await shop.becomes(order_id, status, caller=ADMIN)
    return Seen(answer, (answer.json()["status"], *statuses))


@contextmanager
def _ill(shop: RunningCheckout, *calls: str, fault: Fault = 503) -> Iterator[None]:
    """
    While inside, these calls meet a fault.
    """
    for call in calls:
        _on(shop, call).fail_always(fault)
    yield
    for call in calls:
        _on(shop, call).recover()


def _on(shop: RunningCheckout, call: str) -> Operation:
    backends = shop.backends
    if call == "quote":
        return backends.pricing.on("quote")
    if call == "release-quote":
        return backends.pricing.on("release")
    return backends.inventory.on(call)


def order(
    wanted: Mapping[str, int] = LAMP,
    *codes: str,
    currency: str | None = None,
    caller: Mapping[str, str] = SHOPPER,
    key: str | None = None,
) -> Happening:
    """
    An order that is placed and has come to its end, where it was one.
    """

    async def happens(shop: RunningCheckout) -> Seen:
        answer = await shop.order(wanted, codes=codes, currency=currency, caller=caller, key=key)
        return await _told(shop, answer)

    return happens


def order_while(*calls: str, fault: Fault = 503) -> Happening:
    """
    An order while these calls meet a fault, until it has come to its end.
    """

    async def happens(shop: RunningCheckout) -> Seen:
        with _ill(shop, *calls, fault=fault):
            return await order()(shop)

    return happens


def order_after(call: str, *faults: Fault) -> Happening:
    """
    An order while the first of these calls meet faults.
    """

    async def happens(shop: RunningCheckout) -> Seen:
        _on(shop, call).fail_next(*faults)
        return await order()(shop)

    return happens


def order_held(call: str, seconds: float) -> Happening:
    """
    An order whose call is held up for so long.
    """

    async def happens(shop: RunningCheckout) -> Seen:
        _on(shop, call).fail_next(held := Held())
        placing = asyncio.create_task(shop.order(LAMP))
        await eventually(lambda: held.has_come)
        shop.clock.advance(seconds)
        held.release()
        return await _told(shop, await placing)

    return happens


def twice(first: Mapping[str, int], again: Mapping[str, int], *codes: str, key: str) -> Happening:
    """
    An order, and what comes after it under the same key.
    """

    async def happens(shop: RunningCheckout) -> Seen:
        await shop.order(first, codes=codes, key=key)
        return await order(again, *codes, key=key)(shop)

    return happens


async def failed_before(shop: RunningCheckout) -> Seen:
    """
    An order that comes again under its key, after it has failed.
    """
    with _ill(shop, "quote"):
        await shop.order(LAMP, key="failed")
    return await order(LAMP, key="failed")(shop)


async def used_up(shop: RunningCheckout) -> Seen:
    """
    An order with a code that another order has used up.
    """
    await shop.order(LAMP, codes=[ONCE])
    return await order(LAMP, ONCE)(shop)


async def too_many(shop: RunningCheckout) -> Seen:
    """
    An order beside one that takes the only place.
    """
    _on(shop, "reserve").fail_next(held := Held())
    first = await shop.order(LAMP, prefer="respond-async")
    await eventually(lambda: held.has_come)
    answer = await shop.order(LAMP)
    held.release()
    await _goes_on(shop, first, "CONFIRMED")
    return await _told(shop, answer)


def waiting(*, within_ms: int | None = None, prefer: str | None = None) -> Happening:
    """
    An order whose commit takes longer than its caller waits.
    """

    async def happens(shop: RunningCheckout) -> Seen:
        _on(shop, "commit").fail_next(held := Held())
        answer = await shop.order(LAMP, within_ms=within_ms, prefer=prefer)
        held.release()
        return await _goes_on(shop, answer, "CONFIRMED")

    return happens


def for_long(*calls: str, fault: Fault, then: str, codes: Sequence[str] = ()) -> Happening:
    """
    An order while calls meet a fault until it needs attention, and what it is then.
    """

    async def happens(shop: RunningCheckout) -> Seen:
        # Until its caller has been answered, or what that is told would be a matter of luck.
        _on(shop, calls[0]).fail_next(held := Held())
        with _ill(shop, *calls, fault=fault):
            placing = await shop.order(LAMP, codes=codes)
            held.release()
            held_up = await _goes_on(shop, placing, "NEEDS_ATTENTION")
        ended = await _goes_on(shop, placing, then)
        return Seen(placing, (*held_up.statuses, *ended.statuses[1:]))

    return happens


async def cancelling_for_long(shop: RunningCheckout) -> Seen:
    """
    A cancellation while inventory takes nothing back, until it needs attention, and after that.
    """
    placing = await shop.order(LAMP)
    await _goes_on(shop, placing, "CONFIRMED")
    _on(shop, "return").fail_next(held := Held())
    with _ill(shop, "return"):
        cancelling = await shop.cancel(placing.json()["orderId"])
        held.release()
        held_up = await _goes_on(shop, cancelling, "NEEDS_ATTENTION")
    ended = await _goes_on(shop, cancelling, "CANCELLED")
    return Seen(cancelling, (*held_up.statuses, *ended.statuses[1:]))


async def cancelled(shop: RunningCheckout) -> Seen:
    """
    A confirmed order that is cancelled.
    """
    order_id = (await shop.order(LAMP)).json()["orderId"]
    return await _told(shop, await shop.cancel(order_id))


async def cancelled_twice(shop: RunningCheckout) -> Seen:
    """
    The same, cancelled again.
    """
    order_id = (await shop.order(LAMP)).json()["orderId"]
    await shop.cancel(order_id)
    return await _told(shop, await shop.cancel(order_id))


async def cancelled_too_early(shop: RunningCheckout) -> Seen:
    """
    An order that is cancelled while its commit is on the wire.
    """
    _on(shop, "commit").fail_next(held := Held())
    placing = await shop.order(LAMP, prefer="respond-async")
    answer = await shop.cancel(placing.json()["orderId"])
    held.release()
    ended = await _goes_on(shop, placing, "CONFIRMED")
    return Seen(answer, ended.statuses)


async def cancelled_when_rejected(shop: RunningCheckout) -> Seen:
    """
    A rejected order that is cancelled.
    """
    rejected = await shop.order(LAMP, codes=["TYPO"])
    return await _told(shop, await shop.cancel(order_of(rejected) or ""))


async def cancelled_when_failed(shop: RunningCheckout) -> Seen:
    """
    The same of one that has failed.
    """
    with _ill(shop, "quote"):
        failed = await shop.order(LAMP)
    return await _told(shop, await shop.cancel(order_of(failed) or ""))


async def cancelled_by_another(shop: RunningCheckout) -> Seen:
    """
    Somebody else's order that is cancelled.
    """
    order_id = (await shop.order(LAMP)).json()["orderId"]
    return await _told(shop, await shop.cancel(order_id, caller=OTHER))


async def read_by_another(shop: RunningCheckout) -> Seen:
    """
    The same, read.
    """
    order_id = (await shop.order(LAMP)).json()["orderId"]
    return await _told(shop, await shop.get(order_id, caller=OTHER))
