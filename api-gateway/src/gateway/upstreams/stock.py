"""
Stock, as orders ask for it: held, sold, and given back.

Inventory goes by the order: whatever is asked for it again finds what was done. So each of these goes
out under a key that is made of nothing but the order, and the client repeats it by itself.

What inventory says no to comes as ``UpstreamRefused``, and has changed nothing but what was over:

===========  ========================================================================================
asked        refused: status, code and facts
===========  ========================================================================================
reserve      404 NOT_FOUND ``{what: "product", id}``: no such product, or no longer ·
             409 OUT_OF_STOCK ``{items: [{productId, wanted, left}]}``, all that are short ·
             409 CONFLICT ``{reason, orderId}``: RELEASED, EXPIRED, RETURNED; OTHER_ITEMS than before
release      409 CONFLICT ``{reason}``: COMMITTED
commit       404 NOT_FOUND ``{what: "order"}`` · 409 CONFLICT ``{reason}``: RELEASED, EXPIRED, RETURNED
give back    404 NOT_FOUND ``{what: "order"}`` · 409 CONFLICT ``{reason}``: NOT_COMMITTED
all          401 and 403: our own token · 422 INVALID_REQUEST ``{problems}``: what none can be asked
===========  ========================================================================================

A refusal that comes through a stranger, such as a proxy, has no code. What is no answer to what was
asked is ``UpstreamFailed``, and may have been done like everything that was not refused.
"""

from collections.abc import Collection, Sequence
from typing import Final, Literal

from msgspec import Struct, json

from gateway.upstreams.models import Item, Reservation
from gateway.upstreams.reading import distrusted, read
from servicekit.http import Reply, ServiceClient

_STOCK: Final = "/api/v1/stock"

Status = Literal["RESERVED", "COMMITTED", "RELEASED", "EXPIRED", "RETURNED"]


class _Line(Reservation, frozen=True, rename="camel", gc=False):
    """
    A reservation, with whose it is and what became of it.
    """

    order_id: str
    status: Status


class _Lines(Struct, frozen=True, rename="camel", gc=False):
    order_id: str
    reservations: list[_Line]


class Stock:
    """
    Asks for an order's stock. Raises what the client raises, and UpstreamFailed for what cannot be
    used.
    """

    def __init__(self, client: ServiceClient) -> None:
        self._client = client

    async def reserve(self, order_id: str, items: Sequence[Item]) -> dict[str, Reservation]:
        """
        Hold all items, each another product, or none; the reservations by product, in that order.
        """
        wanted = [{"productId": item.product_id, "quantity": item.quantity} for item in items]
        body = {"orderId": order_id, "items": wanted}
        reply = await self._post("reservations", order_id, body, key="reserve")
        # What was held before may have been sold since: it is the order's all the same.
        lines = _lines_of(reply, order_id, {"RESERVED", "COMMITTED"}, status=201)
        told = {line.product_id: line.quantity for line in lines}
        if told != {item.product_id: item.quantity for item in items}:
            raise distrusted(reply, "other items than were asked for")
        by_product: dict[str, Reservation] = {line.product_id: line for line in lines}
        return {item.product_id: by_product[item.product_id] for item in items}

    async def release(self, order_id: str) -> None:
        """
        Hold nothing for the order any more, now and whenever a reserve of it arrives.
        """
        reply = await self._post("release", order_id, {"orderId": order_id}, key="release")
        _lines_of(reply, order_id, {"RELEASED", "EXPIRED", "RETURNED"})

    async def commit(self, order_id: str) -> None:
        """
        Take all that is held out of the stock for good.
        """
        reply = await self._post("commit", order_id, {"orderId": order_id}, key="commit")
        _check_any(_lines_of(reply, order_id, {"COMMITTED"}), reply)

    async def give_back(self, order_id: str) -> None:
        """
        Put all that was taken out back into the stock.
        """
        reply = await self._post("return", order_id, {"orderId": order_id}, key="return")
        _check_any(_lines_of(reply, order_id, {"RETURNED"}), reply)

    async def _post(self, path: str, order_id: str, body: object, *, key: str) -> Reply:
        return await self._client.post(
            f"{_STOCK}/{path}", json=body, idempotency_key=f"{order_id}:{key}"
        )


def _lines_of(
    reply: Reply, order_id: str, allowed: Collection[Status], *, status: int = 200
) -> list[_Line]:
    """
    The order's lines; raises UpstreamFailed where they are another's, or something else became of one.
    """
    answer = read(_LINES, reply, status=status)
    lines = answer.reservations
    if {answer.order_id, *(line.order_id for line in lines)} != {order_id}:
        raise distrusted(reply, "another order than was asked for")
    if any(line.status not in allowed for line in lines):
        raise distrusted(reply, "a line is not what was asked for")
    for ids in ([line.product_id for line in lines], [line.reservation_id for line in lines]):
        if len({*ids}) != len(ids):
            raise distrusted(reply, "a line is told twice")
    return lines


def _check_any(lines: Sequence[_Line], reply: Reply) -> None:
    if not lines:
        raise distrusted(reply, "no line at all")


_LINES: Final = json.Decoder(_Lines)
