"""
People who read and order without a pause, from outside, and what they were answered.

Nothing is tried again here: whatever is no success is a failure, as a shopper would see it.
"""

import asyncio
import random
import time
import uuid
from collections import Counter
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, Final

import httpx

READERS: Final = 6
BUYERS: Final = 3
_THINKS_S: Final = 0.03
_NEW_FACES: Final = 0.8
#: So many orders have no key: they are sent to one gateway only.
_KEYLESS: Final = 0.25
#: What an order waits for at most, and some; s.
_ANSWER_WITHIN_S: Final = 30.0
#: Of so many orders one is kept, and the others are cancelled: stock lasts longer.
_KEEPS: Final = 3
#: Of what there is less than this nothing is ordered: a refusal would say nothing.
_PLENTY: Final = 50
#: Idle connections are let go before a gateway that drains would close them.
_IDLE_FOR_S: Final = 0.5
_SETTLED_WITHIN_S: Final = 60.0
_ASK_AGAIN_AFTER_S: Final = 0.2
_AT_ONCE: Final = 16

_NOTHING: Final[Mapping[str, Any]] = {}

ENDED: Final = frozenset({"CONFIRMED", "REJECTED", "FAILED", "CANCELLED"})


@dataclass(slots=True)
class Order:
    """
    One that somebody sent. ``status`` is the last that was heard of it. Without a ``key`` nobody may send it again.
    """

    product: str
    key: str | None = None
    order_id: str | None = None
    status: str | None = None


@dataclass(slots=True)
class Tally:
    """
    What came of it.
    """

    requests: Counter[str] = field(default_factory=Counter)
    failures: list[str] = field(default_factory=list)
    orders: list[Order] = field(default_factory=list)
    slowest_s: dict[str, float] = field(default_factory=dict)
    began: float = field(default_factory=time.monotonic)

    @property
    def lost(self) -> list[Order]:
        """
        Orders that were accepted and have not ended.
        """
        return [one for one in self.placed if one.status not in ENDED]

    @property
    def placed(self) -> list[Order]:
        """
        Orders that were accepted.
        """
        return [one for one in self.orders if one.order_id]

    @property
    def ended(self) -> Counter[str]:
        """
        How many of the orders that were accepted have come to what.
        """
        return Counter(one.status or "not known" for one in self.placed)

    def note(self, kind: str, seconds: float, failure: str | None) -> None:
        """
        One request more.
        """
        self.requests[kind] += 1
        self.slowest_s[kind] = max(seconds, self.slowest_s.get(kind, 0.0))
        if failure is not None:
            at_s = time.monotonic() - self.began
            self.failures.append(f"{at_s:6.1f} s  {kind}: {failure} (after {seconds:.2f} s)")


#: A product's stock and what of it is reserved.
Shelf = tuple[int, int]


class Crowd:
    """
    The people. They come through one address, which stands for all gateways.
    """

    def __init__(self, client: httpx.AsyncClient, products: list[str], *, seed: str) -> None:
        self.tally = Tally()
        self._client = client
        self._products = products
        self._random = random.Random(seed)  # noqa: S311 - no secret is made of it
        self._is_over = False

    @asynccontextmanager
    async def busy(self) -> AsyncIterator[None]:
        """
        They read and order while inside; at the end each finishes what was begun.
        """
        people = [self._reads() for _ in range(READERS)] + [self._buys() for _ in range(BUYERS)]
        tasks = [asyncio.create_task(person) for person in people]
        try:
            yield
        finally:
            self._is_over = True
            await asyncio.gather(*tasks)

    @asynccontextmanager
    async def borrowing(self) -> AsyncIterator[None]:
        """
        What is bought inside is given back at the end, also where that is an exception or a Ctrl-C.
        """
        try:
            yield
        finally:
            await self.settle()
            await self._give_back()

    async def settle(self) -> None:
        """
        Wait for the end of every order that was accepted; returns without it after a minute.
        """
        give_up_at = time.monotonic() + _SETTLED_WITHIN_S
        while self.tally.lost and time.monotonic() < give_up_at:
            await asyncio.gather(*(self._look(one) for one in self.tally.lost[:_AT_ONCE]))
            await asyncio.sleep(_ASK_AGAIN_AFTER_S)

    async def shelves(self) -> dict[str, Shelf]:
        """
        Every product's stock and what is reserved of it, as inventory has it now.
        """
        found: dict[str, Shelf] = {}
        for product in self._products:
            answer = await self._client.get(f"/api/v1/products/{product}")
            body = answer.raise_for_status().json()
            found[product] = (int(body["stockLevel"]), int(body["reserved"]))
        return found

    async def _give_back(self) -> None:
        bought = [one for one in self.tally.orders if one.status == "CONFIRMED"]
        for start in range(0, len(bought), _AT_ONCE):
            await asyncio.gather(*(self._cancel(one) for one in bought[start : start + _AT_ONCE]))

    async def _reads(self) -> None:
        while not self._is_over:
            product = self._random.choice(self._products)
            # Mostly somebody who was not here before: it is new connections that a balancer sends astray.
            headers = {"Connection": "close"} if self._random.random() < _NEW_FACES else {}
            if self._random.random() < 0.8:
                await self._ask("read", "GET", f"/api/v1/products/{product}", headers=headers)
            else:
                await self._ask("list", "GET", "/api/v1/products?size=20", headers=headers)
            await self._think()

    async def _buys(self) -> None:
        while not self._is_over:
            order = Order(product=self._random.choice(self._products))
            if self._random.random() >= _KEYLESS:
                order.key = uuid.uuid4().hex
            self.tally.orders.append(order)
            body = {"items": [{"productId": order.product, "quantity": 1}]}
            headers = {"Idempotency-Key": order.key} if order.key else {}
            kind = "order" if order.key else "no key"
            answer = await self._ask(kind, "POST", "/api/v1/orders", json=body, headers=headers)
            _learn(order, answer)
            if order.status == "CONFIRMED" and len(self.tally.orders) % _KEEPS:
                await self._cancel(order)
            await self._think()

    async def _cancel(self, order: Order) -> None:
        path = f"/api/v1/orders/{order.order_id}/cancel"
        # Where no answer comes, what became of it is asked later.
        order.status = None
        _learn(order, await self._ask("cancel", "POST", path))

    async def _look(self, order: Order) -> None:
        _learn(order, await self._ask("look", "GET", f"/api/v1/orders/{order.order_id}"))

    async def _ask(
        self,
        kind: str,
        method: str,
        path: str,
        *,
        json: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Mapping[str, Any]:
        """
        One request; its answer, empty where there was none.
        """
        began = time.monotonic()
        failure: str | None
        try:
            answer = await self._client.request(method, path, json=json, headers=headers)
        except httpx.TransportError as error:
            body, failure = _NOTHING, repr(error)
        else:
            body, failure = _read(answer)
        self.tally.note(kind, time.monotonic() - began, failure)
        return body

    async def _think(self) -> None:
        await asyncio.sleep(self._random.uniform(0, 2 * _THINKS_S))


@asynccontextmanager
async def crowd_at(url: str, *, seed: str) -> AsyncIterator[Crowd]:
    """
    People before the shop at ``url``, who want what there is plenty of.
    """
    limits = httpx.Limits(keepalive_expiry=_IDLE_FOR_S)
    async with httpx.AsyncClient(base_url=url, timeout=_ANSWER_WITHIN_S, limits=limits) as client:
        answer = await client.get("/api/v1/products", params={"size": 60})
        items = answer.raise_for_status().json()["items"]
        wanted = [str(item["id"]) for item in items if (item["available"] or 0) >= _PLENTY]
        yield Crowd(client, wanted, seed=seed)


def discrepancies(
    tally: Tally, before: Mapping[str, Shelf], after: Mapping[str, Shelf]
) -> list[str]:
    """
    Where the shelves do not show exactly what shoppers were told: something was sold twice, or never.
    """
    told = Counter(one.product for one in tally.orders if one.status == "CONFIRMED")
    found = []
    for product, (stock, reserved) in before.items():
        stock_now, reserved_now = after[product]
        if stock - stock_now != told[product]:
            found.append(f"{product}: {stock - stock_now} sold, {told[product]} told")
        if reserved_now != reserved:
            found.append(f"{product}: {reserved_now - reserved} reserved for nobody")
    return found


def _read(answer: httpx.Response) -> tuple[Mapping[str, Any], str | None]:
    """
    What it says, and what is wrong with it. Whoever stands before the gateways may speak another language.
    """
    said = answer.text[:200].strip()
    try:
        body = answer.json()
    except ValueError:
        return _NOTHING, f"{answer.status_code} with what is no JSON: {said}"
    return body, None if answer.is_success else f"{answer.status_code} {said}"


def _learn(order: Order, body: Mapping[str, Any]) -> None:
    details = body.get("error", {}).get("details") or {}
    order.order_id = body.get("orderId") or details.get("orderId") or order.order_id
    order.status = body.get("status") or order.status
