"""
The tables of the gateway, all of them about orders.

``checkout`` writes them; ``reports`` reads. Amounts are whole minor units of the currency beside
them. ``day`` is the day, in UTC, on which the order was accepted: ``2026-11-21``.
"""

from typing import Final

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    ForeignKey,
    Index,
    Integer,
    String,
    Table,
    UniqueConstraint,
)

from servicekit.database import Json, UtcDateTime, new_metadata

metadata = new_metadata()

orders = Table(
    "orders",
    metadata,
    Column("id", String(32), primary_key=True),
    # Of whom the order is: a principal's id. A guest's order is nobody's.
    Column("owner", String(255)),
    Column("status", String(16), nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Column("updated_at", UtcDateTime, nullable=False),
    # When it was confirmed, rejected or failed, or later cancelled.
    Column("ended_at", UtcDateTime),
    Column("day", String(10), nullable=False),
    Column("items", Json, nullable=False),
    Column("discount_codes", Json, nullable=False),
    Column("wanted_currency", String(3)),
    Column("correlation_id", String(128), nullable=False),
    # In whose trace it is carried through: of the request that placed it, or that cancels it.
    Column("traceparent", String(55)),
    Column("currency", String(3)),
    Column("subtotal", BigInteger),
    Column("total", BigInteger),
    # What the shopper was told when it was confirmed.
    Column("answer", Json),
    Column("reason_code", String(40)),
    Column("reason", Json),
    Column("failed_step", String(40)),
    Column("attention_since", UtcDateTime),
    Column("attention", Json),
    Column("retry_asked_at", UtcDateTime),
    # Read from the end: the newest come first.
    Index("ix_orders_owner_created_at", "owner", "created_at", "id"),
    Index("ix_orders_status_created_at", "status", "created_at"),
    Index("ix_orders_day", "day"),
    Index("ix_orders_created_at_id", "created_at", "id"),
)

#: What was sold, a row for each product of a confirmed order.
order_lines = Table(
    "order_lines",
    metadata,
    Column("order_id", ForeignKey("orders.id"), primary_key=True),
    Column("product_id", String(64), primary_key=True),
    Column("quantity", Integer, nullable=False),
    Column("unit_price", BigInteger, nullable=False),
    Column("line_total", BigInteger, nullable=False),
    Column("currency", String(3), nullable=False),
    Column("day", String(10), nullable=False, index=True),
    CheckConstraint("quantity > 0", name="quantity_positive"),
)

#: What was taken off, a row for each code of a confirmed order.
order_discounts = Table(
    "order_discounts",
    metadata,
    Column("order_id", ForeignKey("orders.id"), primary_key=True),
    Column("code", String(40), primary_key=True),
    Column("amount", BigInteger, nullable=False),
    Column("currency", String(3), nullable=False),
    Column("day", String(10), nullable=False, index=True),
)

#: What happened to an order, in its order. A name stands there once, however often it is told.
order_events = Table(
    "order_events",
    metadata,
    Column("order_id", ForeignKey("orders.id"), primary_key=True),
    Column("seq", Integer, primary_key=True, autoincrement=False),
    Column("name", String(60), nullable=False),
    Column("at", UtcDateTime, nullable=False),
    Column("facts", Json, nullable=False),
    UniqueConstraint("order_id", "name"),
)

#: What was found out for good while an order was carried through: the first to find it out counts.
order_findings = Table(
    "order_findings",
    metadata,
    Column("order_id", ForeignKey("orders.id"), primary_key=True),
    Column("name", String(60), primary_key=True),
    Column("finding", Json, nullable=False),
    Column("at", UtcDateTime, nullable=False, index=True),
)

#: Which order an ``Idempotency-Key`` stands for: digests of the key and of what was asked with it.
idempotency_keys = Table(
    "idempotency_keys",
    metadata,
    Column("caller", String(300), primary_key=True),
    Column("key_digest", String(64), primary_key=True),
    Column("body_digest", String(64), nullable=False),
    Column("order_id", String(32), nullable=False),
    Column("created_at", UtcDateTime, nullable=False, index=True),
)

#: Statuses that an order leaves by itself.
OPEN: Final = ("PENDING", "CANCELLING", "NEEDS_ATTENTION")
