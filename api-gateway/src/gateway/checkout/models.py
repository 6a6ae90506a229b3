"""
An order, and what becomes of it.

::

    PENDING ──┬─▸ CONFIRMED ─── cancel ──▸ CANCELLING ──▸ CANCELLED
              ├─▸ REJECTED   a no that has its reason in the order: too few units, a bad code
              └─▸ FAILED     something of ours did not work, and all is undone

What takes long in PENDING or CANCELLING shows as NEEDS_ATTENTION meanwhile, and goes on by itself.
"""

import enum
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

import orjson
from pydantic import JsonValue

from gateway.upstreams.models import Item

#: The names of sagas: they are recorded, and must stay.
PLACE: Final = "place-order"
CANCEL: Final = "cancel-order"


class Status(enum.StrEnum):
    """
    What has become of an order.
    """

    PENDING = "PENDING"
    CONFIRMED = "CONFIRMED"
    REJECTED = "REJECTED"
    FAILED = "FAILED"
    CANCELLING = "CANCELLING"
    CANCELLED = "CANCELLED"
    NEEDS_ATTENTION = "NEEDS_ATTENTION"


#: What an order does not leave by itself.
ENDED: Final = frozenset({Status.CONFIRMED, Status.REJECTED, Status.FAILED, Status.CANCELLED})


@dataclass(frozen=True, slots=True)
class Wanted:
    """
    What somebody orders: each product once, and codes in their normal form.
    """

    items: tuple[Item, ...]
    codes: tuple[str, ...] = ()
    currency: str | None = None

    @property
    def digest(self) -> str:
        """
        The same for what means the same: the order of items and of codes does not count.
        """
        items = sorted([item.product_id, item.quantity] for item in self.items)
        meant = orjson.dumps([items, sorted(self.codes), self.currency])
        return hashlib.sha256(meant).hexdigest()


@dataclass(frozen=True, slots=True)
class Event:
    """
    Something that has happened to an order; it has a ``seq`` once it is kept.
    """

    name: str
    at: datetime
    facts: Mapping[str, JsonValue]
    seq: int = 0


@dataclass(frozen=True, slots=True)
class Reason:
    """
    Why there is no such order: a code that clients know, in words, and with facts.
    """

    code: str
    message: str
    details: Mapping[str, JsonValue]
    step: str | None = None


@dataclass(frozen=True, slots=True)
class Attention:
    """
    What has been tried for long: which step, why it does not end, and since when that is shown.
    """

    since: datetime
    step: str
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """
    An order as it stands. ``answer`` is what the shopper was told when it was confirmed; ``traceparent``
    the span below which it is carried through.
    """

    id: str
    owner: str | None
    status: Status
    created_at: datetime
    updated_at: datetime
    wanted: Wanted
    correlation_id: str
    traceparent: str | None = None
    ended_at: datetime | None = None
    answer: Mapping[str, JsonValue] | None = None
    reason: Reason | None = None
    attention: Attention | None = None

    @property
    def has_ended(self) -> bool:
        """
        Whether it stays as it is, unless somebody cancels it.
        """
        return self.status in ENDED

    @property
    def saga(self) -> str:
        """
        By which saga it is what it is, or is about to become something else.
        """
        is_placed = self.ended_at is not None and self.status not in {
            Status.CONFIRMED,
            Status.REJECTED,
            Status.FAILED,
        }
        return CANCEL if is_placed else PLACE


@dataclass(frozen=True, slots=True, kw_only=True)
class Sold:
    """
    What is kept of a confirmed order, in minor units of ``currency``.
    """

    currency: str
    subtotal: int
    total: int
    lines: Sequence[Mapping[str, str | int]]
    discounts: Sequence[Mapping[str, str | int]]
    answer: Mapping[str, JsonValue]


@dataclass(frozen=True, slots=True)
class End:
    """
    What a new order has become, and when: sold, or nothing for a reason.
    """

    order_id: str
    at: datetime
    status: Status
    sold: Sold | None = None
    reason: Reason | None = None


@dataclass(frozen=True, slots=True)
class Page:
    """
    Some orders of a list, and how many there are in all. The ids of those that would stand between them
    and that this release cannot read.
    """

    orders: Sequence[Order]
    total: int
    unreadable: Sequence[str] = ()
