"""
``Idempotency-Key``: whose it is, what it stands for, and how it is kept.

A key is its caller's own. Guests share one principal, so a guest's key must look random to be unlike
all others: one that is short, a time or made of words counts together with the client's address. Keys
and requests are kept as digests: what a shopper wrote there is nobody's business.
"""

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from sqlalchemy import Connection, bindparam, select, tuple_

from gateway.tables import idempotency_keys
from servicekit.auth import Principal
from servicekit.database import Insertion, Reading, write_rows

#: A guest's key with this many characters, and so many changes between small letters, capitals and digits
#: that stand side by side, is taken to be random. Of 250 random UUIDs one has fewer; words and numbers have.
SAFE_LENGTH: Final = 20
SAFE_CHANGES: Final = 6
_CHANGE: Final = re.compile("(?<=[a-z])(?=[A-Z0-9])|(?<=[A-Z])(?=[a-z0-9])|(?<=[0-9])(?=[a-zA-Z])")
_VISIBLE: Final = frozenset(map(chr, range(0x21, 0x7F)))

_ADD: Final = Insertion(
    idempotency_keys,
    *("caller", "key_digest", "body_digest", "order_id", "created_at"),
    unless=["caller", "key_digest"],
)
_WHOLE: Final = tuple_(idempotency_keys.c.caller, idempotency_keys.c.key_digest)
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
        caller = "guest" if _looks_random(text) else f"guest@{address}"
    else:
        caller = f"{principal.kind}:{principal.user_id}"
    return Key(caller[:300], hashlib.sha256(text.encode()).hexdigest(), body_digest)


def _looks_random(text: str) -> bool:
    return len(text) >= SAFE_LENGTH and len(_CHANGE.findall(text)) >= SAFE_CHANGES


def owner_of(principal: Principal) -> str | None:
    """
    By which name orders and keys are a principal's; None for guests, who are all alike.
    """
    if principal.kind == "service":
        # A client may be called like a user's id.
        return f"service:{principal.user_id}"
    return principal.user_id


def claim_all(
    connection: Connection, claims: Sequence[tuple[Key, str, datetime]]
) -> dict[str, Known]:
    """
    Let keys stand for new orders, each given with its id and its time. By those ids, what the keys
    stand for that stood for an order already, or stand for one that comes before it here.

    Whoever claims one of them at the same time waits for the end of this transaction.
    """
    # In one order, or two who claim several could wait for each other.
    first = {(key.caller, key.key_digest): (key, id_, at) for key, id_, at in reversed(claims)}
    rows = [
        {
            "caller": key.caller,
            "key_digest": key.key_digest,
            "body_digest": key.body_digest,
            "order_id": order_id,
            "created_at": at,
        }
        for _, (key, order_id, at) in sorted(first.items())
    ]
    if write_rows(connection, [(_ADD, rows)]) == len(claims):
        return {}
    held = connection.execute(select(idempotency_keys).where(_WHOLE.in_(first)))
    known = {(row.caller, row.key_digest): Known(row.body_digest, row.order_id) for row in held}
    stands = {id_: known[key.caller, key.key_digest] for key, id_, _ in claims}
    return {id_: what for id_, what in stands.items() if what.order_id != id_}


async def find(reading: Reading, key: Key) -> Known | None:
    """
    What the key stands for.
    """
    rows = [*await reading.execute(_FIND, {"whose": key.caller, "digest": key.key_digest})]
    return Known(rows[0].body_digest, rows[0].order_id) if rows else None
