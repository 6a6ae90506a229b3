"""
The tables of this service. Each capability's repository reads and writes its own.
"""

from sqlalchemy import (
    Boolean,
    CheckConstraint,
    Column,
    Dialect,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    String,
    Table,
    Text,
    TypeDecorator,
)

from servicekit.database import UtcDateTime, new_metadata

metadata = new_metadata()

#: Sets of words (roles, scopes, permissions) stand sorted in one column, see :class:`Words`.
_WORDS_LENGTH = 4096


class Words(TypeDecorator[frozenset[str]]):
    """
    A set of words without spaces, as one text: ``" admin shopper "``, so that it can be searched.
    """

    impl = String(_WORDS_LENGTH)
    cache_ok = True

    def process_bind_param(
        self,
        value: frozenset[str] | None,
        dialect: Dialect,  # noqa: ARG002  # SQLAlchemy calls it with both
    ) -> str | None:
        """
        Sorted, with a space around each.
        """
        return None if value is None else f" {' '.join(sorted(value))} "

    def process_result_value(
        self,
        value: str | None,
        dialect: Dialect,  # noqa: ARG002  # SQLAlchemy calls it with both
    ) -> frozenset[str] | None:
        """
        As a set.
        """
        return None if value is None else frozenset(value.split())


users = Table(
    "users",
    metadata,
    Column("id", String(36), primary_key=True),
    Column("user_name", String(64), nullable=False),
    Column("user_name_key", String(64), nullable=False, unique=True),
    Column("email", String(254)),
    Column("email_key", String(254), unique=True),
    Column("display_name", String(100), nullable=False),
    Column("roles", Words, nullable=False),
    Column("password_hash", String(255), nullable=False),
    Column("is_disabled", Boolean, nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Column("updated_at", UtcDateTime, nullable=False),
    Column("password_set_at", UtcDateTime, nullable=False),
)

service_clients = Table(
    "service_clients",
    metadata,
    Column("id", String(63), primary_key=True),
    Column("description", String(200), nullable=False),
    Column("secret_hash", String(64), nullable=False),
    Column("previous_secret_hash", String(64)),
    Column("previous_secret_until", UtcDateTime),
    Column("scopes", Words, nullable=False),
    Column("permissions", Words, nullable=False),
    Column("is_disabled", Boolean, nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Column("updated_at", UtcDateTime, nullable=False),
)

refresh_families = Table(
    "refresh_families",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("user_id", ForeignKey("users.id", ondelete="CASCADE"), nullable=False, index=True),
    Column("client_id", String(63), index=True),
    Column("scopes", Words, nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Column("expires_at", UtcDateTime, nullable=False, index=True),
    Column("idle_expires_at", UtcDateTime, nullable=False, index=True),
    Column("revoked_at", UtcDateTime),
    Column("revoked_reason", String(32)),
)

refresh_tokens = Table(
    "refresh_tokens",
    metadata,
    Column("token_hash", String(64), primary_key=True),
    Column(
        "family_id",
        ForeignKey("refresh_families.id", ondelete="CASCADE"),
        nullable=False,
        index=True,
    ),
    Column("issued_at", UtcDateTime, nullable=False),
    Column("used_at", UtcDateTime),
)

revoked_access_tokens = Table(
    "revoked_access_tokens",
    metadata,
    Column("jti", String(64), primary_key=True),
    Column("expires_at", UtcDateTime, nullable=False, index=True),
)

signing_keys = Table(
    "signing_keys",
    metadata,
    Column("kid", String(64), primary_key=True),
    Column("generation", Integer, nullable=False, unique=True),
    Column("public", LargeBinary(32), nullable=False),
    Column("sealed_private", Text),
    Column("created_at", UtcDateTime, nullable=False),
    Column("signs_from", UtcDateTime, nullable=False),
    Column("retires_at", UtcDateTime),
    Column("withdrawn_at", UtcDateTime),
    CheckConstraint("generation > 0", name="generation_positive"),
)

sign_in_counters = Table(
    "sign_in_counters",
    metadata,
    Column("key", String(64), primary_key=True),
    Column("failures", Integer, nullable=False),
    Column("failed_at", UtcDateTime),
    Column("blocked_until", UtcDateTime),
    Column("trusted_until", UtcDateTime),
    Column("updated_at", UtcDateTime, nullable=False),
    Index("ix_sign_in_counters_updated_at", "updated_at"),
)

locks = Table(
    "locks",
    metadata,
    Column("name", String(32), primary_key=True),
)
