"""
Goes through the books: what must be true once everything is quiet, whatever was broken before.

========  ==========================================================================================
stock     what is there is what was there less what confirmed orders took; nothing is held
ledger    each order moved what its end says, once; nothing moved for an order that nobody knows
ending    every order has ended, or is shown as needing attention
money     a confirmed order costs what was quoted for it, and its lines are what was ordered
codes     uses are held by confirmed orders, and by no other
keys      one order for each key
timeline  an order's events begin with its acceptance and end with its end, each once
told      what shoppers were told is what happened, and each who came back was told an end
========  ==========================================================================================
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from tests.chaos.shopping import TERMINAL, Answer, Told
from tests.chaos.statement import Order, Shelf, Statement

_FLAGGED: Final = "NEEDS_ATTENTION"
#: What the ledger may say of each line of an order that has ended so.
_STORIES: Final[dict[str, tuple[tuple[str, ...], ...]]] = {
    "CONFIRMED": (("RESERVED", "COMMITTED"),),
    "CANCELLED": (("RESERVED", "COMMITTED", "RETURNED"),),
    "REJECTED": ((), ("RESERVED", "RELEASED"), ("RESERVED", "EXPIRED")),
    "FAILED": ((), ("RESERVED", "RELEASED"), ("RESERVED", "EXPIRED")),
}


@dataclass(frozen=True, slots=True)
class Discrepancy:
    """
    A rule that does not hold, of what, and how.
    """

    rule: str
    subject: str
    what: str

    def __str__(self) -> str:
        """
        One line.
        """
        return f"{self.rule}: {self.subject}: {self.what}"


def discrepancies(
    start: Mapping[str, Shelf], now: Statement, told: Sequence[Told]
) -> list[Discrepancy]:
    """
    All that does not add up; ``start``: the shelves before the first order.
    """
    return [
        *_stock(start, now),
        *_ledger(now),
        *_ending(now),
        *_money(now),
        *_codes(now),
        *_keys(now),
        *_timeline(now),
        *(one for shopper in told for one in _told(shopper, now.orders)),
    ]


def _stock(start: Mapping[str, Shelf], now: Statement) -> Iterator[Discrepancy]:
    sold: Counter[str] = Counter()
    for order in now.orders.values():
        if order.status == "CONFIRMED":
            sold.update(order.items)
    for product, shelf in now.shelves.items():
        expected = start[product].stock_level - sold[product]
        if shelf.stock_level != expected:
            what = f"{shelf.stock_level} there, {expected} expected ({sold[product]} sold)"
            yield Discrepancy("stock", product, what)
        if shelf.reserved:
            yield Discrepancy("stock", product, f"{shelf.reserved} still reserved")


def _ledger(now: Statement) -> Iterator[Discrepancy]:
    stories: dict[str, dict[str, list[tuple[str, int]]]] = {}
    for movement in now.movements:
        lines = stories.setdefault(movement.order_id, {})
        lines.setdefault(movement.product_id, []).append((movement.kind, movement.quantity))
    for order_id in stories.keys() - now.orders.keys():
        yield Discrepancy("ledger", order_id, f"no such order, yet {stories[order_id]}")
    for order in now.orders.values():
        if order.status not in _STORIES:
            continue
        story = stories.get(order.id, {})
        if not any(story == _moved(order, kinds) for kinds in _STORIES[order.status]):
            what = f"{order.status} of {dict(order.items)} ({order.reason_code}), yet {story}"
            yield Discrepancy("ledger", order.id, what)


def _moved(order: Order, kinds: Sequence[str]) -> dict[str, list[tuple[str, int]]]:
    if not kinds:
        return {}
    return {product: [(kind, count) for kind in kinds] for product, count in order.items.items()}


def _ending(now: Statement) -> Iterator[Discrepancy]:
    for order in now.orders.values():
        if order.status not in (*TERMINAL, _FLAGGED):
            yield Discrepancy("ending", order.id, f"still {order.status}: {order.events}")


def _money(now: Statement) -> Iterator[Discrepancy]:
    for order in now.orders.values():
        if order.status in ("CONFIRMED", "CANCELLED"):
            quoted = now.quoted.get(order.id)
            if quoted != (order.total, order.currency):
                what = f"costs {order.total} {order.currency}, quoted was {quoted}"
                yield Discrepancy("money", order.id, what)
            if order.lines != order.items:
                what = f"lines of {dict(order.lines)} for {dict(order.items)}"
                yield Discrepancy("money", order.id, what)
        elif order.lines or order.total is not None:
            yield Discrepancy("money", order.id, f"{order.status}, and yet sold")


def _codes(now: Statement) -> Iterator[Discrepancy]:
    rightful = {
        (order.id, code)
        for order in now.orders.values()
        if order.status == "CONFIRMED"
        for code in order.codes
        if code in now.uses
    }
    for order_id, code in now.claims ^ rightful:
        what = "held by no confirmed order" if (order_id, code) in now.claims else "not held"
        yield Discrepancy("codes", order_id, f"{code} is {what}")
    held = Counter(code for _, code in now.claims)
    for code, uses in now.uses.items():
        if uses != held[code]:
            yield Discrepancy("codes", code, f"{uses} uses counted, {held[code]} held")


def _keys(now: Statement) -> Iterator[Discrepancy]:
    keys = Counter(now.keys)
    for order_id in now.orders.keys() ^ keys.keys():
        what = "no key" if order_id in now.orders else "a key for an order that is not there"
        yield Discrepancy("keys", order_id, what)
    for order_id, count in keys.items():
        if count > 1:
            yield Discrepancy("keys", order_id, f"{count} keys")


def _timeline(now: Statement) -> Iterator[Discrepancy]:
    for order in now.orders.values():
        events = order.events
        is_whole = events and events[0] == "accepted" and len(set(events)) == len(events)
        is_over = order.status not in TERMINAL or events[-1:] == (order.status.lower(),)
        if not is_whole or not is_over:
            yield Discrepancy("timeline", order.id, f"{order.status} after {events}")


def _told(told: Told, orders: Mapping[str, Order]) -> Iterator[Discrepancy]:
    key = told.wish.key
    if len(told.order_ids) > 1:
        yield Discrepancy("told", key, f"several orders: {sorted(told.order_ids)}")
    for order_id in told.order_ids - orders.keys():
        yield Discrepancy("told", key, f"of an order that is not there: {order_id}")
    for answer in (*told.placed, *told.seen, *told.cancelled):
        order = orders.get(answer.order_id or "")
        if order is not None and (wrong := _wrong(answer, order, told)):
            yield Discrepancy("told", f"{key} {order.id}", f"{wrong}, but it is {order.status}")
    yield from _told_well(told)


def _told_well(told: Told) -> Iterator[Discrepancy]:
    key = told.wish.key
    for answer in (*told.placed, *told.seen, *told.cancelled):
        if answer.status < 500 and answer.order_id is None:
            what = f"refused without an order: {answer.status} {dict(answer.body)}"
            yield Discrepancy("told", key, what)
    confirmed = [answer.body for answer in told.placed if answer.status == 201]
    if any(body != confirmed[0] for body in confirmed):
        yield Discrepancy("told", key, f"different answers to one key: {confirmed}")
    if told.wish.comes_back and not told.wish.hangs_up and not told.was_told_an_end:
        yield Discrepancy("told", key, f"came back {told.failures} times and was told no end")


def _wrong(answer: Answer, order: Order, told: Told) -> str | None:
    """
    What was told and is not so; None where all is well.
    """
    if answer in told.cancelled:
        return _wrong_about_cancelling(answer, order)
    status = answer.order_status or ("FAILED" if answer.status >= 500 else "REJECTED")
    was_cancelled_since = order.status == "CANCELLED" and told.asked_to_cancel
    if status not in TERMINAL or (status == "CONFIRMED" and was_cancelled_since):
        return None
    return f"{answer.status} {status}" if status != order.status else _wrong_fact(answer, order)


def _wrong_fact(answer: Answer, order: Order) -> str | None:
    if answer.code and answer.status < 500 and answer.code != order.reason_code:
        return f"{answer.code} where {order.reason_code} is the reason"
    if answer.status == 201 and answer.body.get("totalPrice") != str(order.total):
        return f"a price of {answer.body.get('totalPrice')} where {order.total} stands"
    return None


def _wrong_about_cancelling(answer: Answer, order: Order) -> str | None:
    if answer.status in (200, 202):
        return None if order.status == "CANCELLED" else f"cancelled ({answer.status})"
    # Any other no would leave a confirmed order that its shopper wanted to be rid of.
    return None if answer.status >= 500 else f"{answer.code} instead of cancelling"
