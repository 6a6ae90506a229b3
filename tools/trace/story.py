"""
What happens in the shop, for its trace to be looked at.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Final

from tools.demo.settings import DemoProblem
from tools.trace.shop import Answer, Shop

_ORDERS: Final = "/api/v1/orders"
_BASKET: Final = {"items": [{"productId": "TEST-001", "quantity": 2}]}
_ENDED: Final = frozenset({"CONFIRMED", "REJECTED", "FAILED", "CANCELLED"})
#: Longer than an order is carried at once, and shorter than it may take in all.
_FROZEN_S: Final = 2.5
_ENDED_WITHIN_S: Final = 30.0
_LOOK_EVERY_S: Final = 0.1


@dataclass(frozen=True, slots=True)
class Told:
    """
    An order, what became of it, and the traces of the requests that did it.
    """

    order_id: str
    became: str
    trace_ids: tuple[str, ...]


async def confirmed(shop: Shop) -> Told:
    """
    Two of a product, with a fifth off.
    """
    return await _placed(shop, ["SUMMER20"])


async def refused(shop: Shop) -> Told:
    """
    The same with a code that there is not: what was reserved is given back.
    """
    return await _placed(shop, ["SUMMER20", "NO-SUCH-CODE"])


async def cancelled(shop: Shop) -> Told:
    """
    An order that is confirmed, and then cancelled.
    """
    told = await confirmed(shop)
    answer = await shop.post(f"{_ORDERS}/{told.order_id}/cancel")
    became = await _end(shop, told.order_id)
    return Told(told.order_id, became, (*told.trace_ids, answer.trace_id))


async def faulty(shop: Shop) -> Told:
    """
    An order while inventory is frozen for a moment: what has no answer is asked again.
    """
    placing = asyncio.create_task(_placed(shop, ["SUMMER20"]))
    async with shop.frozen("inventory-service"):
        await asyncio.sleep(_FROZEN_S)
    return await placing


STORIES: Final[Mapping[str, Callable[[Shop], Awaitable[Told]]]] = {
    "confirmed": confirmed,
    "refused": refused,
    "cancel": cancelled,
    "fault": faulty,
}


async def _placed(shop: Shop, codes: list[str]) -> Told:
    answer = await shop.post(_ORDERS, {**_BASKET, "discountCodes": codes})
    order_id = _order_id(answer)
    return Told(order_id, await _end(shop, order_id), (answer.trace_id,))


async def _end(shop: Shop, order_id: str) -> str:
    """
    What became of the order, once that is known.
    """
    give_up_at = time.monotonic() + _ENDED_WITHIN_S
    status = "unknown"
    while time.monotonic() < give_up_at:
        status = str((await shop.get(f"{_ORDERS}/{order_id}")).body.get("status"))
        if status in _ENDED:
            return status
        await asyncio.sleep(_LOOK_EVERY_S)
    raise DemoProblem(f"The order is still {status} after {_ENDED_WITHIN_S:g} s.")


def _order_id(answer: Answer) -> str:
    """
    Where it stands: in the order, or in the refusal.
    """
    error = answer.body.get("error")
    details = error.get("details") if isinstance(error, dict) else None
    found = answer.body.get("orderId") or _of(details, "orderId")
    if not isinstance(found, str):
        raise DemoProblem(f"The gateway took no order: {answer.status} {dict(answer.body)}")
    return found


def _of(facts: object, name: str) -> object:
    return facts.get(name) if isinstance(facts, dict) else None
