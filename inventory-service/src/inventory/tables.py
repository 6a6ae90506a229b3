"""
The tables of this service.

``products`` is written by ``products.repository``, its two amounts by ``ledger.repository``
alone; ``stock_orders`` and ``stock_reservations`` by ``stock.repository``; ``stock_movements``
by ``ledger.repository``, and triggers let nobody change or delete a row there.
"""

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    ForeignKey,
    Index,
    Integer,
    String,
    Table,
    Text,
    UniqueConstraint,
    text,
)
from sqlalchemy.types import TypeEngine

from servicekit.database import UtcDateTime, new_metadata

metadata = new_metadata()


def ordered(length: int) -> TypeEngine[str]:
    """
    Text that both databases sort alike: by code point, whatever the server's locale.
    """
    return String(length).with_variant(String(length, collation="C"), "postgresql")


products = Table(
    "products",
    metadata,
    Column("id", ordered(64), primary_key=True),
    Column("sku", String(64), nullable=False, unique=True),
    Column("name", String(200), nullable=False),
    Column("description", String(2000), nullable=False),
    Column("category", ordered(64), nullable=False),
    Column("image_url", String(500), nullable=False),
    # What is sorted by and searched in: databases fold ASCII at most, and not alike.
    Column("name_key", ordered(200), nullable=False),
    Column("search_key", Text, nullable=False),
    Column("stock_level", BigInteger, nullable=False),
    Column("reserved", BigInteger, nullable=False),
    Column("updated_at", UtcDateTime, nullable=False),
    Column("removed_at", UtcDateTime),
    CheckConstraint("reserved >= 0", name="reserved_not_negative"),
    CheckConstraint("stock_level >= reserved", name="reserved_in_stock"),
    # None on the amounts: they change with every order, and PostgreSQL then updates in place.
    Index("ix_products_category_id", "category", "id"),
    Index("ix_products_name_key_id", "name_key", "id"),
)

stock_orders = Table(
    "stock_orders",
    metadata,
    Column("order_id", String(128), primary_key=True),
    # The tombstone: nothing may be reserved any more.
    Column("released_at", UtcDateTime),
    # An order form has said what all the lines are.
    Column("is_whole", Boolean, nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
)

stock_reservations = Table(
    "stock_reservations",
    metadata,
    Column("id", String(36), primary_key=True),
    Column("order_id", ForeignKey("stock_orders.order_id"), nullable=False),
    Column("product_id", ForeignKey("products.id"), nullable=False),
    # The place among the order's lines, from 1.
    Column("line", Integer, nullable=False),
    Column("quantity", BigInteger, nullable=False),
    Column("status", String(16), nullable=False),
    Column("expires_at", UtcDateTime, nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    UniqueConstraint("order_id", "product_id"),
    CheckConstraint("quantity > 0", name="quantity_positive"),
    Index(
        "ix_stock_reservations_due",
        "expires_at",
        sqlite_where=text("status = 'RESERVED'"),
        postgresql_where=text("status = 'RESERVED'"),
    ),
)

stock_movements = Table(
    "stock_movements",
    metadata,
    # SQLite counts only what is called INTEGER.
    Column(
        "id",
        BigInteger().with_variant(Integer, "sqlite"),
        primary_key=True,
    ),
    Column("product_id", ForeignKey("products.id"), nullable=False),
    Column("kind", String(16), nullable=False),
    Column("stock_change", BigInteger, nullable=False),
    Column("reserved_change", BigInteger, nullable=False),
    Column("stock_level_after", BigInteger, nullable=False),
    Column("reserved_after", BigInteger, nullable=False),
    Column("order_id", String(128)),
    Column("reservation_id", String(36)),
    Column("adjustment_id", String(128)),
    Column("who", String(300), nullable=False),
    Column("why", String(500)),
    Column("correlation_id", String(128)),
    Column("at", UtcDateTime, nullable=False),
    UniqueConstraint("product_id", "adjustment_id"),
    Index("ix_stock_movements_product_id_id", "product_id", "id"),
)
