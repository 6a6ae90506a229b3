"""
``Idempotency-Key``: whose it is, what it stands for, and how it is kept.

A key is its caller's own. Guests share one principal, so a guest's key must be hard to guess to be
unlike all others: one of fewer than 16 characters counts together with the client's address. Keys and
requests are kept as digests: what a shopper wrote there is nobody's business.
"""

import hashlib
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from sqlalchemy import bindparam, delete, exists, select, tuple_
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.checkout.adding import adding_new
from gateway.tables import OPEN, idempotency_keys, orders
from servicekit.auth import Principal
from servicekit.database import Reading

#: A guest's key with this many characters is taken to be nobody else's.
SAFE_LENGTH: Final = 16
#: How many are forgotten in one transaction.
BATCH: Final = 500
_VISIBLE: Final = frozenset(map(chr, range(0x21, 0x7F)))

_ADD: Final = adding_new(idempotency_keys)
_FIND: Final = select(idempotency_keys).where(
    idempotency_keys.c.caller == bindparam("whose"),
    idempotency_keys.c.key_digest == bindparam("digest"),
)


@dataclass(frozen=True, slots=True)
class Key:
    """
    A key of somebody's: digests of the key, and of what is asked with it.
    """

    caller: str
    key_digest: str
    body_digest: str


@dataclass(frozen=True, slots=True)
class Known:
    """
    What a key stands for.
    """

    body_digest: str
    order_id: str


def is_key(text: str) -> bool:
    """
    Whether the text can be a key.
    """
    return 1 <= len(text) <= 255 and _VISIBLE.issuperset(text)


def key_of(text: str, principal: Principal, *, address: str, body_digest: str) -> Key:
    """
    The key that ``principal`` has sent from ``address``.
    """
    if principal.kind == "anonymous":
        caller = "guest" if len(text) >= SAFE_LENGTH else f"guest@{address}"
    else:
        caller = f"{principal.kind}:{principal.user_id}"
    return Key(caller[:300], hashlib.sha256(text.encode()).hexdigest(), body_digest)


def owner_of(principal: Principal) -> str | None:
    """
    By which name orders and keys are a principal's; None for guests, who are all alike.
    """
    if principal.kind == "service":
        # A client may be called like a user's id.
        return f"service:{principal.user_id}"
    return principal.user_id


async def claim(
    connection: AsyncConnection, key: Key, order_id: str, now: datetime
) -> Known | None:
    """
    Let the key stand for a new order; what it stands for if it does already.

    Whoever claims it at the same time waits for the end of this transaction.
    """
    claimed = await connection.execute(
        _ADD[connection.dialect.name],
        {
            "caller": key.caller,
            "key_digest": key.key_digest,
            "body_digest": key.body_digest,
            "order_id": order_id,
            "created_at": now,
        },
    )
    return None if claimed.rowcount == 1 else await find(connection, key)


async def find(reading: Reading, key: Key) -> Known | None:
    """
    What the key stands for.
    """
    found = await reading.execute(_FIND, {"whose": key.caller, "digest": key.key_digest})
    rows = found if isinstance(found, list | tuple) else [*found]
    return Known(rows[0].body_digest, rows[0].order_id) if rows else None


async def forget(connection: AsyncConnection, before: datetime) -> int:
    """
    Drop keys that are older, but those of orders that are still on their way; how many it were.
    """
    whole = tuple_(idempotency_keys.c.caller, idempotency_keys.c.key_digest)
    is_open = exists().where(orders.c.id == idempotency_keys.c.order_id, orders.c.status.in_(OPEN))
    some = (
        select(idempotency_keys.c.caller, idempotency_keys.c.key_digest)
        .where(idempotency_keys.c.created_at < before, ~is_open)
        .limit(BATCH)
    )
    return (await connection.execute(delete(idempotency_keys).where(whole.in_(some)))).rowcount
