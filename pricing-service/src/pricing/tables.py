"""
The tables of this service. Each capability's repository reads and writes its own.

Amounts are whole minor units of the currency beside them. What holds without end ends at
``moments.FOREVER``.
"""

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Index,
    Integer,
    String,
    Table,
    Text,
)

from servicekit.database import Json, UtcDateTime, new_metadata

metadata = new_metadata()

#: SQLite counts by itself only in a column of exactly this type.
_Id = BigInteger().with_variant(Integer(), "sqlite")

product_terms = Table(
    "product_terms",
    metadata,
    Column("product_id", String(64), primary_key=True),
    Column("category", String(40), nullable=False),
)

#: Whoever sets a price of a product in a currency locks its row.
price_series = Table(
    "price_series",
    metadata,
    Column("product_id", String(64), primary_key=True),
    Column("currency", String(3), primary_key=True),
)

price_versions = Table(
    "price_versions",
    metadata,
    Column("id", _Id, primary_key=True),
    Column("product_id", String(64), nullable=False),
    Column("currency", String(3), nullable=False),
    Column("price_type", String(7), nullable=False),
    Column("amount", BigInteger, nullable=False),
    Column("valid_from", UtcDateTime, nullable=False),
    Column("valid_until", UtcDateTime, nullable=False),
    Column("set_at", UtcDateTime, nullable=False),
    Column("set_by", String(255)),
    CheckConstraint("amount >= 0", name="amount_not_negative"),
    # A version that was replaced before it began has an empty window.
    CheckConstraint("valid_from <= valid_until", name="window"),
    Index("ix_price_versions_in_force", "product_id", "currency", "valid_until"),
    Index("ix_price_versions_history", "product_id", "currency", "valid_from", "id"),
)

discounts = Table(
    "discounts",
    metadata,
    Column("id", _Id, primary_key=True),
    Column("code", String(40), nullable=False, unique=True),
    Column("description", String(200), nullable=False),
    Column("kind", Json, nullable=False),
    Column("category", String(40)),
    Column("valid_from", UtcDateTime),
    Column("valid_until", UtcDateTime),
    Column("minimum_amount", BigInteger),
    Column("minimum_currency", String(3)),
    Column("use_limit", Integer),
    Column("uses", Integer, nullable=False, server_default="0"),
    Column("is_stackable", Boolean, nullable=False),
    Column("priority", Integer, nullable=False),
    Column("updated_at", UtcDateTime, nullable=False),
    CheckConstraint("uses >= 0", name="uses_not_negative"),
)

#: Who holds a use of a discount with a limit; at most as many rows as the limit.
discount_claims = Table(
    "discount_claims",
    metadata,
    Column("order_id", String(128), primary_key=True),
    Column("discount_id", _Id, primary_key=True, autoincrement=False),
    Column("code", String(40), nullable=False),
    Index("ix_discount_claims_discount_id", "discount_id"),
)

quotes = Table(
    "quotes",
    metadata,
    Column("id", String(36), primary_key=True),
    Column("answer", Text, nullable=False),
    Column("valid_until", UtcDateTime, nullable=False, index=True),
)

#: Whoever quotes or releases an order locks its row. ``released_at``: no quote may come any more.
quote_orders = Table(
    "quote_orders",
    metadata,
    Column("order_id", String(128), primary_key=True),
    Column("quote_id", String(36)),
    Column("asked_for", String(64)),
    Column("released_at", UtcDateTime),
    Column("touched_at", UtcDateTime, nullable=False, index=True),
)
