"""
Prices, discounts and quotes.
"""

import sqlalchemy as sa
from alembic import op

from servicekit.database import Json, UtcDateTime

revision = "0001"
down_revision = None


def upgrade() -> None:

    op.create_table(
        "discount_claims",
        sa.Column("order_id", sa.String(length=128), nullable=False),
        sa.Column(
            "discount_id",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            autoincrement=False,
            nullable=False,
        ),
        sa.Column("code", sa.String(length=40), nullable=False),
        sa.PrimaryKeyConstraint("order_id", "discount_id", name=op.f("pk_discount_claims")),
    )
    with op.batch_alter_table("discount_claims", schema=None) as batch_op:
        batch_op.create_index("ix_discount_claims_discount_id", ["discount_id"], unique=False)

    op.create_table(
        "discounts",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("code", sa.String(length=40), nullable=False),
        sa.Column("description", sa.String(length=200), nullable=False),
        sa.Column("kind", Json(), nullable=False),
        sa.Column("category", sa.String(length=40), nullable=True),
        sa.Column("valid_from", UtcDateTime(), nullable=True),
        sa.Column("valid_until", UtcDateTime(), nullable=True),
        sa.Column("minimum_amount", sa.BigInteger(), nullable=True),
        sa.Column("minimum_currency", sa.String(length=3), nullable=True),
        sa.Column("use_limit", sa.Integer(), nullable=True),
        sa.Column("uses", sa.Integer(), server_default="0", nullable=False),
        sa.Column("is_stackable", sa.Boolean(), nullable=False),
        sa.Column("priority", sa.Integer(), nullable=False),
        sa.Column("updated_at", UtcDateTime(), nullable=False),
        sa.CheckConstraint("uses >= 0", name=op.f("ck_discounts_uses_not_negative")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_discounts")),
        sa.UniqueConstraint("code", name=op.f("uq_discounts_code")),
    )
    op.create_table(
        "price_series",
        sa.Column("product_id", sa.String(length=64), nullable=False),
        sa.Column("currency", sa.String(length=3), nullable=False),
        sa.PrimaryKeyConstraint("product_id", "currency", name=op.f("pk_price_series")),
    )
    op.create_table(
        "price_versions",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("product_id", sa.String(length=64), nullable=False),
        sa.Column("currency", sa.String(length=3), nullable=False),
        sa.Column("price_type", sa.String(length=7), nullable=False),
        sa.Column("amount", sa.BigInteger(), nullable=False),
        sa.Column("valid_from", UtcDateTime(), nullable=False),
        sa.Column("valid_until", UtcDateTime(), nullable=False),
        sa.Column("set_at", UtcDateTime(), nullable=False),
        sa.Column("set_by", sa.String(length=255), nullable=True),
        sa.CheckConstraint("amount >= 0", name=op.f("ck_price_versions_amount_not_negative")),
        sa.CheckConstraint("valid_from <= valid_until", name=op.f("ck_price_versions_window")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_price_versions")),
    )
    with op.batch_alter_table("price_versions", schema=None) as batch_op:
        batch_op.create_index(
            "ix_price_versions_history",
            ["product_id", "currency", "valid_from", "id"],
            unique=False,
        )
        batch_op.create_index(
            "ix_price_versions_in_force", ["product_id", "currency", "valid_until"], unique=False
        )

    op.create_table(
        "product_terms",
        sa.Column("product_id", sa.String(length=64), nullable=False),
        sa.Column("category", sa.String(length=40), nullable=False),
        sa.PrimaryKeyConstraint("product_id", name=op.f("pk_product_terms")),
    )
    op.create_table(
        "quote_orders",
        sa.Column("order_id", sa.String(length=128), nullable=False),
        sa.Column("quote_id", sa.String(length=36), nullable=True),
        sa.Column("asked_for", sa.String(length=64), nullable=True),
        sa.Column("released_at", UtcDateTime(), nullable=True),
        sa.Column("touched_at", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("order_id", name=op.f("pk_quote_orders")),
    )
    with op.batch_alter_table("quote_orders", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_quote_orders_touched_at"), ["touched_at"], unique=False
        )

    op.create_table(
        "quotes",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("answer", sa.Text(), nullable=False),
        sa.Column("valid_until", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_quotes")),
    )
    with op.batch_alter_table("quotes", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_quotes_valid_until"), ["valid_until"], unique=False)
